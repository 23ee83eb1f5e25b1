//! What a connection is doing, and since when. The byte stream and the response bodies report it;
//! time limits and the choice of the connection to evict depend on it.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::settings::Limits;

/// What a connection is doing, and since when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    /// It is new and its TLS handshake is not done.
    Handshake(Instant),
    /// It is new, or a request head has begun.
    Head(Instant),
    /// It has served a request and is idle.
    Idle(Instant),
    /// A request is being served.
    Busy {
        /// When it became busy, or a byte of a response last went out since. Further requests do
        /// not move this: a client that pipelines gains no time by it.
        since: Instant,
        /// Requests whose responses are not written out; more than one only when pipelined.
        requests: usize,
        /// Requests among them that passed all checks and are being responded to.
        admitted: usize,
        /// Whether a password is being hashed or queued for it.
        hashing: bool,
        /// Whether bytes were read since then: most likely the beginning of the next head.
        read_ahead: bool,
    },
}

/// What a connection waits for. Connections are evicted in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EvictionClass {
    /// For its client.
    AwaitingClient,
    /// For the hash of its password, which is not the client's fault.
    Hashing,
    /// For nothing: its request is being responded to.
    Responding,
}

impl Phase {
    /// When the connection has to have left this phase.
    pub(super) fn deadline(self, limits: &Limits) -> Instant {
        match self {
            Self::Handshake(since) => since + limits.handshake_time,
            Self::Head(since) => since + limits.head_time,
            Self::Idle(since) => since + limits.idle_time,
            Self::Busy { since, .. } => since + limits.response_time,
        }
    }

    /// What the connection waits for.
    pub(super) fn eviction_class(self) -> EvictionClass {
        match self {
            Self::Busy { admitted: 1.., .. } => EvictionClass::Responding,
            Self::Busy { hashing: true, .. } => EvictionClass::Hashing,
            _ => EvictionClass::AwaitingClient,
        }
    }

    /// When this phase began or, for a response, last made progress.
    pub(super) fn since(self) -> Instant {
        match self {
            Self::Handshake(since) | Self::Head(since) | Self::Idle(since) => since,
            Self::Busy { since, .. } => since,
        }
    }
}

/// Where the parts of a connection report what it is doing. A report wakes no task: the
/// connection's task looks at it often enough (see [`Limits::shortest`]).
pub(super) struct Activity(Mutex<State>);

/// Held for one report or one look.
struct State {
    phase: Phase,
    /// Since when the socket has taken nothing of what is there to be written.
    blocked_since: Option<Instant>,
}

impl Activity {
    /// A new connection; with TLS a handshake comes first, without it a head.
    pub(super) fn new(tls: bool) -> Arc<Self> {
        let now = Instant::now();
        let phase = match tls {
            true => Phase::Handshake(now),
            false => Phase::Head(now),
        };
        Arc::new(Self(Mutex::new(State {
            phase,
            blocked_since: None,
        })))
    }

    /// The current phase.
    pub(super) fn phase(&self) -> Phase {
        self.0.lock().phase
    }

    /// When the connection is closed unless something happens before.
    pub(super) fn deadline(&self, limits: &Limits) -> Instant {
        let State {
            phase,
            blocked_since,
        } = *self.0.lock();
        let deadline = phase.deadline(limits);
        let stalled = blocked_since.map(|since| since + limits.write_stall);
        stalled.map_or(deadline, |stalled| stalled.min(deadline))
    }

    /// The socket takes nothing more, or again.
    pub(super) fn set_blocked(&self, blocked: bool) {
        let since = &mut self.0.lock().blocked_since;
        match blocked {
            true => _ = since.get_or_insert_with(Instant::now),
            false => *since = None,
        }
    }

    fn change(&self, change: impl FnOnce(&mut Phase)) {
        change(&mut self.0.lock().phase);
    }

    /// The handshake is done; a request head is expected.
    pub(super) fn handshake_done(&self) {
        self.change(|phase| *phase = Phase::Head(Instant::now()));
    }

    /// The client sent something.
    pub(super) fn bytes_read(&self) {
        self.change(|phase| match phase {
            Phase::Handshake(_) | Phase::Head(_) => {}
            Phase::Idle(_) => *phase = Phase::Head(Instant::now()),
            Phase::Busy { read_ahead, .. } => *read_ahead = true,
        });
    }

    /// The client, or the system for it, took bytes of a response.
    pub(super) fn bytes_written(&self) {
        self.change(|phase| {
            if let Phase::Busy { since, .. } = phase {
                *since = Instant::now();
            }
        });
    }

    /// A head is complete and its request is being served.
    pub(super) fn request_started(&self) {
        self.change(|phase| match phase {
            Phase::Busy {
                requests,
                read_ahead,
                ..
            } => {
                *requests += 1;
                *read_ahead = false;
            }
            _ => {
                *phase = Phase::Busy {
                    since: Instant::now(),
                    requests: 1,
                    admitted: 0,
                    hashing: false,
                    read_ahead: false,
                };
            }
        });
    }

    /// A password of the connection is being hashed or queued for it, or no longer so.
    pub(super) fn set_hashing(&self, value: bool) {
        self.change(|phase| {
            if let Phase::Busy { hashing, .. } = phase {
                *hashing = value;
            }
        });
    }

    /// The request has passed all checks.
    pub(super) fn request_admitted(&self) {
        self.change(|phase| {
            if let Phase::Busy { admitted, .. } = phase {
                *admitted += 1;
            }
        });
    }

    /// The last byte of a response went to the socket, or the response was abandoned.
    pub(super) fn response_written(&self) {
        self.change(|phase| match phase {
            Phase::Busy {
                requests, admitted, ..
            } if *requests > 1 => {
                *requests -= 1;
                *admitted = admitted.saturating_sub(1);
            }
            Phase::Busy {
                read_ahead: true, ..
            } => *phase = Phase::Head(Instant::now()),
            _ => *phase = Phase::Idle(Instant::now()),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn a_second() -> Instant {
        tokio::time::advance(Duration::from_secs(1)).await;
        Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn phases_follow_bytes_and_responses() {
        let activity = Activity::new(true);
        assert_eq!(activity.phase(), Phase::Handshake(Instant::now()));
        let start = a_second().await;
        activity.handshake_done();
        a_second().await;
        activity.bytes_read();
        let phase = activity.phase();
        assert_eq!(phase, Phase::Head(start), "a trickling head gains no time");
        activity.request_started();
        activity.response_written();
        let idle_since = Instant::now();
        assert_eq!(activity.phase(), Phase::Idle(idle_since));
        let head_since = a_second().await;
        activity.bytes_read();
        assert_eq!(activity.phase(), Phase::Head(head_since));

        activity.request_started();
        activity.bytes_read();
        activity.response_written();
        let phase = activity.phase();
        assert_eq!(phase, Phase::Head(head_since), "the next head began early");
        activity.request_started();
        activity.request_started();
        activity.response_written();
        assert!(matches!(activity.phase(), Phase::Busy { requests: 1, .. }));
        activity.response_written();
        assert_eq!(activity.phase(), Phase::Idle(head_since));
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_takes_nothing_has_its_own_limit() {
        let limits = Limits::default();
        let activity = Activity::new(false);
        activity.request_started();
        let start = Instant::now();
        assert_eq!(activity.deadline(&limits), start + limits.response_time);
        let blocked = a_second().await;
        activity.set_blocked(true);
        a_second().await;
        activity.set_blocked(true);
        assert_eq!(activity.deadline(&limits), blocked + limits.write_stall);
        activity.set_blocked(false);
        assert_eq!(activity.deadline(&limits), start + limits.response_time);
    }

    #[tokio::test(start_paused = true)]
    async fn only_written_bytes_extend_the_time_of_a_response() {
        let activity = Activity::new(false);
        activity.request_started();
        let start = Instant::now();
        assert_eq!(
            activity.phase().eviction_class(),
            EvictionClass::AwaitingClient
        );
        activity.set_hashing(true);
        assert_eq!(activity.phase().eviction_class(), EvictionClass::Hashing);
        activity.set_hashing(false);
        assert_eq!(
            activity.phase().eviction_class(),
            EvictionClass::AwaitingClient
        );
        a_second().await;
        activity.request_admitted();
        assert_eq!(activity.phase().eviction_class(), EvictionClass::Responding);
        activity.request_started();
        assert_eq!(activity.phase().since(), start);
        let class = activity.phase().eviction_class();
        assert_eq!(class, EvictionClass::Responding, "one is under way");
        let moved = a_second().await;
        activity.bytes_written();
        assert_eq!(activity.phase().since(), moved);
        activity.response_written();
        assert_eq!(activity.phase().since(), moved);
        let class = activity.phase().eviction_class();
        assert_eq!(
            class,
            EvictionClass::AwaitingClient,
            "the next is not yet admitted"
        );
    }
}
