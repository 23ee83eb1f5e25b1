//! The calls that the scheduler wants made, and how they can end.

use std::time::Duration;

use super::{PlannedRequest, RequestIndex, RequestKey, ServiceId, TaskId};

/// One call that the scheduler wants made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Look up the host of this service.
    LookUp(ServiceId),
    /// Get a token.
    Authorise,
    /// Make one request of a task's running poll.
    Request {
        /// Whose poll.
        task: TaskId,
        /// Which request of the poll.
        index: RequestIndex,
        /// The same request from one poll to the next.
        key: RequestKey,
    },
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
    /// 5xx, timeout, connection failure, unreadable answer: worth another attempt.
    Failed {
        /// Whether there was no connection at all, which makes the known hosts stale.
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
    pub added: Vec<PlannedRequest>,
}

impl From<Outcome> for Completion {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            added: Vec::new(),
        }
    }
}
