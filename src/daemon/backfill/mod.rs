//! What `backfill` does: the history of running totals, as far as LivePerson still has it, as a file
//! that Prometheus makes blocks of.
//!
//! `jobs` says what is asked and what becomes of the answers, `waits` how histograms get a history
//! although LivePerson does not split them; both are pure. `worker` makes the calls under the daemon's
//! own rules of pacing, retry and back-off: the same scheduler runs it. `output` writes the file.
//!
//! With a state folder the totals are those with which the daemon continues. At the first start there are
//! none: they begin at the mark that the daemon would choose, and are saved. Those that there are stay
//! as they are; their history begins at their anchors, because nothing exact can be said of the time
//! before.

mod account;
mod jobs;
mod output;
mod progress;
mod slots;
mod waits;
mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinSet;
use tracing::Instrument as _;

use account::{Outcome, PreparedAccount};
use output::{AccountHistory, PendingFile};
use progress::Progress as Counter;

use super::catalogue;
use super::clock::WallClock;
use super::run_blocking::run_blocking;
use crate::collectors::Registry;
use crate::config::Config;
use crate::totals::Folder;

pub use progress::State as Progress;

/// What is to be written.
#[derive(Clone, Debug)]
pub struct BackfillOptions {
    /// The file to write.
    pub output: PathBuf,
    /// The distance of the marks between which histograms are known, in slots of 5 minutes.
    pub window_step: u16,
    /// Labels that every sample carries besides its own: those that Prometheus adds when it scrapes.
    pub labels: Vec<(String, String)>,
}

/// What a backfill brought.
#[derive(Clone, Debug, Default)]
pub struct BackfillSummary {
    /// Accounts of which there is a history.
    pub accounts: usize,
    /// Series that were written.
    pub series: u64,
    /// Samples that were written.
    pub samples: u64,
    /// Calls that were made, those for hosts and tokens and repetitions among them.
    pub calls: usize,
    /// The first and the last time of a sample, in seconds since the epoch; `None` without any.
    pub span: Option<(i64, i64)>,
    /// Points of histograms that are known only to a few chats.
    pub unproven: usize,
    /// Accounts whose totals were saved for the daemon to continue from.
    pub saved: Vec<String>,
    /// Accounts whose totals the folder had already.
    pub continued: Vec<String>,
    /// What is left out, by account.
    pub failures: Vec<(String, String)>,
    /// How many calls failed for good.
    pub failed_calls: usize,
    /// Whether a collector counts running totals at all.
    pub asked: bool,
}

/// Asks for the history of all accounts, writes it, and saves the totals in `folder` that it leads to.
/// `report` is called with how far it has come.
///
/// # Errors
/// An account that cannot be called at all because of its settings; a file that cannot be written.
pub async fn backfill(
    config: &Config,
    registry: &Registry,
    options: &BackfillOptions,
    folder: Option<&Folder>,
    clock: &Arc<dyn WallClock>,
    report: Arc<dyn Fn(&Progress) + Send + Sync>,
) -> Result<BackfillSummary, String> {
    let failed = |error| format!("cannot write {}: {error}", options.output.display());
    let file = PendingFile::create(&options.output).map_err(failed)?;
    let counter = Arc::new(Counter::new(report));
    let mut summary = BackfillSummary::default();
    let mut running = JoinSet::new();
    for (place, account) in config.accounts.iter().enumerate() {
        let now = clock.now().as_second();
        let saved = folder.and_then(|folder| folder.load(&account.id, now).state);
        if saved.is_some() {
            summary.continued.push(account.id.clone());
        }
        let prepared = PreparedAccount::new(config, registry, account, options.window_step)?;
        let run = prepared.run(saved, Arc::clone(clock), Arc::clone(&counter));
        let span = tracing::error_span!("account", account = account.id);
        let ended = async move { (place, run.await) };
        running.spawn(ended.instrument(span));
    }
    let mut outcomes = BTreeMap::new();
    while let Some(joined) = running.join_next().await {
        let (place, outcome) =
            joined.map_err(|error| format!("a bug: {error}; please report it"))?;
        outcomes.insert(place, outcome);
    }
    (summary.calls, summary.asked) = (counter.made(), counter.planned() > 0);
    let outcomes: Vec<Outcome> = outcomes.into_values().collect();
    let histories = take_in(outcomes, &mut summary);
    if !histories.is_empty() {
        run_blocking(|| {
            let catalogue = catalogue(registry);
            let written = file
                .write(&catalogue, &options.labels, &histories)
                .map_err(failed)?;
            (summary.series, summary.samples) = (written.series, written.samples);
            save(histories, folder, &mut summary)?;
            file.place().map_err(failed)
        })?;
    }
    Ok(summary)
}

/// Adds up what came in; returns the histories that there are.
fn take_in(outcomes: Vec<Outcome>, summary: &mut BackfillSummary) -> Vec<AccountHistory> {
    let mut histories = Vec::new();
    for outcome in outcomes {
        let account = &outcome.history.account;
        let texts = outcome.failures.texts.into_iter();
        let failures = texts.map(|text| (account.clone(), text));
        summary.failures.extend(failures);
        summary.failed_calls += outcome.failures.count;
        summary.unproven += outcome.unproven;
        if let Some((begin, end)) = outcome.history.span() {
            let (from, until) = summary.span.unwrap_or((begin, end));
            summary.span = Some((from.min(begin), until.max(end)));
            summary.accounts += 1;
            histories.push(outcome.history);
        }
    }
    histories
}

/// Saves the totals that histories lead to, before the file takes its place: counters without a
/// history can still get one, but not the other way round.
fn save(
    histories: Vec<AccountHistory>,
    folder: Option<&Folder>,
    summary: &mut BackfillSummary,
) -> Result<(), String> {
    let Some(folder) = folder else { return Ok(()) };
    for state in histories.into_iter().filter_map(|history| history.state) {
        folder.save(&state).map_err(|error| error.to_string())?;
        summary.saved.push(state.account);
    }
    // Nothing was served from a folder that had nothing, so nothing can be behind what was served.
    if summary.continued.is_empty() {
        folder
            .mark_clean_stop()
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}
