//! Engagement Activity: counts chats by account, skill and agent.
//!
//! A chat counts as closed in the bucket in which it was closed and as connected in the one in
//! which an agent answered. With ids of both kinds the skill section holds only the named agents'
//! chats, the agent section all chats of its agents. `agentIds=all` restricts nothing: the skill
//! totals then also hold the chats that were never answered.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Api, ApiRequest};
use crate::simulator::chat_index::ChatIndex;
use crate::simulator::json_style::{Numbers, SectionName};
use crate::simulator::params::{IdFilter, InvalidParameter, Params};
use crate::simulator::response::ApiResponse;
use crate::simulator::world::{Activity, Counts, Window, World};

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
        let view = world.view(query.timeframe);
        let chats = world.chats(view.window);
        let style = Style {
            numbers: world.options().numbers,
            section_name: world.options().section_name,
        };
        let body = query.body(view.window, view.activity(chats.iter()), style);
        Ok(ApiResponse::json(200, &body))
    }
}

impl ChatIndex {
    /// What Engagement Activity answers to `query` (the part of the URL after `?`) at `now_ms` on
    /// LivePerson's clock, from the node that has turn `turn`.
    ///
    /// # Errors
    /// A parameter that is answered 400.
    pub fn engagement_activity(
        &self,
        query: &str,
        now_ms: i64,
        turn: usize,
    ) -> Result<String, InvalidParameter> {
        let query = Query::parse(&Params::parse(Some(query)))?;
        let window = self.window(now_ms, query.timeframe, turn);
        let activity = self.activity(window, query.interval.is_some());
        let body: Value = query.body(window, activity.into_iter(), Style::default());
        Ok(body.to_string())
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
    pub(crate) interval: Option<i64>,
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

    /// The body of the response; all of `activity` lies in the window.
    pub(crate) fn body(
        &self,
        window: Window,
        activity: impl Iterator<Item = Activity>,
        style: Style,
    ) -> Value {
        let mut intervals = self.interval.map(|minutes| Intervals::new(window, minutes));
        let mut total = Sections::default();
        for part in activity {
            total.add(&self.filter, &part);
            if let Some(sections) = intervals.as_mut().and_then(|all| all.at(part.time)) {
                sections.add(&self.filter, &part);
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

fn counts_json(counts: &Counts, numbers: Numbers) -> Value {
    json!({
        "totalInteractiveChats": numbers.whole(counts.interactive),
        "totalNonInteractiveChats": numbers.whole(counts.noninteractive),
        "totalHandlingTime": numbers.whole(counts.handling_seconds),
        "nonInteractiveTotalHandlingTime": numbers.whole(counts.noninteractive_handling_seconds),
        "connectedEngagements": numbers.whole(counts.connected),
    })
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
    fn add(&mut self, filter: &Filter, part: &Activity) {
        let (key, counts) = (&part.key, part.counts);
        let is_agent_requested = |ids: &IdFilter| ids.contains_optional(key.agent);
        if let Some(skills) = &filter.skills
            && skills.contains(key.skill)
            && filter.agents.as_ref().is_none_or(is_agent_requested)
        {
            let skill = self.skills.entry(key.skill).or_default();
            skill.total += counts;
            self.skills_total += counts;
            if let Some(agent) = key.agent {
                *skill.agents.entry(agent).or_default() += counts;
            }
        }
        if let Some(agents) = &filter.agents
            && let Some(agent) = key.agent
            && agents.contains(agent)
        {
            *self.agents.entry(agent).or_default() += counts;
            self.agents_total += counts;
        }
        if filter.skills.is_none() && filter.agents.is_none() {
            self.account += counts;
        }
    }

    fn json(&self, filter: &Filter, style: Style) -> Map<String, Value> {
        let numbers = style.numbers;
        let mut body = Map::new();
        if filter.skills.is_some() {
            let skills = self.skills.iter().map(|(id, skill)| {
                let metrics = json!({
                    "metricsPerAgent": per_agent(&skill.agents, numbers),
                    "metricsTotals": counts_json(&skill.total, numbers),
                });
                (id.to_string(), metrics)
            });
            let skills = json!({
                "metricsPerSkill": skills.collect::<Map<_, _>>(),
                "metricsTotals": counts_json(&self.skills_total, numbers),
            });
            body.insert(style.section_name.key().to_owned(), skills);
        }
        if filter.agents.is_some() {
            let agents = json!({
                "metricsPerAgent": per_agent(&self.agents, numbers),
                "metricsTotals": counts_json(&self.agents_total, numbers),
            });
            body.insert("agentsMetrics".to_owned(), agents);
        }
        if body.is_empty() {
            body.insert(
                "metricsTotals".to_owned(),
                counts_json(&self.account, numbers),
            );
        }
        body
    }
}

fn per_agent(agents: &BTreeMap<i64, Counts>, numbers: Numbers) -> Map<String, Value> {
    agents
        .iter()
        .map(|(id, counts)| (id.to_string(), counts_json(counts, numbers)))
        .collect()
}
