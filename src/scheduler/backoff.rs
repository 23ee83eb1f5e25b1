//! Waits after failures: every number of the retry rules stands here.

use std::time::Duration;

/// 5xx, timeout, connection failure or unreadable answer: the same request again after these.
const REQUEST_RETRIES: [Duration; 3] = [
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(15),
];

/// A poll in which no request succeeded: the collector waits this long, doubled each time ...
const FIRST_POLL_WAIT: Duration = Duration::from_secs(2 * 60);

/// ... up to this.
const LONGEST_POLL_WAIT: Duration = Duration::from_secs(8 * 60);

/// The wait before a failed request is tried again, or `None` when it is given up.
/// `failures` counts the attempts that have failed so far, this one included.
pub(super) fn wait_after_failed_request(failures: u32) -> Option<Duration> {
    let index = usize::try_from(failures.checked_sub(1)?).ok()?;
    REQUEST_RETRIES.get(index).copied()
}

/// The wait after a poll in which nothing succeeded. `consecutive` counts such polls, this one
/// included: 2, 4, 8, 8 ... minutes.
pub(super) fn wait_after_failed_poll(consecutive: u32) -> Duration {
    let doublings = consecutive.saturating_sub(1).min(8);
    (FIRST_POLL_WAIT * 2_u32.pow(doublings)).min(LONGEST_POLL_WAIT)
}

/// The wait after a background poll that failed in a way that may pass: 2, 4, 8 ... minutes, up to its
/// interval, which is long.
pub(super) fn wait_after_failed_background_poll(consecutive: u32, interval: Duration) -> Duration {
    let doublings = consecutive.saturating_sub(1).min(16);
    (FIRST_POLL_WAIT * 2_u32.pow(doublings)).min(interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_request_is_retried_after_5_10_15_s_then_given_up() {
        let waits: Vec<_> = (1..=5).map(wait_after_failed_request).collect();
        let secs = |s| Some(Duration::from_secs(s));
        assert_eq!(waits, [secs(5), secs(10), secs(15), None, None]);
    }

    #[test]
    fn the_wait_after_a_failed_poll_is_2_4_8_8_minutes() {
        let minutes: Vec<_> = [1, 2, 3, 4, 100, u32::MAX]
            .map(|n| wait_after_failed_poll(n).as_secs() / 60)
            .into();
        assert_eq!(minutes, [2, 4, 8, 8, 8, 8]);
    }

    #[test]
    fn a_background_poll_waits_up_to_its_interval() {
        let hour = Duration::from_secs(3600);
        let minutes: Vec<_> = [1, 2, 5, 6, u32::MAX]
            .map(|n| wait_after_failed_background_poll(n, hour).as_secs() / 60)
            .into();
        assert_eq!(minutes, [2, 4, 32, 60, 60]);
    }
}
