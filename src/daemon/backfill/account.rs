//! One account's backfill: its client and scheduler, and what came of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;

use super::output::AccountHistory;
use super::progress::Progress;
use super::worker::{BackfillWorker, Collected, Failures, WorkerParts};
use crate::collectors::{AccountCollectors, Registry};
use crate::config::{Account, Config};
use crate::daemon::account::client_settings;
use crate::daemon::account::scheduling::scheduler_settings;
use crate::daemon::clock::WallClock;
use crate::daemon::services::needed_services;
use crate::daemon::tasks::Tasks;
use crate::liveperson::Client;
use crate::scheduler::{AccountScheduler, AccountSettings, Ordinal, run};
use crate::totals::Mark;
use crate::totals::state::AccountState;
use crate::vocabulary::Service;

/// No poll begins a second time.
const NEVER_AGAIN: Duration = Duration::from_secs(365 * 86_400);

/// What came of one account.
pub(super) struct Outcome {
    pub(super) history: AccountHistory,
    /// Points of histograms that are known only to a few chats.
    pub(super) unproven: usize,
    pub(super) failures: Failures,
}

/// An account that is ready to be asked.
pub(super) struct PreparedAccount {
    collectors: AccountCollectors,
    client: Client,
    services: Vec<Service>,
    tasks: Tasks,
    settings: AccountSettings,
    step: i64,
}

impl PreparedAccount {
    /// Prepares an account; the error says what is wrong with its settings. `step`: how many slots lie
    /// between the marks at which histograms are known.
    pub(super) fn new(
        config: &Config,
        registry: &Registry,
        account: &Account,
        step: u16,
    ) -> Result<Self, String> {
        let client = Client::new(client_settings(config, account))
            .map_err(|error| format!("account {}: {error}", account.id))?;
        let collectors = registry.configured(account);
        let tasks = Tasks::new(&collectors, false);
        let services = needed_services(&client, collectors.enabled(), false);
        let first = Ordinal::of_account(0, registry.len());
        let mut settings = scheduler_settings(config, account, &client, &services, &tasks, first);
        for task in &mut settings.tasks {
            (task.interval, task.phase) = (NEVER_AGAIN, NEVER_AGAIN);
        }
        Ok(Self {
            collectors,
            client,
            services,
            tasks,
            settings,
            step: i64::from(step),
        })
    }

    /// Asks for everything, once. `saved`: the totals that its history leads to.
    pub(super) async fn run(
        self,
        saved: Option<AccountState>,
        clock: Arc<dyn WallClock>,
        progress: Arc<Progress>,
    ) -> Outcome {
        let account = self.collectors.account().to_owned();
        let is_new = saved.is_none();
        let saved: HashMap<_, _> = saved
            .into_iter()
            .flat_map(|state| state.collectors)
            .collect();
        let (changes, mut received) = unbounded_channel();
        let parts = WorkerParts {
            collectors: self.collectors,
            client: self.client,
            services: self.services,
            tasks: self.tasks,
            clock: Arc::clone(&clock),
            progress,
            step: self.step,
        };
        let worker = Arc::new(BackfillWorker::new(parts, saved, changes));
        let now = tokio::time::Instant::now().into_std();
        let scheduler = AccountScheduler::new(self.settings, now);
        run(scheduler, Arc::clone(&worker), &mut received).await;
        let saved_at = clock.now().as_second();
        outcome(account, worker.collect(), is_new.then_some(saved_at))
    }
}

/// Puts together what came in. `saved_at`: when the totals are saved, if they are.
fn outcome(account: String, collected: Collected, saved_at: Option<i64>) -> Outcome {
    let Collected {
        jobs,
        end,
        mut failures,
    } = collected;
    let mut unproven = 0;
    let mut parts = Vec::new();
    let mut collectors = BTreeMap::new();
    for (label, jobs) in jobs {
        unproven += jobs.unproven();
        if jobs.too_old() > 0 {
            failures.add(format!(
                "the totals of {} of {label}'s requests begin before what LivePerson still has",
                jobs.too_old()
            ));
        }
        let (histories, carried) = jobs.finish();
        parts.extend(histories);
        collectors.insert(label.to_owned(), carried);
    }
    let saved_at = saved_at.filter(|_| !collectors.is_empty());
    let state = saved_at.map(|saved_at| AccountState {
        account: account.clone(),
        saved_at,
        collectors,
    });
    Outcome {
        history: AccountHistory {
            account,
            end: end.unwrap_or_else(|| Mark::at_or_before(0)),
            parts,
            state,
        },
        unproven,
        failures,
    }
}
