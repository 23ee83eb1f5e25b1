//! What a connection is doing and since when: the byte stream and the response bodies report it,
//! the time limits and the choice of who makes room go by it.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Limits;

/// What a connection is doing, and since when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    /// It is new and its TLS handshake is not done.
    Handshake(Instant),
    /// It is new, or a request head has begun.
    Head(Instant),
    /// It has served a request and rests.
    Idle(Instant),
    /// A request is being served.
    Busy {
        /// When it became busy, or a byte of a response last went out since. Further requests do
        /// not move this: a client that pipelines gains no time by it.
        since: Instant,
        /// Requests whose responses are not written out; more than one only when pipelined.
        requests: usize,
        /// Requests among them whose body is read and whose password is checked.
        answering: usize,
        /// Whether a password is being hashed or waits for that.
        checking: bool,
        /// Whether bytes came in since then: most likely the next head's beginning.
        read_ahead: bool,
    },
}

/// Who a connection waits for. In this order they make room for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// For its client.
    Waiting,
    /// For the hash of its password, which is no fault of its client.
    Checked,
    /// It is being answered.
    Answered,
}

impl Phase {
    /// When the connection has to be elsewhere.
    pub(super) fn deadline(self, limits: &Limits) -> Instant {
        match self {
            Self::Handshake(since) => since + limits.handshake_time,
            Self::Head(since) => since + limits.head_time,
            Self::Idle(since) => since + limits.idle_time,
            Self::Busy { since, .. } => since + limits.response_time,
        }
    }

    /// Who the connection waits for.
    pub(super) fn standing(self) -> Standing {
        match self {
            Self::Busy { answering: 1.., .. } => Standing::Answered,
            Self::Busy { checking: true, .. } => Standing::Checked,
            _ => Standing::Waiting,
        }
    }

    /// When the present phase began or, for a response, last made progress.
    pub(super) fn since(self) -> Instant {
        match self {
            Self::Handshake(since) | Self::Head(since) | Self::Idle(since) => since,
            Self::Busy { since, .. } => since,
        }
    }
}

/// Where the parts of a connection report what it is doing.
pub(super) struct Activity(watch::Sender<Phase>);

impl Activity {
    /// A new connection; with TLS a handshake comes first, without it a head.
    pub(super) fn new(tls: bool) -> Arc<Self> {
        let now = Instant::now();
        let phase = match tls {
            true => Phase::Handshake(now),
            false => Phase::Head(now),
        };
        Arc::new(Self(watch::Sender::new(phase)))
    }

    /// The present phase.
    pub(super) fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Hears of phases that end sooner than the one before; progress is not announced.
    pub(super) fn watch(&self) -> watch::Receiver<Phase> {
        self.0.subscribe()
    }

    /// The handshake is done, and a head is awaited.
    pub(super) fn handshake_done(&self) {
        self.0.send_replace(Phase::Head(Instant::now()));
    }

    /// The client sent something.
    pub(super) fn bytes_read(&self) {
        self.0.send_if_modified(|phase| match phase {
            Phase::Handshake(_) | Phase::Head(_) => false,
            Phase::Idle(_) => {
                *phase = Phase::Head(Instant::now());
                true
            }
            Phase::Busy { read_ahead, .. } => {
                *read_ahead = true;
                false
            }
        });
    }

    /// The client, or the system for it, took bytes of a response.
    pub(super) fn bytes_written(&self) {
        self.0.send_if_modified(|phase| {
            if let Phase::Busy { since, .. } = phase {
                *since = Instant::now();
            }
            // The deadline only moves away; whoever waits for it looks again when it comes.
            false
        });
    }

    /// A head is complete and its request is being served.
    pub(super) fn request_started(&self) {
        self.0.send_modify(|phase| match phase {
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
                    answering: 0,
                    checking: false,
                    read_ahead: false,
                };
            }
        });
    }

    /// The request's password is being checked, or no longer so.
    pub(super) fn set_checking(&self, now: bool) {
        self.0.send_if_modified(|phase| {
            if let Phase::Busy { checking, .. } = phase {
                *checking = now;
            }
            // The deadline stays.
            false
        });
    }

    /// The request may be answered.
    pub(super) fn admitted(&self) {
        self.0.send_modify(|phase| {
            if let Phase::Busy { answering, .. } = phase {
                *answering += 1;
            }
        });
    }

    /// The last byte of a response went to the socket, or the response was given up.
    pub(super) fn response_written(&self) {
        self.0.send_modify(|phase| match phase {
            Phase::Busy {
                requests,
                answering,
                ..
            } if *requests > 1 => {
                *requests -= 1;
                *answering = answering.saturating_sub(1);
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
        let rest = Instant::now();
        assert_eq!(activity.phase(), Phase::Idle(rest));
        let rest = a_second().await;
        activity.bytes_read();
        assert_eq!(activity.phase(), Phase::Head(rest));

        activity.request_started();
        activity.bytes_read();
        activity.response_written();
        let phase = activity.phase();
        assert_eq!(phase, Phase::Head(rest), "the next head began early");
        activity.request_started();
        activity.request_started();
        activity.response_written();
        assert!(matches!(activity.phase(), Phase::Busy { requests: 1, .. }));
        activity.response_written();
        assert_eq!(activity.phase(), Phase::Idle(rest));
    }

    #[tokio::test(start_paused = true)]
    async fn only_bytes_that_are_taken_give_a_response_time_and_pipelining_does_not() {
        let activity = Activity::new(false);
        activity.request_started();
        let start = Instant::now();
        assert_eq!(activity.phase().standing(), Standing::Waiting);
        activity.set_checking(true);
        assert_eq!(activity.phase().standing(), Standing::Checked);
        activity.set_checking(false);
        assert_eq!(activity.phase().standing(), Standing::Waiting);
        a_second().await;
        activity.admitted();
        assert_eq!(activity.phase().standing(), Standing::Answered);
        activity.request_started();
        assert_eq!(activity.phase().since(), start);
        let standing = activity.phase().standing();
        assert_eq!(standing, Standing::Answered, "one is under way");
        let moved = a_second().await;
        activity.bytes_written();
        assert_eq!(activity.phase().since(), moved);
        activity.response_written();
        assert_eq!(activity.phase().since(), moved);
        let standing = activity.phase().standing();
        assert_eq!(standing, Standing::Waiting, "the next is not yet admitted");
    }
}
