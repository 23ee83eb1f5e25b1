//! What the scheduler reports, for logs, metrics and publishing.

use std::time::Duration;

use super::{Call, TaskId};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A poll ended; no request of it is pending or under way.
    PollEnded {
        /// Whose poll.
        task: TaskId,
        /// How it went.
        summary: PollSummary,
    },
    /// Polls were due while the last one was still running or backing off.
    PollsSkipped {
        /// Whose polls.
        task: TaskId,
        /// How many.
        count: u64,
    },
    /// A call failed otherwise than by a 429, or it was given up because of 429s.
    CallFailed {
        /// The call.
        call: Call,
        /// What happens now.
        next: NextAction,
    },
    /// A host was looked up or a token fetched.
    SessionReady {
        /// The call that succeeded.
        call: Call,
    },
    /// The account makes no call after a 429.
    Paused {
        /// The call that was refused.
        call: Call,
        /// For how long from now.
        wait: Duration,
        /// The spacing between calls afterwards.
        spacing: Duration,
    },
}

/// What happens after a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextAction {
    /// The same call again after this wait.
    RetryAfter(Duration),
    /// The same call again with a new token.
    RetryWithNewToken,
    /// Given up for this poll; what needs the host or the token is given up with it.
    GiveUp,
    /// Given up, and nothing else of the poll succeeded: the task, or the longest of all that
    /// needed the host or the token, waits this long before its next poll.
    BackOff(Duration),
}

/// How a poll ended.
#[derive(Clone, Debug, PartialEq)]
pub struct PollSummary {
    /// From its beginning to the end of its last request.
    pub duration: Duration,
    /// The time it took over its task's interval, at least 1.
    pub stretch: f64,
    /// Requests that gave a usable answer.
    pub succeeded: usize,
    /// Requests that were given up.
    pub given_up: usize,
    /// The wait before the next poll, when no request succeeded.
    pub backoff: Option<Duration>,
}

impl PollSummary {
    /// A poll succeeds only as a whole: when none of its requests was given up.
    pub fn is_success(&self) -> bool {
        self.given_up == 0
    }
}
