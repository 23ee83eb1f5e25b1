//! Running totals of the real binary, compared with what really happened: the simulator's own list
//! of chats. `restarts` and `prometheus` belong to the gate, `crash` is run by `tests/crash-safety`.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and times of a page are small"
)]

mod crash;
mod page;
mod prometheus;
mod restarts;
mod truth;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use liveperson_exporter::simulator::{DeploymentOptions, Options, Simulator};

use self::page::openmetrics;
use crate::common::{COLLECTORS, Exporter, command, configuration, liveperson, only};

const ACCOUNT: &str = "12345678";
/// A process that starts after a crash does not serve totals for so long.
const WITHHELD: Duration = Duration::from_secs(45);

/// A simulated account. With 30 agents there are two chats a minute at the busiest hour, and one in
/// three minutes at night.
async fn simulator(seed: u64, agents: usize, deployment: DeploymentOptions) -> Simulator {
    let options = Options {
        account: ACCOUNT.to_owned(),
        seed,
        agents,
        skills: 5,
        max_concurrent: 8,
        deployment,
        ..Options::in_process()
    };
    liveperson::simulator(options).await
}

/// The levels that a configuration asks for besides those that all of these tests ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Levels {
    agents: bool,
    skill_agents: bool,
    waits_by_group: bool,
}

impl Levels {
    const ALL: Self = Self {
        agents: true,
        skill_agents: true,
        waits_by_group: true,
    };
}

/// Polls every second, so that little time passes between what happens and what is served.
fn yaml(simulator: &Simulator, levels: Levels) -> String {
    let Levels {
        agents,
        skill_agents,
        waits_by_group,
    } = levels;
    let agents = if agents { "all" } else { "none" };
    let groups = if waits_by_group { "[11, 12]" } else { "none" };
    format!(
        r#"
accounts:
  - id: "{ACCOUNT}"
    auth: {{oauth2: {{client_id: demo, client_secret: demo-secret}}}}
domain_api: "{}"
limits: {{min_spacing: 10ms, max_in_flight: 1}}
stale_after: 1h
names: {{lookup: false}}
engagement_activity:
  {{interval: 1s, windows: [5m], agents: {agents}, skill_agents: {skill_agents}, totals: true}}
sla: {{interval: 1s, windows: [5m], skills: all, groups: {groups}, totals: true}}
{}"#,
        simulator.base_url(),
        only(&COLLECTORS)
    )
}

/// Starts an exporter that keeps its totals in a folder.
async fn start(yaml: &str, state: &Path) -> Exporter {
    let (folder, file) = configuration(yaml);
    Exporter::spawn(on(command(), &file, state), folder).await
}

/// Adds what every start has to the command.
fn on(mut command: Command, file: &Path, state: &Path) -> Command {
    command.arg("--config.file").arg(file);
    command.arg("--state.dir").arg(state);
    command
}

/// Waits until the collectors have been polled; the page then.
async fn polled(exporter: &Exporter) -> String {
    exporter.page_with_all_up(ACCOUNT).await;
    openmetrics(exporter).await
}

/// Stops it as a service manager does.
async fn stop(mut exporter: Exporter) {
    exporter.signal("TERM");
    let status = exporter.ended().await;
    assert_eq!(status.code(), Some(0), "{}", exporter.log());
}
