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
mod backoff;
mod call;
mod event;
mod history;
mod ids;
mod pause;
pub mod plan;
mod policy;
mod poll;
mod refreshable;
mod run;
mod session;
mod spacing;
mod spread;
mod stretch;
mod supervise;
mod task;

#[cfg(test)]
mod test_driver;
#[cfg(test)]
mod tests;

pub use account::{AccountScheduler, AccountSettings, CarriedTask, Carryover, SessionChange, Step};
pub use call::{Call, Completion, Outcome};
pub use event::{Event, NextAction, PollSummary};
pub use ids::{RequestIndex, RequestKey, ServiceId, TaskId};
pub use policy::TaskPolicy;
pub use run::{CallOutput, Worker, run};
pub use session::SessionSettings;
pub use spacing::Spacing;
pub use spread::{first_phase, start_offset};
pub use stretch::{Demand, stretch_ratios};
pub use supervise::supervise;
pub use task::TaskSettings;

/// Where the requests of a poll come from. Asked at the very moment a poll begins.
pub trait PlanSource {
    /// Fixes the plan of the poll that begins and returns its requests.
    fn begin_poll(&mut self, task: TaskId) -> Vec<RequestKey>;
}
