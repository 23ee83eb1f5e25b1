//! How a task behaves beside the others: the rules in which data and background tasks differ.
//!
//! A background task only fills gaps. It begins once all data has been polled; none of its failures
//! is a reason to look other hosts up again or to fetch a token; and it delays no task but itself. A
//! 429 still pauses the account, whichever task it was meant for.

use std::time::Duration;

use super::backoff::{wait_after_failed_background_poll, wait_after_failed_poll};
use super::poll::PollResult;

/// The rules of one task, chosen when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskPolicy {
    /// Its first poll begins only after the first poll of every task without this rule.
    pub(super) starts_after_data: bool,
    /// It fetches the token it needs, and a failed connection of it makes all hosts stale. Without
    /// this it waits for the token that another task fetches, and only its own host becomes stale.
    pub(super) refreshes_session: bool,
    /// Failed requests are tried again in the same poll. Without this the first failure that may
    /// pass gives up the rest of the poll: each attempt takes a slot from calls that matter more.
    pub(super) retries_requests: bool,
    /// Its waits count as back-off of the account.
    pub(super) counts_as_backoff: bool,
    /// After a back-off its requests start at the spacing instead of spread over the interval.
    pub(super) bursts_after_backoff: bool,
    /// Once credentials or hosts are repaired it is polled at once if a request of it has failed.
    pub(super) polls_once_repaired: bool,
    backoff: BackoffRule,
}

/// After which polls a task backs off, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BackoffRule {
    /// When no request succeeded: 2, 4, 8, 8 ... minutes.
    NothingSucceeded,
    /// When something failed that may soon succeed: 2, 4, 8 ... minutes, up to the interval.
    TransientFailure,
}

impl TaskPolicy {
    /// A task whose data is what the exporter is for.
    pub const DATA: Self = Self {
        starts_after_data: false,
        refreshes_session: true,
        retries_requests: true,
        counts_as_backoff: true,
        bursts_after_backoff: false,
        polls_once_repaired: false,
        backoff: BackoffRule::NothingSucceeded,
    };

    /// An optional task, which must delay no other.
    pub const BACKGROUND: Self = Self {
        starts_after_data: true,
        refreshes_session: false,
        retries_requests: false,
        counts_as_backoff: false,
        bursts_after_backoff: true,
        polls_once_repaired: true,
        backoff: BackoffRule::TransientFailure,
    };

    /// Whether a poll that ended so makes its task back off.
    pub(super) fn backs_off_after(&self, result: PollResult) -> bool {
        match self.backoff {
            BackoffRule::NothingSucceeded => result.succeeded == 0 && result.given_up > 0,
            BackoffRule::TransientFailure => result.transient_failure,
        }
    }

    /// The wait after the last of so many such polls in a row.
    pub(super) fn backoff(&self, consecutive: u32, interval: Duration) -> Duration {
        match self.backoff {
            BackoffRule::NothingSucceeded => wait_after_failed_poll(consecutive),
            BackoffRule::TransientFailure => {
                wait_after_failed_background_poll(consecutive, interval)
            }
        }
    }
}
