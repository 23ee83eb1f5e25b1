//! The parser of Engagement Activity. Where reading is the same for all APIs, `liveperson` has the tests.

mod fixtures;
mod forms;
mod read_back;
mod slots;

use std::time::Duration;

use super::*;
use crate::collectors::realtime::IdFilter;
use crate::liveperson::json::testing::description;
use crate::vocabulary::{AgentId, Id};

/// The account that plans are for.
pub(crate) const TARGET: Target<'_> = Target {
    account: "1",
    base_url: None,
};

/// Settings with one window of five minutes, and no totals.
pub(crate) fn settings(
    skills: Selection<SkillId>,
    agents: Selection<AgentId>,
    skill_agents: bool,
) -> Settings {
    Settings {
        enabled: true,
        interval: Duration::from_secs(30),
        windows: vec![Window::Minutes(5)],
        skills,
        agents,
        skill_agents,
        totals: false,
    }
}

/// A selection of these ids and no others.
pub(crate) fn selected<I: Id>(ids: &[i64]) -> Selection<I> {
    Selection::Ids(ids.iter().copied().map(I::from).collect())
}

/// The five numbers in the order of the documents' samples.
pub(crate) fn activity(numbers: [f64; 5]) -> Activity {
    let [
        interactive,
        noninteractive,
        handling,
        nonhandling,
        connected,
    ] = numbers.map(Some);
    Activity {
        interactive_chats: interactive,
        noninteractive_chats: noninteractive,
        interactive_handling_seconds: handling,
        noninteractive_handling_seconds: nonhandling,
        connected_engagements: connected,
    }
}

pub(crate) fn query(
    skills: Option<IdFilter<SkillId>>,
    agents: Option<IdFilter<AgentId>>,
) -> EngagementQuery {
    EngagementQuery {
        window: Window::Minutes(1200),
        skills,
        agents,
        levels: Vec::new(),
    }
}

/// A filter that lets these ids through and no others.
pub(crate) fn ids<I: Id>(ids: &[i64]) -> Option<IdFilter<I>> {
    Some(IdFilter::Ids(ids.iter().copied().map(I::from).collect()))
}

/// Every Engagement Activity fixture, with the query that the document names for it.
pub(crate) fn fixtures() -> Vec<(&'static str, &'static str, EngagementQuery)> {
    macro_rules! fixture {
        ($name:literal, $query:expr) => {
            (
                $name,
                include_str!(concat!("../../../../tests/fixtures/engactivity/", $name)),
                $query,
            )
        };
    }
    let all = || Some(IdFilter::All);
    vec![
        fixture!("account.json", query(None, None)),
        fixture!("account-intervals.json", query(None, None)),
        fixture!("agent-2-intervals.json", query(None, ids(&[2]))),
        fixture!("all-skills-agent-3.json", query(all(), ids(&[3]))),
        fixture!("skill-2.json", query(ids(&[2]), None)),
        fixture!("skill-and-agent-no-data.json", query(ids(&[7]), ids(&[8]))),
        fixture!("skill-no-data-intervals.json", query(ids(&[7]), None)),
    ]
}

pub(crate) fn parse(body: &str, query: &EngagementQuery) -> EngagementAnswer {
    match read(body.as_bytes(), query) {
        Ok(content) => content.value,
        Err(error) => panic!("{error:?}\n{body}"),
    }
}

/// The message for a body that cannot be read.
pub(crate) fn read_error(body: &str, query: &EngagementQuery) -> String {
    match read(body.as_bytes(), query) {
        Ok(content) => panic!("read as {content:?}\n{body}"),
        Err(error) => description(&error, body),
    }
}
