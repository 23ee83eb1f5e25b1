//! Which of LivePerson's services an account needs, and in which order.

use crate::collectors::ConfiguredCollector;
use crate::liveperson::Client;
use crate::vocabulary::Service;

/// The services whose hosts have to be looked up for an account: that of the token, which all calls
/// wait for, then those of these collectors and that of the names, without those that `hosts` names.
pub(super) fn needed_services(
    client: &Client,
    collectors: &[ConfiguredCollector],
    names: bool,
) -> Vec<Service> {
    let mut services: Vec<Service> = client.token_service().into_iter().collect();
    let of_collectors = collectors.iter();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;
    use crate::collectors::Registry;
    use crate::config::{Environment, load_text};
    use crate::daemon::account::client_settings;

    #[test]
    fn services_depend_on_credentials_hosts_and_names() {
        const NAMES: Service = Service::ACCOUNT_CONFIG_READ_ONLY;
        let oauth2 = "oauth2: {client_id: i, client_secret: s}";
        let oauth1 = "oauth1: {app_key: k, app_secret: s, access_token: t, access_token_secret: u}";
        let login = "login: {username: u, password: p}";
        let (sentinel, agent_vep) = (Service::SENTINEL, Service::AGENT_VEP);
        // What comes before and after the services of the collectors, and which one has its host.
        let cases = [
            (oauth2, true, None, vec![sentinel], vec![NAMES]),
            (oauth2, false, Some(sentinel), vec![], vec![]),
            (oauth1, false, None, vec![], vec![]),
            (
                login,
                false,
                Some(Service::LE_DATA_REPORTING),
                vec![agent_vep],
                vec![],
            ),
            (login, true, None, vec![agent_vep], vec![NAMES]),
        ];
        check_each(cases, |(auth, names, fixed, before, after)| {
            let hosts = fixed.map(|service| format!("{service}: 'https://h'"));
            let hosts = hosts.unwrap_or_default();
            let text = format!("accounts: [{{id: '1', auth: {{{auth}}}, hosts: {{{hosts}}}}}]");
            let loaded = load_text(
                "test",
                &text,
                &Environment::default(),
                &Registry::standard().sections(),
            )
            .unwrap();
            let account = &loaded.config.accounts[0];
            let client = Client::new(client_settings(&loaded.config, account)).unwrap();
            let collectors = Registry::standard().configured(account);
            let mut data = Vec::new();
            for collector in collectors.enabled() {
                let service = collector.about().service;
                if Some(service) != fixed && !data.contains(&service) {
                    data.push(service);
                }
            }
            let services = needed_services(&client, collectors.enabled(), names);
            assert_eq!(services, [before, data, after].concat(), "{text}");
        });
    }
}
