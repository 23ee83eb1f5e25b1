//! Whether the daemon works, for whoever watches it: do the accounts' tasks answer, how many
//! accounts have fresh data, and is it reloading?

use std::fmt;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::Daemon;
use super::clock::aged;

/// How many accounts are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountSummary {
    /// The last poll of every collector succeeded, not too long ago.
    pub fresh: usize,
    /// The last poll of a collector failed or is too long ago.
    pub failing: usize,
    /// The first poll of a collector has not ended; none failed.
    pub starting: usize,
}

impl fmt::Display for AccountSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            fresh,
            failing,
            starting,
        } = self;
        let all = fresh + failing + starting;
        let noun = if all == 1 { "account" } else { "accounts" };
        write!(f, "{all} {noun}: {fresh} fresh, {failing} failing")?;
        match starting {
            0 => Ok(()),
            _ => write!(f, ", {starting} not polled yet"),
        }
    }
}

/// Reloads that have started and ended in this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reloads {
    /// How many have started.
    pub started: u64,
    /// How many have ended, whether they succeeded or not.
    pub ended: u64,
}

/// Counts a reload that has started; its end when dropped, so that an aborted one ends too.
pub(super) struct ReloadCount<'a>(&'a watch::Sender<Reloads>);

impl<'a> ReloadCount<'a> {
    pub(super) fn begin(reloads: &'a watch::Sender<Reloads>) -> Self {
        reloads.send_modify(|reloads| reloads.started += 1);
        Self(reloads)
    }
}

impl Drop for ReloadCount<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|reloads| reloads.ended += 1);
    }
}

/// How far the reload is that replaces accounts: how many it has stopped so far; `None` while
/// none does. Those accounts are in no list, so that no question reaches them.
pub(super) struct Replacement(watch::Sender<Option<u64>>);

impl Default for Replacement {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Replacement {
    pub(super) fn begin(&self) {
        self.0.send_replace(Some(0));
    }

    pub(super) fn account_stopped(&self) {
        self.0
            .send_modify(|stopped| *stopped = stopped.map(|stopped| stopped + 1));
    }

    pub(super) fn end(&self) {
        self.0.send_replace(None);
    }

    /// Whether a replacement makes no step within `limit`.
    async fn hangs(&self, limit: Duration) -> bool {
        let mut watched = self.0.subscribe();
        let under_way = watched.borrow_and_update().is_some();
        under_way && timeout(limit, watched.changed()).await.is_err()
    }
}

impl Daemon {
    /// What hangs: `account ID` for a task that does not answer within `limit`, `reload` for one that
    /// waits so long for the end of an account.
    pub async fn hanging(&self, limit: Duration) -> Vec<String> {
        let asked: Vec<_> = {
            let accounts = self.accounts.lock();
            accounts.iter().map(|a| (a.id.clone(), a.ask())).collect()
        };
        let (reload, accounts) =
            tokio::join!(self.replacement.hangs(limit), unanswered(asked, limit));
        let accounts = accounts.into_iter().map(|id| format!("account {id}"));
        let reload = reload.then(|| "reload".to_owned());
        accounts.chain(reload).collect()
    }

    /// How many accounts are in which state.
    pub fn account_summary(&self) -> AccountSummary {
        let now = Instant::now().into_std();
        let aged = aged(now, &*self.shared.clock);
        let stale_after = self.shared.store.stale_after();
        let mut summary = AccountSummary::default();
        for view in self.views().iter() {
            let collectors = view.status.collectors();
            let mut collectors = collectors.iter().filter(|c| !c.up(aged, stale_after));
            match collectors.next() {
                None => summary.fresh += 1,
                Some(first) => {
                    let polled =
                        |c: &super::CollectorStatus| c.last_poll.is_some() || c.error.is_some();
                    if polled(first) || collectors.any(polled) {
                        summary.failing += 1;
                    } else {
                        summary.starting += 1;
                    }
                }
            }
        }
        summary
    }

    /// Whether the configuration was read the last time; `true` before the first reload.
    pub fn last_reload_successful(&self) -> bool {
        self.last_load.lock().successful
    }

    /// Reloads that have started and ended.
    pub fn reloads(&self) -> watch::Receiver<Reloads> {
        self.reloads.subscribe()
    }
}

/// Whose answer does not come within `limit`.
async fn unanswered(asked: Vec<(String, oneshot::Receiver<()>)>, limit: Duration) -> Vec<String> {
    let deadline = Instant::now() + limit;
    let mut hanging = Vec::new();
    for (id, answer) in asked {
        // A task that a reload has ended meanwhile does not hang.
        if timeout_at(deadline, answer).await.is_err() {
            hanging.push(id);
        }
    }
    hanging
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reload_hangs_when_it_makes_no_step() {
        let (replacement, limit) = (Replacement::default(), Duration::from_secs(10));
        assert!(!replacement.hangs(limit).await, "none is under way");
        replacement.begin();
        assert!(replacement.hangs(limit).await);
        let (hangs, ()) = tokio::join!(replacement.hangs(limit), async {
            replacement.account_stopped();
        });
        assert!(!hangs, "an account has stopped");
        let (hangs, ()) = tokio::join!(replacement.hangs(limit), async { replacement.end() });
        assert!(!hangs, "it has ended");
        replacement.account_stopped();
        assert!(!replacement.hangs(limit).await, "none is under way");
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_task_that_neither_answers_nor_ends_hangs() {
        let (hangs, first) = oneshot::channel();
        let (ends, second) = oneshot::channel();
        let (answers, third) = oneshot::channel();
        let (hangs_too, fourth) = oneshot::channel();
        drop(ends);
        answers.send(()).unwrap();
        let ids = ["1", "2", "3", "4"].map(str::to_owned).into_iter();
        let asked = ids.zip([first, second, third, fourth]).collect();
        let hanging = unanswered(asked, Duration::from_secs(10)).await;
        assert_eq!(hanging, ["1", "4"]);
        drop((hangs, hangs_too));
    }

    #[test]
    fn a_summary_is_one_line_for_people() {
        let mut summary = AccountSummary {
            fresh: 498,
            failing: 2,
            starting: 0,
        };
        assert_eq!(summary.to_string(), "500 accounts: 498 fresh, 2 failing");
        summary = AccountSummary::default();
        summary.starting = 1;
        let want = "1 account: 0 fresh, 0 failing, 1 not polled yet";
        assert_eq!(summary.to_string(), want);
    }

    #[test]
    fn an_aborted_reload_has_ended() {
        let (reloads, watched) = watch::channel(Reloads::default());
        let count = ReloadCount::begin(&reloads);
        assert_eq!(
            *watched.borrow(),
            Reloads {
                started: 1,
                ended: 0
            }
        );
        drop(count);
        assert_eq!(
            *watched.borrow(),
            Reloads {
                started: 1,
                ended: 1
            }
        );
    }
}
