use std::collections::BTreeMap;

use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::cases::check_each;
use crate::clock::SystemClock;
use crate::collectors::Registry;
use crate::config::{Config, Environment, load_text};
use crate::daemon::account::client_settings;
use crate::daemon::publisher::Publisher;
use crate::daemon::status::AccountStatus;
use crate::daemon::tasks::Tasks;
use crate::daemon::worker::WorkerParts;
use crate::liveperson::Client;
use crate::metrics::Catalogue;
use crate::metrics::exporter::AccountCounters;
use crate::store::Store;
use crate::telemetry::logged;
use crate::totals::Folder;
use crate::totals::state::AccountState;

const CONFIGURATION: &str = "
accounts: [{id: '1', auth: {oauth2: {client_id: c, client_secret: s}}}]
";

fn configuration(registry: &Registry) -> Config {
    let environment = Environment::default();
    let loaded = load_text("test", CONFIGURATION, &environment, &registry.sections());
    loaded.unwrap().config
}

/// A worker that has asked for nothing yet.
fn worker(saver: Option<Arc<Saver>>) -> AccountWorker {
    let registry = Registry::standard();
    let config = configuration(&registry);
    let account = config.accounts[0].clone();
    let collectors = registry.configured(&account);
    let tasks = Tasks::new(&collectors, config.names.lookup);
    let store = Store::new(
        &Catalogue::new(registry.families()),
        100,
        config.stale_after,
    );
    let (changes, _) = unbounded_channel();
    AccountWorker::new(WorkerParts {
        client: Arc::new(Client::new(client_settings(&config, &account)).unwrap()),
        counters: Arc::new(AccountCounters::new("1", &tasks.labels()).unwrap()),
        status: Arc::new(AccountStatus::new("1", &tasks.labels())),
        publisher: Publisher::new(collectors, &config.names, &Arc::new(store)),
        account,
        services: Vec::new(),
        tasks,
        timezone: config.timezone,
        clock: Arc::new(SystemClock),
        saver,
        changes: changes.downgrade(),
    })
}

fn ended(result: Result<(), FolderError>) -> SaveEnded {
    SaveEnded {
        moves: Vec::new(),
        result,
    }
}

fn saver(parent: &tempfile::TempDir) -> Arc<Saver> {
    let folder = Folder::open(&parent.path().join("state")).unwrap();
    folder.load("1", 0);
    Arc::new(Saver::new(Arc::new(folder)))
}

/// What comes of a save after the folder has gone.
fn failure(saver: &Saver) -> FolderError {
    let state = AccountState {
        account: "1".to_owned(),
        saved_at: 0,
        collectors: BTreeMap::new(),
    };
    saver.save(saver.ticket(), &state).unwrap_err()
}

#[test]
fn saves_that_fail_are_logged_once_and_so_is_their_end() {
    let parent = tempfile::tempdir().unwrap();
    let saver = saver(&parent);
    std::fs::remove_dir_all(parent.path().join("state")).unwrap();
    let worker = worker(Some(Arc::clone(&saver)));
    let log = logged(|| {
        for _ in 0..3 {
            worker.save_ended(&ended(Err(failure(&saver))));
        }
        for _ in 0..2 {
            worker.save_ended(&ended(Ok(())));
        }
    });
    let mut wrong = Vec::new();
    check_each(
        [
            ("running totals cannot be saved", 1),
            ("saving is tried again", 1),
            (
                "running totals are saved again collector=\"all\" failures=3",
                1,
            ),
        ],
        |(line, times)| {
            if log.matches(line).count() != times {
                wrong.push(line);
            }
        },
    );
    assert_eq!(wrong, Vec::<&str>::new(), "{log}");
}

#[test]
fn the_last_save_holds_what_is_known_at_the_stop() {
    let parent = tempfile::tempdir().unwrap();
    let saver = saver(&parent);
    worker(Some(Arc::clone(&saver))).save_last().unwrap();
    let path = parent.path().join("state/account-1.json");
    let saved = std::fs::read(path).unwrap();
    let state = AccountState::from_json("1", &saved).unwrap();
    let registry = Registry::standard();
    let collectors = registry.configured(&configuration(&registry).accounts[0]);
    let mut enabled: Vec<_> = collectors.enabled().iter().map(|c| c.label()).collect();
    enabled.sort_unstable();
    assert!(!enabled.is_empty());
    let saved: Vec<_> = state.collectors.keys().collect();
    assert_eq!(saved, enabled);
    worker(None).save_last().unwrap();
}

#[test]
fn a_gap_is_logged_with_its_beginning_and_its_end() {
    let worker = worker(None);
    let task = worker.tasks.find("sla").unwrap();
    let gap = |from, until| Gap { from, until };
    let log = logged(|| {
        worker.report_gaps(task, &[gap(3600, 7200), gap(1800, 7200)]);
        worker.report_gaps(task, &[]);
    });
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.len(), 1, "{log}");
    check_each(
        [
            "collector=\"sla\"",
            "from=\"1970-01-01T00:30:00Z\"",
            "until=\"1970-01-01T02:00:00Z\"",
            "seconds=5400",
        ],
        |part| {
            assert!(lines[0].contains(part), "{part} is not in {log}");
        },
    );
}
