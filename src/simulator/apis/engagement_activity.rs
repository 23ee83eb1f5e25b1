//! Engagement Activity: counts chats by account, skill and agent.
//!
//! A chat counts as closed in the bucket in which it was closed and as connected in the one in
//! which an agent answered. With ids of both kinds the skill section holds only the named agents'
//! chats, the agent section all chats of its agents. `agentIds=all` restricts nothing: the skill
//! totals then hold the chats that no agent ever took, too.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::simulator::json_style::{Numbers, SectionName};
use crate::simulator::params::{BadParameter, Ids, Params};
use crate::simulator::world::arrivals::Chat;
use crate::simulator::world::window::Window;

/// A checked request.
pub(crate) struct Request {
    /// Minutes.
    pub(crate) timeframe: i64,
    interval: Option<i64>,
    filter: Filter,
}

struct Filter {
    skills: Option<Ids>,
    agents: Option<Ids>,
}

impl Request {
    /// Checks every parameter; the first mistake is the answer.
    pub(crate) fn read(params: &Params) -> Result<Self, BadParameter> {
        params.check_version()?;
        let timeframe = params.timeframe()?;
        Ok(Self {
            timeframe,
            interval: params.interval(timeframe)?,
            filter: Filter {
                skills: params.ids("skillIds")?,
                agents: params.ids("agentIds")?,
            },
        })
    }

    /// The body of the answer.
    pub(crate) fn answer<'a>(
        &self,
        window: Window,
        chats: impl Iterator<Item = &'a Chat>,
        numbers: Numbers,
        section: SectionName,
    ) -> Value {
        let ends = self.interval.map(|minutes| window.interval_ends(minutes));
        let mut whole = Sections::default();
        let mut intervals: Vec<Sections> = Vec::new();
        intervals.resize_with(ends.as_ref().map_or(0, Vec::len), Sections::default);
        for chat in chats {
            let closed = Some((chat.closed_at, Event::Closed));
            let connected = chat.answered_at.map(|time| (time, Event::Connected));
            for (time, event) in [closed, connected].into_iter().flatten() {
                if !window.holds(time) {
                    continue;
                }
                whole.count(&self.filter, chat, event);
                let place = self
                    .interval
                    .and_then(|length| window.interval_of(time, length));
                if let Some(interval) = place.and_then(|place| intervals.get_mut(place)) {
                    interval.count(&self.filter, chat, event);
                }
            }
        }
        let mut body = whole.json(&self.filter, numbers, section);
        if let Some(ends) = ends {
            let list = ends.into_iter().zip(&intervals).map(|(end, sections)| {
                json!({
                    "timestamp": numbers.whole(end),
                    "metricsData": sections.json(&self.filter, numbers, section),
                })
            });
            body.insert("metricsByIntervals".to_owned(), list.collect());
        }
        Value::Object(body)
    }
}

#[derive(Clone, Copy)]
enum Event {
    Closed,
    Connected,
}

/// The five numbers.
#[derive(Default)]
struct Tally {
    interactive: i64,
    noninteractive: i64,
    handling: i64,
    noninteractive_handling: i64,
    connected: i64,
}

impl Tally {
    fn count(&mut self, chat: &Chat, event: Event) {
        let seconds = i64::from(chat.handling_seconds);
        match event {
            Event::Connected => self.connected += 1,
            Event::Closed if chat.interactive => {
                self.interactive += 1;
                self.handling += seconds;
            }
            Event::Closed => {
                self.noninteractive += 1;
                self.noninteractive_handling += seconds;
            }
        }
    }

    fn json(&self, numbers: Numbers) -> Value {
        json!({
            "totalInteractiveChats": numbers.whole(self.interactive),
            "totalNonInteractiveChats": numbers.whole(self.noninteractive),
            "totalHandlingTime": numbers.whole(self.handling),
            "nonInteractiveTotalHandlingTime": numbers.whole(self.noninteractive_handling),
            "connectedEngagements": numbers.whole(self.connected),
        })
    }
}

#[derive(Default)]
struct Skill {
    total: Tally,
    agents: BTreeMap<i64, Tally>,
}

/// What one time span says; only the sections asked for are filled.
#[derive(Default)]
struct Sections {
    account: Tally,
    skills: BTreeMap<i64, Skill>,
    skills_total: Tally,
    agents: BTreeMap<i64, Tally>,
    agents_total: Tally,
}

impl Sections {
    fn count(&mut self, filter: &Filter, chat: &Chat, event: Event) {
        let agent_asked = |ids: &Ids| match chat.agent {
            Some(agent) => ids.holds(agent),
            None => *ids == Ids::All,
        };
        if let Some(skills) = &filter.skills
            && skills.holds(chat.skill)
            && filter.agents.as_ref().is_none_or(agent_asked)
        {
            let skill = self.skills.entry(chat.skill).or_default();
            skill.total.count(chat, event);
            self.skills_total.count(chat, event);
            if let Some(agent) = chat.agent {
                skill.agents.entry(agent).or_default().count(chat, event);
            }
        }
        if let Some(agents) = &filter.agents
            && let Some(agent) = chat.agent
            && agents.holds(agent)
        {
            self.agents.entry(agent).or_default().count(chat, event);
            self.agents_total.count(chat, event);
        }
        if filter.skills.is_none() && filter.agents.is_none() {
            self.account.count(chat, event);
        }
    }

    fn json(&self, filter: &Filter, numbers: Numbers, section: SectionName) -> Map<String, Value> {
        let mut body = Map::new();
        if filter.skills.is_some() {
            let skills = self.skills.iter().map(|(id, skill)| {
                let metrics = json!({
                    "metricsPerAgent": per_agent(&skill.agents, numbers),
                    "metricsTotals": skill.total.json(numbers),
                });
                (id.to_string(), metrics)
            });
            let skills = json!({
                "metricsPerSkill": skills.collect::<Map<_, _>>(),
                "metricsTotals": self.skills_total.json(numbers),
            });
            body.insert(section.key().to_owned(), skills);
        }
        if filter.agents.is_some() {
            let agents = json!({
                "metricsPerAgent": per_agent(&self.agents, numbers),
                "metricsTotals": self.agents_total.json(numbers),
            });
            body.insert("agentsMetrics".to_owned(), agents);
        }
        if body.is_empty() {
            body.insert("metricsTotals".to_owned(), self.account.json(numbers));
        }
        body
    }
}

fn per_agent(agents: &BTreeMap<i64, Tally>, numbers: Numbers) -> Map<String, Value> {
    agents
        .iter()
        .map(|(id, tally)| (id.to_string(), tally.json(numbers)))
        .collect()
}
