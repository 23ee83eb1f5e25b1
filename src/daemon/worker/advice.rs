//! What to do about a failure, in the log as `test-connection` says it.

use super::called::Called;
use super::{AccountWorker, Failure};
use crate::daemon::connection_test::{Asked, Surroundings, advice};
use crate::daemon::trouble::Subject;
use crate::vocabulary::Service;

impl AccountWorker {
    pub(super) fn advice(&self, subject: Subject, failure: &Failure) -> String {
        let (asked, host) = match (failure.api, subject) {
            (Called::Domain, Subject::Host(service)) => {
                (Asked::Host(service), self.client.domain_api_host())
            }
            (Called::Domain, _) => {
                let service = Service::ACCOUNT_CONFIG_READ_ONLY;
                (Asked::Host(service), self.client.domain_api_host())
            }
            (Called::Token, _) => {
                let service = self.client.token_service();
                let host = service.map(|service| self.client.host_of(service));
                (Asked::Token, host.unwrap_or_default())
            }
            (Called::Data(about), _) => (Asked::Data(about), self.client.host_of(about.service)),
            (Called::Names, _) => {
                let service = Service::ACCOUNT_CONFIG_READ_ONLY;
                (Asked::Names, self.client.host_of(service))
            }
        };
        let surroundings = Surroundings::of_process();
        advice(asked, &failure.error, &self.account, &host, &surroundings)
    }
}
