//! Current Queue State in the simulator: the chats that wait now, the free slots of the agents on
//! duty, and, with `v=2`, the longest wait, for each skill and in total.
//!
//! A skill has a state when a chat waits for it or an agent on duty serves it. One without is left
//! out, or has -1 everywhere when it was asked for by its id. The totals add up the skills.

use liveperson_exporter::simulator::apis::{Api, ApiRequest};
use liveperson_exporter::simulator::{ApiResponse, IdFilter, InvalidParameter, Params, World};
use serde_json::{Map, Value, json};

/// The API.
pub(crate) struct QueueState;

impl Api for QueueState {
    fn name(&self) -> &'static str {
        "queuestate"
    }

    fn service(&self) -> Option<&'static str> {
        Some("leDataReporting")
    }

    fn path(&self) -> &'static str {
        "/operations/api/account/{account}/queuestate"
    }

    fn example_query(&self) -> &'static str {
        "v=2"
    }

    fn has_envelope(&self) -> bool {
        true
    }

    fn respond(
        &self,
        request: &ApiRequest,
        world: &World<'_>,
    ) -> Result<ApiResponse, InvalidParameter> {
        let query = Query::parse(request.params())?;
        Ok(ApiResponse::json(200, &query.body(world)))
    }
}

/// The checked parameters.
struct Query {
    skills: IdFilter,
    /// `v=2`.
    has_wait: bool,
}

/// The queue of one skill, or of several.
#[derive(Clone, Copy)]
struct State {
    waiting: i64,
    slots: i64,
    /// Milliseconds; `None` when no chat waits.
    longest_wait: Option<i64>,
}

impl Query {
    fn parse(params: &Params) -> Result<Self, InvalidParameter> {
        let has_wait = match params.get("v") {
            Some("1") => false,
            Some("2") => true,
            Some(other) => {
                let reason = "the supported versions are 1 and 2";
                return Err(InvalidParameter::new("v", other, reason));
            }
            None => return Err(InvalidParameter::missing("v")),
        };
        Ok(Self {
            skills: params.ids("skillIds")?.unwrap_or(IdFilter::All),
            has_wait,
        })
    }

    fn body(&self, world: &World<'_>) -> Value {
        let mut skills = Map::new();
        let mut totals = State {
            waiting: 0,
            slots: 0,
            longest_wait: None,
        };
        for (id, state) in states(world) {
            if self.skills.contains(id) {
                totals.add(state);
                skills.insert(id.to_string(), self.json(Some(state), world));
            }
        }
        if let IdFilter::Only(ids) = &self.skills {
            for id in ids {
                let state = skills.entry(id.to_string());
                state.or_insert_with(|| self.json(None, world));
            }
        }
        json!({ "skills": skills, "totals": self.json(Some(totals), world) })
    }

    fn json(&self, state: Option<State>, world: &World<'_>) -> Value {
        let number = |value: Option<i64>| world.options().numbers.whole(value.unwrap_or(-1));
        let mut body = json!({
            "currentQueueSize": number(state.map(|state| state.waiting)),
            "currentAvailableSlots": number(state.map(|state| state.slots)),
        });
        if self.has_wait {
            let wait = state.and_then(|state| state.longest_wait);
            body["currentMaxWaitTimeInQueue"] = number(wait);
        }
        body
    }
}

impl State {
    fn add(&mut self, other: Self) {
        self.waiting += other.waiting;
        self.slots += other.slots;
        self.longest_wait = self.longest_wait.max(other.longest_wait);
    }
}

/// The skills that have a state, by id.
fn states(world: &World<'_>) -> Vec<(i64, State)> {
    let now = world.window(0).as_of;
    let (waiting, on_duty) = (world.waiting_chats(), world.agents_on_duty());
    let mut states = Vec::new();
    for skill in world.skills() {
        let queue: Vec<_> = waiting.iter().filter(|c| c.skill == skill.id()).collect();
        let serving = on_duty.iter().filter(|duty| duty.agent.serves(skill));
        let free: Vec<_> = serving.map(|duty| duty.free_slots).collect();
        if queue.is_empty() && free.is_empty() {
            continue;
        }
        let state = State {
            waiting: whole(queue.len()),
            slots: whole(free.iter().sum()),
            longest_wait: queue.iter().map(|chat| now - chat.queued_at).max(),
        };
        states.push((skill.id(), state));
    }
    states
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
