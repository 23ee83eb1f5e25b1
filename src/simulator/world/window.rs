//! 5-minute arithmetic on the UTC clock: where a time frame begins, and how it splits into
//! intervals. All times are milliseconds since the epoch.

use super::nodes::Node;

/// A minute, in milliseconds.
pub(crate) const MINUTE: i64 = 60_000;
/// An hour, in milliseconds.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// A day, in milliseconds.
pub(crate) const DAY: i64 = 24 * HOUR;
/// The length of the buckets in which LivePerson collects events.
pub(crate) const BUCKET: i64 = 5 * MINUTE;

/// A time frame as LivePerson evaluates it. All times are milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Window {
    /// The 5-minute mark at or before now - timeframe.
    pub start: i64,
    /// Events before this moment are known: the last refresh of the node that answers, less its lag.
    pub as_of: i64,
    /// The end of the bucket that is still filling: the next 5-minute mark after now.
    pub end: i64,
}

impl Window {
    /// The last `timeframe` minutes at `now`, as `node` knows them.
    pub(crate) fn ending(now: i64, timeframe: i64, node: Node) -> Self {
        // A clock before 1970 or beyond the year 9999 is a broken clock, not a reason to overflow.
        let now = now.clamp(0, 253_402_300_799_999);
        Self {
            start: floor(now - timeframe * MINUTE, BUCKET),
            as_of: node.as_of(now),
            end: floor(now, BUCKET) + BUCKET,
        }
    }

    /// Whether an event at `time` is in the frame and already known.
    pub fn contains(self, time: i64) -> bool {
        self.start <= time && time < self.as_of
    }

    /// The ends of the intervals of `minutes`, newest first; the oldest one can be shorter.
    pub fn interval_ends(self, minutes: i64) -> Vec<i64> {
        let length = minutes * MINUTE;
        let mut ends = Vec::new();
        let mut end = self.end;
        while end > self.start {
            ends.push(end);
            end -= length;
        }
        ends
    }

    /// The position in [`Self::interval_ends`] of the interval that holds `time`.
    pub fn interval_position(self, time: i64, minutes: i64) -> Option<usize> {
        usize::try_from((self.end - 1 - time).div_euclid(minutes * MINUTE)).ok()
    }
}

pub(crate) fn floor(time: i64, step: i64) -> i64 {
    time.div_euclid(step) * step
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(now: i64, timeframe: i64) -> Window {
        Window::ending(now, timeframe, Node::default())
    }

    fn clock(hour: i64, minute: i64) -> i64 {
        // 26 March 2014, the day of the reference's own example.
        1_395_792_000_000 + hour * HOUR + minute * MINUTE
    }

    #[test]
    fn a_frame_begins_at_the_five_minute_mark_before_it() {
        let window = ending(clock(13, 29), 7);
        assert_eq!(window.start, clock(13, 20));
        assert_eq!(window.as_of, clock(13, 29));
        assert_eq!(window.end, clock(13, 30));
    }

    #[test]
    fn intervals_round_up_and_the_oldest_is_the_remainder() {
        let window = ending(clock(8, 7), 20);
        assert_eq!(window.start, clock(7, 45));
        let ends = window.interval_ends(10);
        assert_eq!(ends, [clock(8, 10), clock(8, 0), clock(7, 50)]);
        assert_eq!(ends[1], 1_395_820_800_000);
        assert_eq!(window.interval_position(clock(8, 0), 10), Some(0));
        assert_eq!(window.interval_position(clock(8, 0) - 1, 10), Some(1));
        assert_eq!(window.interval_position(clock(7, 45), 10), Some(2));
    }

    #[test]
    fn a_new_bucket_begins_on_the_mark() {
        let window = ending(clock(8, 0), 5);
        assert_eq!((window.start, window.end), (clock(7, 55), clock(8, 5)));
    }

    #[test]
    fn numbers_change_every_ten_seconds() {
        let before = ending(clock(8, 0) + 19_999, 5);
        assert_eq!(before.as_of, clock(8, 0) + 10_000);
        assert!(before.contains(clock(8, 0) + 9_999));
        assert!(!before.contains(clock(8, 0) + 10_000));
        assert!(!before.contains(before.start - 1));
    }

    #[test]
    fn a_node_that_lags_knows_less_of_the_same_frame() {
        let node = Node {
            phase_ms: 2_000,
            lag_ms: 30_000,
        };
        let (behind, prompt) = (Window::ending(clock(8, 0), 5, node), ending(clock(8, 0), 5));
        assert_eq!((behind.start, behind.end), (prompt.start, prompt.end));
        assert_eq!(behind.as_of, clock(8, 0) - 38_000);
    }
}
