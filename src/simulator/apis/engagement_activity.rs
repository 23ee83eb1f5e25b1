//! Engagement Activity: counts chats by account, skill and agent.
//!
//! A chat counts as closed in the bucket in which it was closed and as connected in the one in
//! which an agent answered. With ids of both kinds the skill section holds only the named agents'
//! chats, the agent section all chats of its agents. `agentIds=all` restricts nothing: the skill
//! totals then also hold the chats that were never answered.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Api, ApiRequest};
use crate::simulator::json_style::{Numbers, SectionName};
use crate::simulator::params::{IdFilter, InvalidParameter, Params};
use crate::simulator::response::ApiResponse;
use crate::simulator::world::{Chat, Window, World};

/// The API.
pub(super) struct EngagementActivity;

impl Api for EngagementActivity {
    fn name(&self) -> &'static str {
        "engactivity"
    }

    fn service(&self) -> Option<&'static str> {
        Some("leDataReporting")
    }

    fn path(&self) -> &'static str {
        "/operations/api/account/{account}/engactivity"
    }

    fn example_query(&self) -> &'static str {
        "timeframe=60&v=1"
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
        let window = world.window(query.timeframe);
        let chats = world.chats(window);
        let style = Style {
            numbers: world.options().numbers,
            section_name: world.options().section_name,
        };
        let body = query.body(window, chats.iter(), style);
        Ok(ApiResponse::json(200, &body))
    }
}

/// How the response is written.
#[derive(Clone, Copy, Default)]
pub(crate) struct Style {
    pub(crate) numbers: Numbers,
    pub(crate) section_name: SectionName,
}

/// The checked parameters.
pub(crate) struct Query {
    /// Minutes.
    pub(crate) timeframe: i64,
    /// Minutes.
    interval: Option<i64>,
    filter: Filter,
}

/// Which sections are requested, and for which ids.
struct Filter {
    skills: Option<IdFilter>,
    agents: Option<IdFilter>,
}

impl Query {
    /// Checks every parameter; the first invalid one is the error.
    pub(crate) fn parse(params: &Params) -> Result<Self, InvalidParameter> {
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

    /// The body of the response.
    pub(crate) fn body<'a>(
        &self,
        window: Window,
        chats: impl Iterator<Item = &'a Chat>,
        style: Style,
    ) -> Value {
        let mut intervals = self.interval.map(|minutes| Intervals::new(window, minutes));
        let mut total = Sections::default();
        for chat in chats {
            for (time, event) in events(chat) {
                if !window.contains(time) {
                    continue;
                }
                total.count(&self.filter, chat, event);
                if let Some(sections) = intervals.as_mut().and_then(|all| all.at(time)) {
                    sections.count(&self.filter, chat, event);
                }
            }
        }
        let mut body = total.json(&self.filter, style);
        if let Some(intervals) = intervals {
            let intervals = intervals.json(&self.filter, style);
            body.insert("metricsByIntervals".to_owned(), intervals);
        }
        Value::Object(body)
    }
}

/// The window split into intervals of equal length.
struct Intervals {
    window: Window,
    minutes: i64,
    /// The end and the counts of each, newest first.
    counts: Vec<(i64, Sections)>,
}

impl Intervals {
    fn new(window: Window, minutes: i64) -> Self {
        let ends = window.interval_ends(minutes).into_iter();
        Self {
            window,
            minutes,
            counts: ends.map(|end| (end, Sections::default())).collect(),
        }
    }

    fn at(&mut self, time: i64) -> Option<&mut Sections> {
        let position = self.window.interval_position(time, self.minutes)?;
        self.counts.get_mut(position).map(|(_, sections)| sections)
    }

    fn json(&self, filter: &Filter, style: Style) -> Value {
        let interval = |(end, sections): &(i64, Sections)| {
            json!({
                "timestamp": style.numbers.whole(*end),
                "metricsData": sections.json(filter, style),
            })
        };
        self.counts.iter().map(interval).collect()
    }
}

#[derive(Clone, Copy)]
enum Event {
    Closed,
    Connected,
}

/// When what happened to `chat`.
fn events(chat: &Chat) -> impl Iterator<Item = (i64, Event)> {
    let connected = chat.answered_at.map(|time| (time, Event::Connected));
    std::iter::once((chat.closed_at, Event::Closed)).chain(connected)
}

/// The five numbers of every level.
#[derive(Default)]
struct Counts {
    interactive: i64,
    noninteractive: i64,
    handling: i64,
    noninteractive_handling: i64,
    connected: i64,
}

impl Counts {
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
struct SkillCounts {
    total: Counts,
    agents: BTreeMap<i64, Counts>,
}

/// The counts of one span of time; only the requested sections are filled.
#[derive(Default)]
struct Sections {
    account: Counts,
    skills: BTreeMap<i64, SkillCounts>,
    skills_total: Counts,
    agents: BTreeMap<i64, Counts>,
    agents_total: Counts,
}

impl Sections {
    fn count(&mut self, filter: &Filter, chat: &Chat, event: Event) {
        let is_agent_requested = |ids: &IdFilter| ids.contains_optional(chat.agent);
        if let Some(skills) = &filter.skills
            && skills.contains(chat.skill)
            && filter.agents.as_ref().is_none_or(is_agent_requested)
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
            && agents.contains(agent)
        {
            self.agents.entry(agent).or_default().count(chat, event);
            self.agents_total.count(chat, event);
        }
        if filter.skills.is_none() && filter.agents.is_none() {
            self.account.count(chat, event);
        }
    }

    fn json(&self, filter: &Filter, style: Style) -> Map<String, Value> {
        let numbers = style.numbers;
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
            body.insert(style.section_name.key().to_owned(), skills);
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

fn per_agent(agents: &BTreeMap<i64, Counts>, numbers: Numbers) -> Map<String, Value> {
    agents
        .iter()
        .map(|(id, counts)| (id.to_string(), counts.json(numbers)))
        .collect()
}
