//! When to make which call: pacing, retry and back-off.
//!
//! [`AccountScheduler`] takes the time and the outcomes of calls and decides which call may start
//! next. It does no input or output and reads no clock, so all of it can be run under simulated time.
//! What it polls are tasks: a collector of data is one, the names of an account are another. A
//! [`PlanSource`] gives it the requests of each poll.
//!
//! The rules have a file each: `spread` (even starts, phases), `spacing` (the distance between calls
//! and how a 429 widens it), `pause` (how long an account makes no call after a 429), `backoff` (waits
//! after failures), `stretch` (plans that cannot be met at the present spacing), `session` (hosts and
//! token, each a `refreshable` that one call fetches for all requests that wait for it), `task` (one
//! poll after another), `policy` (what distinguishes background tasks), `poll` (the requests of one
//! poll) and `history` (how they ended in earlier ones). `run` is the thin loop that executes what was
//! decided, `supervise` starts it again after a panic.
//!
//! Each rule of polling has a name to look for:
//!
//! | rule | where |
//! |---|---|
//! | never more than `max_in_flight`, never closer than the spacing, no call in a pause | `AccountScheduler::step` |
//! | requests spread evenly, phases | `start_offset`, `first_phase` |
//! | 429: how long the account pauses | `pause::wait_after_429` |
//! | 429: spacing doubled, eased back | `Spacing::throttled`, `Spacing::succeeded` |
//! | failed request: 5, 10, 15 s, then given up | `backoff::wait_after_failed_request` |
//! | poll without any success: 2, 4, 8 minutes | `backoff::wait_after_failed_poll` |
//! | 401: one new token, one more attempt | `Session::replace_token`, `Poll::retry_after_401` |
//! | other 4xx, four 429s, four failures: given up for this poll | `poll::Poll` |
//! | a run of requests given up: the rest of the poll is | `Poll::give_up` |
//! | a poll due while the last one runs is skipped and counted | `Task::advance` |
//! | a late poll begins when the last one has ended | `Task::advance` |
//! | a plan that cannot be met stretches its interval | `stretch::stretch_ratios` |
//! | taking turns, so that no task starves another | `AccountScheduler::pick` |
//! | a background task delays no other | `TaskPolicy::BACKGROUND` |
//! | what a changed configuration keeps | `AccountScheduler::restore_from` |
//!
//! `tests/simulation` runs all of it through generated faults and checks the rules after every event;
//! `docs/polling.md` draws the states.
//!
//! This module knows time and outcomes; it knows neither JSON nor metric names.

mod account;
mod backoff;
mod call;
mod event;
mod history;
mod ids;
mod pause;
mod planned;
mod policy;
mod poll;
mod refreshable;
mod run;
mod session;
mod session_change;
mod spacing;
mod spread;
mod stretch;
mod supervise;
mod task;

#[cfg(test)]
mod test_driver;
#[cfg(test)]
mod test_worker;
#[cfg(test)]
mod tests;

pub use account::{
    AccountScheduler, AccountSettings, CarriedTask, Carryover, NextCalls, Step, TaskNextCall,
};
pub use call::{Call, Completion, Outcome};
pub use event::{Event, NextAction, PollSummary};
pub use ids::{RequestIndex, RequestKey, ServiceId, TaskId};
pub use planned::{PlannedRequest, Start};
pub use policy::TaskPolicy;
pub use run::{CallOutput, Worker, run};
pub use session::SessionSettings;
pub use session_change::SessionChange;
pub use spacing::Spacing;
pub use spread::{Ordinal, first_phase, start_offset};
pub use stretch::{Demand, stretch_ratios};
pub use supervise::supervise;
pub use task::TaskSettings;

/// Where the requests of a poll come from. Asked at the very moment a poll begins.
pub trait PlanSource {
    /// Fixes the plan of the poll that begins and returns its requests.
    fn begin_poll(&mut self, task: TaskId) -> Vec<PlannedRequest>;
}
