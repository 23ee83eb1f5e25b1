//! The simulated LivePerson that a test talks to, and a configuration for it.

use std::sync::Arc;

use liveperson_exporter::simulator::{ManualClock, Options, Simulator, SystemClock};
use serde_json::Value;

use super::{COLLECTORS, http, only};

/// A Tuesday at noon, UTC, and two minutes: a busy hour, in milliseconds since the epoch.
pub(crate) const NOON: i64 = 1_773_144_132_000;

/// A LivePerson whose clock is this machine's. What it serves depends on the time of day: on a Sunday
/// night there is not a chat in every five minutes, but there are some in every hour.
pub(crate) async fn simulator(options: Options) -> Simulator {
    Simulator::start(options, Arc::new(SystemClock))
        .await
        .unwrap()
}

/// The same with another account than usual.
pub(crate) async fn simulator_of(account: &str) -> Simulator {
    let options = Options {
        account: account.to_owned(),
        ..Options::in_process()
    };
    simulator(options).await
}

/// A LivePerson where it is always [`NOON`], so that numbers can be compared.
pub(crate) async fn simulator_at_noon(options: Options) -> Simulator {
    Simulator::start(options, Arc::new(ManualClock::at(NOON)))
        .await
        .unwrap()
}

/// The account of a simulator, without any collector's settings.
pub(crate) fn account_yaml(simulator: &Simulator) -> String {
    format!(
        r#"
accounts:
  - id: "12345678"
    auth: {{oauth2: {{client_id: demo, client_secret: demo-secret}}}}
domain_api: "{}"
limits: {{min_spacing: 10ms}}
"#,
        simulator.base_url()
    )
}

/// The account of a simulator with [`COLLECTORS`], whose settings may follow.
pub(crate) fn yaml(simulator: &Simulator, more: &str) -> String {
    format!("{}{}{more}", account_yaml(simulator), only(&COLLECTORS))
}

/// What an API answers, asked without the client under test.
pub(crate) struct Asker {
    base_url: String,
    token: String,
}

impl Asker {
    pub(crate) async fn new(simulator: &Simulator) -> Self {
        let base_url = simulator.base_url();
        let url = format!("{base_url}/sentinel/api/v2/account/12345678/app/token");
        let form = "client_id=demo&client_secret=demo-secret&grant_type=client_credentials";
        let request = http().post(url).body(form);
        let kind = "application/x-www-form-urlencoded";
        let answer = request.header("Content-Type", kind).send().await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        Self { base_url, token }
    }

    /// The whole answer of an API of `/operations`; `what` is its name and the query.
    pub(crate) async fn ask(&self, what: &str) -> Value {
        let account = format!("{}/operations/api/account/12345678", self.base_url);
        let request = http().get(format!("{account}/{what}"));
        let answer = request.bearer_auth(&self.token).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }
}
