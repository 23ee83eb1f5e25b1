//! The Domain API: which host serves what. Here one host serves everything.

use serde_json::json;

use crate::simulator::params::Params;
use crate::simulator::response::Answer;

/// Every service there is; names are case sensitive.
const SERVICES: [&str; 5] = [
    "leDataReporting",
    "sentinel",
    "agentVep",
    "accountConfigReadOnly",
    "agentManagerWorkspace",
];

/// Where one service is, or all of them; `host` is host and port without a scheme.
pub(crate) fn answer(account: &str, service: Option<&str>, params: &Params, host: &str) -> Answer {
    if params.get("version") != Some("1.0") {
        return Answer::error(400, "Required parameter 'version' must be 1.0");
    }
    let entry = |service: &str| json!({ "service": service, "account": account, "baseURI": host });
    match service {
        None => {
            let all: Vec<_> = SERVICES.iter().map(|service| entry(service)).collect();
            Answer::json(200, &json!({ "baseURIs": all }))
        }
        Some(service) if SERVICES.contains(&service) => Answer::json(200, &entry(service)),
        Some(service) => {
            let service: String = service.chars().take(60).collect();
            Answer::error(
                404,
                &format!("Service '{service}' was not found for account {account}"),
            )
        }
    }
}

/// The answer about an account that does not exist.
pub(crate) fn unknown_account(account: &str) -> Answer {
    let account: String = account.chars().take(60).collect();
    Answer::error(404, &format!("Account '{account}' was not found"))
}
