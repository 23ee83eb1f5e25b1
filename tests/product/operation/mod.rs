//! The real binary in operation: reloads without a gap, a stop that cuts no response off, a
//! folder for one process alone, and a log that says each thing once.

mod accounts_files;
mod health;
mod log;
mod reload;
mod service;
mod state_folder;
mod stop;

use std::time::Duration;

use liveperson_exporter::simulator::{RequestRecord, Simulator};

use crate::common::liveperson::simulator_of as simulator;
use crate::common::{COLLECTORS, Exporter, eventually, http, only};

const FIRST: &str = "11111111";
const SECOND: &str = "22222222";

/// An account with `COLLECTORS`, for whose services it names the hosts.
fn account(id: &str, simulator: &Simulator, more: &str) -> String {
    let url = simulator.base_url();
    let others = only(&COLLECTORS).replace('\n', "\n    ");
    format!(
        r#"
  - id: "{id}"
    auth: {{oauth2: {{client_id: demo, client_secret: demo-secret}}}}
    hosts: {{leDataReporting: "{url}", sentinel: "{url}", accountConfigReadOnly: "{url}"}}
    {others}{more}"#
    )
}

/// Calls are counted here: one request for each window, and no others.
const QUICK: &str = "
limits: {min_spacing: 10ms}
engagement_activity: {interval: 1s, windows: [5m], totals: false}
sla: {interval: 1s, windows: [5m], totals: false}
";

fn backoff(id: &str) -> String {
    format!("liveperson_api_backoff_seconds{{account=\"{id}\"}}")
}

async fn all_up(exporter: &Exporter, ids: &[&str]) {
    for id in ids {
        exporter.page_with_all_up(id).await;
    }
}

/// Writes a new configuration and has it loaded; the status and text of the answer.
async fn reload(exporter: &Exporter, yaml: &str) -> (u16, String) {
    std::fs::write(exporter.config_file(), yaml).unwrap();
    let url = format!("{}/-/reload", exporter.base_url);
    let answer = http().post(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn calls(simulator: &Simulator, api: &str) -> Vec<Duration> {
    let of = |record: &&RequestRecord| record.api == api;
    simulator
        .requests()
        .iter()
        .filter(of)
        .map(|r| r.at)
        .collect()
}

/// Waits until a simulator has had so many more calls of an API.
async fn more_calls(simulator: &Simulator, api: &str, more: usize) {
    let wanted = calls(simulator, api).len() + more;
    eventually("further calls", async || {
        (calls(simulator, api).len() >= wanted).then_some(())
    })
    .await;
}
