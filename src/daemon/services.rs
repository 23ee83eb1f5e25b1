//! Which of LivePerson's services an account needs, and in which order.

use crate::collectors::{AccountCollectors, ConfiguredCollector};
use crate::liveperson::Client;
use crate::vocabulary::Service;

/// The services whose hosts have to be looked up for an account: that of the token, which all calls
/// wait for, then those of its collectors and that of the names, without those that `hosts` names.
pub(super) fn needed_services(
    client: &Client,
    collectors: &AccountCollectors,
    names: bool,
) -> Vec<Service> {
    let mut services: Vec<Service> = client.token_service().into_iter().collect();
    let of_collectors = collectors.enabled().iter();
    let of_collectors = of_collectors.map(|collector| collector.about().service);
    let of_names = names.then_some(Service::ACCOUNT_CONFIG_READ_ONLY);
    for service in of_collectors.chain(of_names) {
        if !services.contains(&service) {
            services.push(service);
        }
    }
    client.unknown_hosts(services)
}

/// Every service that the daemon may call, each once.
pub(super) fn known_services(collectors: &[ConfiguredCollector]) -> Vec<Service> {
    let mut services = vec![Service::SENTINEL, Service::AGENT_VEP];
    let of_collectors = collectors.iter();
    let of_collectors = of_collectors.map(|collector| collector.about().service);
    for service in of_collectors.chain([Service::ACCOUNT_CONFIG_READ_ONLY]) {
        if !services.contains(&service) {
            services.push(service);
        }
    }
    services
}
