//! What to do about a failure, in the log as `test-connection` says it.

use super::{AccountWorker, Failure};
use crate::daemon::connection_test::{Asked, Surroundings, advice};
use crate::daemon::trouble::Subject;
use crate::liveperson::{Api, Service};

impl AccountWorker {
    pub(super) fn advice(&self, subject: Subject, failure: &Failure) -> String {
        let asked = match (failure.api, subject) {
            (Api::Domain, Subject::Host(service)) => Asked::Host(service),
            (Api::Domain, _) => Asked::Host(Service::AccountConfigReadOnly),
            (Api::Token, _) => Asked::Token,
            (Api::EngagementActivity, _) => Asked::Data("Engagement Activity"),
            (Api::Sla, _) => Asked::Data("SLA Histogram"),
            (Api::Names, _) => Asked::Names,
        };
        let host = self.client.host_of(failure.api);
        let surroundings = Surroundings::of_process();
        let account = &self.account;
        advice(asked, &failure.error, account, &host, &surroundings)
    }
}
