//! The wall clock: time stamps, and how long today has lasted.
//!
//! Only what a person or LivePerson reads comes from here. Waits and ages are measured with the
//! monotonic clock, so that a step of the wall clock cannot shorten or stretch them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::Window;

/// Longest time frame LivePerson accepts, in minutes.
const LONGEST: u16 = 1440;

/// Where the wall clock's time comes from.
pub trait WallClock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Seconds since the epoch, as Prometheus writes times.
pub(super) fn epoch_seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

/// The `timeframe` of a window that ends at `now`: 1 to 1440 minutes.
///
/// `today` counts real time since midnight, which on the days daylight saving begins or ends is
/// not the time on the clock's face. Only whole minutes count: LivePerson begins a window at the
/// 5-minute mark at or before its nominal start, which is midnight then; one more minute would
/// bring the last five minutes of yesterday along. The 25th hour of the longest day does not fit
/// in what LivePerson accepts.
pub fn timeframe(window: Window, now: Timestamp, timezone: &TimeZone) -> u16 {
    match window {
        Window::Minutes(minutes) => minutes,
        Window::Today => {
            let now = now.to_zoned(timezone.clone());
            let midnight = now
                .start_of_day()
                .map_or(now.timestamp(), |day| day.timestamp());
            let seconds = now.timestamp().duration_since(midnight).as_secs();
            let minutes = seconds.max(0).unsigned_abs() / 60;
            u16::try_from(minutes).unwrap_or(LONGEST).clamp(1, LONGEST)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn today(zone: &str, now: &str) -> u16 {
        timeframe(
            Window::Today,
            now.parse().unwrap(),
            &TimeZone::get(zone).unwrap(),
        )
    }

    #[test]
    fn a_fixed_window_is_itself() {
        assert_eq!(
            timeframe(Window::Minutes(90), Timestamp::UNIX_EPOCH, &TimeZone::UTC),
            90
        );
    }

    #[test]
    fn today_begins_at_midnight_in_the_time_zone() {
        assert_eq!(today("UTC", "2026-11-20T00:00:00Z"), 1);
        assert_eq!(today("UTC", "2026-11-20T00:00:59Z"), 1);
        assert_eq!(today("UTC", "2026-11-20T00:03:59.999Z"), 3);
        assert_eq!(today("UTC", "2026-11-20T23:59:59Z"), 1439);
        assert_eq!(today("Asia/Kolkata", "2026-11-20T00:00:00Z"), 330);
        assert_eq!(today("America/New_York", "2026-11-20T00:00:00Z"), 19 * 60);
    }

    #[test]
    fn today_is_right_on_both_days_of_daylight_saving() {
        // 02:00 became 03:00: noon is eleven hours after midnight.
        assert_eq!(today("Europe/Berlin", "2026-03-29T10:00:00Z"), 11 * 60);
        // 03:00 became 02:00: noon is thirteen hours after midnight, and the day has 25.
        assert_eq!(today("Europe/Berlin", "2026-10-25T11:00:00Z"), 13 * 60);
        assert_eq!(today("Europe/Berlin", "2026-10-25T22:59:00Z"), 1440);
        // Midnight itself is skipped there: the day begins at 01:00.
        assert_eq!(today("America/Asuncion", "2023-10-01T05:00:00Z"), 60);
    }
}
