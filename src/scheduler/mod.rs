//! What to ask and when: the plan of requests, pacing, retry and back-off.
//!
//! `plan` lists the requests of a poll; everything else here is about time. [`AccountScheduler`]
//! takes the time and the outcomes of calls and answers which call may start next. It does no
//! input or output and reads no clock, so all of it can be run under simulated time. The
//! rules it applies have a file each: `spread` (even starts, phases), `spacing` (the distance
//! between calls and how a 429 widens it), `pause` (how long a 429 silences the account),
//! `backoff` (waits after failures), `stretch` (plans that cannot be met at the present spacing),
//! `refreshable` (hosts and token, one call for all who wait), `poll` (the requests of one poll),
//! `history` (how they fared in earlier ones) and `collector` (one poll after another). `run` is the
//! thin loop that executes what was decided, `supervise` starts it again after a panic.
//!
//! Each rule of the contract has a name to look for:
//!
//! | rule | where |
//! |---|---|
//! | never more than `max_in_flight`, never closer than the spacing, silent in a pause | `AccountScheduler::step` |
//! | requests spread evenly, phases | `start_offset`, `first_phase` |
//! | 429: how long the account pauses | `pause::wait_after_429` |
//! | 429: spacing doubled, eased back | `Spacing::throttled`, `Spacing::succeeded` |
//! | failed request: 5, 10, 15 s, then given up | `backoff::wait_after_failed_request` |
//! | poll failed whole: 2, 4, 8 minutes | `backoff::wait_after_failed_poll` |
//! | 401: one fresh token, one more try | `AccountScheduler::unauthorised` |
//! | other 4xx, four 429s, four failures: given up for this poll | `poll::Poll` |
//! | a run of requests given up: the rest of the poll is | `poll::Poll::give_up` |
//! | a poll due while the last one runs is skipped and counted | `Collector::advance` |
//! | a late poll begins when the one before is through | `Collector::advance` |
//! | a plan that cannot be met stretches its interval | `stretch::stretch_ratios` |
//! | taking turns, so that no collector starves another | `AccountScheduler::pick` |
//! | what a changed configuration keeps | `AccountScheduler::restore_from` |
//!
//! `tests/simulation` drives all of it through drawn faults and checks the rules after every
//! event; `docs/polling.md` draws the states.
//!
//! This module knows time and outcomes; it knows neither JSON nor metric names.

mod account;
#[cfg(test)]
mod background_tests;
mod backoff;
#[cfg(test)]
mod budget_tests;
mod collector;
mod history;
#[cfg(test)]
mod host_tests;
mod pause;
mod poll;
mod refreshable;
#[cfg(test)]
mod reload_tests;
mod run;
mod spacing;
mod spread;
#[cfg(test)]
mod starvation_tests;
mod stretch;
mod supervise;
#[cfg(test)]
mod virtual_time_tests;

pub use account::{
    AccountScheduler, AccountSettings, CarriedTask, Carryover, SessionChange, SessionSettings, Step,
};
pub use collector::{CollectorSettings, PollSummary};
pub use run::{CallOutput, Worker, run};
pub use spacing::Spacing;
pub use spread::{first_phase, start_offset};
pub use stretch::{Demand, stretch_ratios};
pub use supervise::supervise;

use std::time::Duration;

/// One call that the scheduler wants made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Look up the host of the service with this index.
    LookUp(usize),
    /// Get a token.
    Authorise,
    /// Make one request of a collector's running poll.
    Request {
        /// Index of the collector.
        collector: usize,
        /// Index of the request in the poll's plan.
        index: usize,
    },
}

/// Where the requests of a poll come from. Asked at the very moment a poll begins.
pub trait PlanSource {
    /// Fixes the plan of the poll that begins and returns its requests.
    fn begin_poll(&mut self, collector: usize) -> Vec<RequestKey>;
}

/// Tells the requests of a collector from each other, from one poll to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestKey(pub u64);

/// The keys of a plan of so many requests.
#[cfg(test)]
fn keys(count: usize) -> Vec<RequestKey> {
    (0..).map(RequestKey).take(count).collect()
}

/// How a call ended, as far as time is concerned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// A usable answer. For [`Call::Authorise`], how long the token lives when that is known.
    Success {
        /// Life of the token from now; ignored for other calls.
        lifetime: Option<Duration>,
    },
    /// 429.
    Throttled {
        /// `Retry-After` from now, as given, not clamped.
        retry_after: Option<Duration>,
    },
    /// 401: the token is not accepted.
    Unauthorised,
    /// Any other 4xx: trying again will not help.
    Rejected,
    /// 5xx, timeout, connection failure, unreadable answer: worth another try.
    Failed {
        /// Whether there was no connection at all, which makes the hosts doubtful.
        connection: bool,
    },
}

impl Outcome {
    /// A success of a call that is not about tokens.
    pub const SUCCESS: Self = Self::Success { lifetime: None };
}

/// How a call ended and what its answer asks for beyond itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// How it ended.
    pub outcome: Outcome,
    /// Requests that the answer adds to the running poll.
    pub added: Vec<RequestKey>,
}

impl From<Outcome> for Completion {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            added: Vec::new(),
        }
    }
}

/// Something that the scheduler did, for logs, metrics and publishing.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A poll ended; no request of it is pending or under way.
    PollEnded {
        /// Index of the collector.
        collector: usize,
        /// How it went.
        summary: PollSummary,
    },
    /// Polls were due while the last one was still running or backing off.
    PollsSkipped {
        /// Index of the collector.
        collector: usize,
        /// How many.
        count: u64,
    },
    /// A call failed otherwise than by a 429.
    CallFailed {
        /// The call.
        call: Call,
        /// What happens now.
        next: NextAction,
    },
    /// A host was looked up or a token had.
    SessionReady {
        /// The call that succeeded.
        call: Call,
    },
    /// The whole account is silent after a 429.
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
    /// The same call again with a fresh token.
    RetryWithNewToken,
    /// Given up for this poll; what waits for a host or a token is given up with it.
    GiveUp,
    /// Given up, and nothing else of the poll succeeded: the collector, or the longest of all that
    /// needed the host or the token, waits this long before its next poll.
    BackOff(Duration),
}
