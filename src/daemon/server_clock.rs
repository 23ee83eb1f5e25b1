//! LivePerson's clock, as its answers have it: what says where `today` begins.
//!
//! Once it is known it continues by this machine's clock of ages, so that a step of the wall clock
//! changes nothing. A single answer that says otherwise, from a cache or a server that is wrong, is
//! not believed before the next one agrees.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// Answers that differ by no more say the same: a `Date` has whole seconds, and takes a moment.
const TOLERANCE: Duration = Duration::from_secs(30);

/// LivePerson's clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ServerClock {
    believed: Option<Reading>,
    /// A reading that disagreed with what was believed.
    candidate: Option<Reading>,
    /// Whether an answer came without a time.
    is_silent: bool,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    time: Timestamp,
    /// When it was read, by the clock of ages.
    at: Instant,
}

impl Reading {
    /// What that clock says at `now`; `None` beyond all calendars.
    fn at(self, now: Instant) -> Option<Timestamp> {
        let since = SignedDuration::try_from(now.saturating_duration_since(self.at)).ok()?;
        self.time.checked_add(since).ok()
    }

    fn agrees_with(self, later: Self) -> bool {
        let expected = self.at(later.at);
        expected.is_some_and(|expected| distance(expected, later.time) <= TOLERANCE)
    }
}

fn distance(a: Timestamp, b: Timestamp) -> Duration {
    a.duration_since(b).unsigned_abs()
}

impl ServerClock {
    /// Takes note of the time in an answer's head, which came at `at`; `ours` is the wall clock then.
    pub(super) fn read(&mut self, time: Timestamp, at: Instant, ours: Timestamp) {
        let reading = Reading { time, at };
        let expected = self.believed.unwrap_or(Reading { time: ours, at });
        let candidate = self.candidate.take();
        let confirmed = candidate.is_some_and(|candidate| candidate.agrees_with(reading));
        if confirmed || expected.agrees_with(reading) {
            self.believed = Some(reading);
        } else {
            self.candidate = Some(reading);
        }
    }

    /// Takes note of an answer without a time: there may never be one.
    pub(super) fn read_nothing(&mut self) {
        self.is_silent = true;
    }

    /// Whether it is known, or cannot be known.
    pub(super) fn is_known(&self) -> bool {
        self.believed.is_some() || self.is_silent
    }

    /// LivePerson's time at `now`, or `ours` as long as it is not known.
    pub(super) fn now(&self, now: Instant, ours: Timestamp) -> Timestamp {
        let believed = self.believed.and_then(|reading| reading.at(now));
        believed.unwrap_or(ours)
    }

    /// LivePerson's clock less ours; `None` as long as it is not known.
    pub(super) fn offset(&self, now: Instant, ours: Timestamp) -> Option<SignedDuration> {
        let theirs = self.believed?.at(now)?;
        Some(theirs.duration_since(ours))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    fn secs(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_clock_is_believed_if_it_agrees_with_ours_or_itself() {
        let start = crate::clock::real_time();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut clock = ServerClock::default();
        clock.read(secs(3), at(0), secs(0));
        assert_eq!(clock.now(at(10), secs(999)), secs(13), "ours may step");
        let wrong = secs(13 * 3600);
        clock.read(wrong, at(20), secs(20));
        assert_eq!(clock.now(at(20), secs(20)), secs(23), "one is not believed");
        clock.read(secs(33), at(30), secs(30));
        clock.read(wrong, at(40), secs(40));
        assert_eq!(
            clock.now(at(40), secs(40)),
            secs(43),
            "two that are not in a row"
        );
        clock.read(secs(13 * 3600 + 10), at(50), secs(50));
        let offset = clock.offset(at(50), secs(50)).unwrap();
        assert_eq!(offset.as_secs(), 13 * 3600 - 40);
    }

    #[test]
    fn our_own_clock_serves_until_theirs_is_known() {
        let start = crate::clock::real_time();
        let mut clock = ServerClock::default();
        assert_eq!(clock.now(start, secs(5)), secs(5));
        assert_eq!(clock.offset(start, secs(5)), None);
        clock.read(secs(7200), start, secs(0));
        assert_eq!(clock.now(start, secs(0)), secs(0));
    }

    #[test]
    fn extreme_dates_do_not_overflow() {
        let start = crate::clock::real_time();
        check_each([Timestamp::MAX, Timestamp::MIN], |date| {
            let mut clock = ServerClock::default();
            for seconds in 0..4 {
                clock.read(date, start + Duration::from_secs(seconds), secs(0));
            }
            let later = start + Duration::from_secs(1_000_000);
            clock.now(later, secs(0));
            clock.offset(later, secs(0));
        });
    }
}
