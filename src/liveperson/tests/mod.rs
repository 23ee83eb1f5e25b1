//! Tests of the client as a whole; small units have theirs beside them.

mod arbitrary_input;
mod authorise;
mod calls;
mod error_texts;
mod hosts;
mod json_forms;
mod network;
mod secrets;
mod server;
mod tls;
mod transport;

use super::*;
use crate::collectors::Collector as _;
use crate::collectors::engagement_activity::tests::{
    activity, fixtures, ids, parse, query, read_error,
};
use crate::collectors::engagement_activity::{
    self, EngagementActivity, EngagementAnswer, EngagementQuery,
};
use crate::collectors::realtime::IdFilter;
use crate::collectors::sla::tests::FIXTURE as SLA_FIXTURE;
use crate::collectors::sla::{self, Sla, SlaAnswer, SlaQuery, Subject};
use crate::vocabulary::{Service, Window};

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
