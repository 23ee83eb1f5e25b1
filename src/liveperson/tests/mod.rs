//! Tests of the client as a whole; small units have theirs beside them.

mod arbitrary_input;
mod authorise;
mod calls;
mod error_texts;
mod fixtures;
mod hosts;
mod json_forms;
mod network;
mod secrets;
mod server;
mod tls;
mod transport;
mod writer;

use super::*;
use crate::collectors::Collector as _;
use crate::collectors::engagement_activity::{
    self, Activity, AgentsActivity, EngagementActivity, EngagementAnswer, EngagementQuery,
    SkillActivity, SkillsActivity,
};
use crate::collectors::realtime::IdFilter;
use crate::collectors::sla::{self, Sla, SlaAnswer, SlaBucket, SlaQuery, Subject};
use crate::vocabulary::{AgentId, Id, Service, SkillId, Window};

/// The account of the tests.
const ACCOUNT: &str = "123";

/// Calls of the two APIs of data, as the daemon makes them.
trait DataCalls {
    async fn engagement_activity(&self, query: &EngagementQuery) -> Reply<EngagementAnswer>;
    async fn sla(&self, query: &SlaQuery) -> Reply<SlaAnswer>;
}

fn minutes(window: Window) -> u16 {
    match window {
        Window::Minutes(minutes) => minutes,
        Window::Today | Window::SinceAnchor => 1440,
    }
}

impl DataCalls for Client {
    async fn engagement_activity(&self, query: &EngagementQuery) -> Reply<EngagementAnswer> {
        let path = EngagementActivity.path(ACCOUNT, query, &minutes);
        let query = query.clone();
        let read = move |body: &[u8]| engagement_activity::read(body, &query);
        self.get(Service::LE_DATA_REPORTING, &path, read).await
    }

    async fn sla(&self, query: &SlaQuery) -> Reply<SlaAnswer> {
        let path = Sla.path(ACCOUNT, query, &minutes);
        self.get(Service::LE_DATA_REPORTING, &path, sla::read).await
    }
}

/// The five numbers in the order of the documents' samples.
fn activity(numbers: [f64; 5]) -> Activity {
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

fn query(skills: Option<IdFilter<SkillId>>, agents: Option<IdFilter<AgentId>>) -> EngagementQuery {
    EngagementQuery {
        window: Window::Minutes(1200),
        skills,
        agents,
        levels: Vec::new(),
    }
}

fn ids<I: Id>(ids: &[i64]) -> Option<IdFilter<I>> {
    Some(IdFilter::Ids(ids.iter().copied().map(I::from).collect()))
}

/// Every Engagement Activity fixture, with the query that the document names for it.
fn engagement_fixtures() -> Vec<(&'static str, &'static str, EngagementQuery)> {
    macro_rules! fixture {
        ($name:literal, $query:expr) => {
            (
                $name,
                include_str!(concat!("../../../tests/fixtures/engactivity/", $name)),
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

const SLA_FIXTURE: &str = include_str!("../../../tests/fixtures/sla/buckets-0-5-10-20-30.json");

fn parse(body: &str, query: &EngagementQuery) -> EngagementAnswer {
    match engagement_activity::read(body.as_bytes(), query) {
        Ok(content) => content.value,
        Err(error) => panic!("{error:?}\n{body}"),
    }
}

/// The message for a body that cannot be read.
fn read_error(body: &str, query: &EngagementQuery) -> String {
    let redactor = redactor::Redactor::default();
    match engagement_activity::read(body.as_bytes(), query) {
        Ok(content) => panic!("read as {content:?}\n{body}"),
        Err(error) => error.describe(body.as_bytes(), &redactor),
    }
}

fn sla_read_error(body: &str) -> String {
    let redactor = redactor::Redactor::default();
    match sla::read(body.as_bytes()) {
        Ok(content) => panic!("read as {content:?}\n{body}"),
        Err(error) => error.describe(body.as_bytes(), &redactor),
    }
}
