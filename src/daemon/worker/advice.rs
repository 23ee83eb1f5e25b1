//! What to do about a failure, in the log as `test-connection` says it.

use super::{AccountWorker, Api, Failure};
use crate::daemon::advice::{ProxyEnv, Step, advice};
use crate::daemon::log_throttle::Subject;
use crate::vocabulary::Service;

impl AccountWorker {
    pub(super) fn advice(&self, subject: Subject, failure: &Failure) -> String {
        let (asked, host) = match (failure.api, subject) {
            (Api::Domain, Subject::Host(service)) => {
                (Step::Host(service), self.client.domain_api_host())
            }
            (Api::Domain, _) => {
                let service = Service::ACCOUNT_CONFIG_READ_ONLY;
                (Step::Host(service), self.client.domain_api_host())
            }
            (Api::Token, _) => {
                let service = self.client.token_service();
                let host = service.map(|service| self.client.host_of(service));
                (Step::Token, host.unwrap_or_default())
            }
            (Api::Data(about), _) => (Step::Data(about), self.client.host_of(about.service)),
            (Api::Names, _) => {
                let service = Service::ACCOUNT_CONFIG_READ_ONLY;
                (Step::Names, self.client.host_of(service))
            }
        };
        let proxy = ProxyEnv::of_process();
        advice(asked, &failure.error, &self.account, &host, &proxy)
    }
}
