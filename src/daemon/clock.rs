//! The wall clock: time stamps, and how long today has lasted.
//!
//! Only what a person or LivePerson reads comes from here. Waits and ages are measured with the
//! monotonic clock, so that a step of the wall clock cannot shorten or stretch them; only a sleep of
//! the machine is added to ages.

use std::time::Instant;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use crate::clock::{SystemClock, WallClock};
use crate::vocabulary::Window;

/// Longest time frame LivePerson accepts, in minutes.
const LONGEST: u16 = 1440;

/// The time by which ages are computed: the monotonic clock, put forward by the time that the machine
/// was suspended.
pub(super) fn aged(now: Instant, clock: &dyn WallClock) -> Instant {
    now + clock.slept()
}

/// Seconds since the epoch, as Prometheus writes times.
pub(super) fn epoch_seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

/// LivePerson's data comes in slots of 5 minutes: a window begins at the beginning of the slot that
/// its nominal start lies in. The middle of a slot, in seconds:
const MIDDLE_OF_SLOT: i64 = 150;

/// The `timeframe` of a window that ends at `now` on LivePerson's clock: 1 to 1440 minutes.
///
/// `today` counts real time since midnight, which on the days daylight saving begins or ends is
/// not the time on the clock's face. Its nominal start is laid into the middle of the slot that
/// begins at midnight, so that neither a clock that differs by two minutes nor a slow request moves
/// the window into yesterday or past the first slot. In the first three minutes of the day, when a
/// window of whole minutes cannot end there, it is one minute. The 25th hour of the longest day does
/// not fit in what LivePerson accepts.
pub fn timeframe(window: Window, now: Timestamp, timezone: &TimeZone) -> u16 {
    match window {
        Window::Minutes(minutes) => minutes,
        Window::Today => {
            let now = now.to_zoned(timezone.clone());
            let midnight = now
                .start_of_day()
                .map_or(now.timestamp(), |day| day.timestamp());
            let seconds = now.timestamp().duration_since(midnight).as_secs();
            // The nearest whole minute.
            let minutes = (seconds - MIDDLE_OF_SLOT + 30).max(0) / 60;
            u16::try_from(minutes).unwrap_or(LONGEST).clamp(1, LONGEST)
        }
        // Only who knows the anchor can say; an anchor may be as old as this.
        Window::SinceAnchor => LONGEST,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cases::check_each;

    fn today(zone: &str, now: &str) -> u16 {
        timeframe(
            Window::Today,
            now.parse().unwrap(),
            &TimeZone::get(zone).unwrap(),
        )
    }

    #[test]
    fn ages_count_the_time_the_machine_slept() {
        struct Sleeper;
        impl WallClock for Sleeper {
            fn now(&self) -> Timestamp {
                Timestamp::UNIX_EPOCH
            }
            fn slept(&self) -> Duration {
                Duration::from_secs(3600)
            }
        }
        let now = crate::clock::real_time();
        assert_eq!(aged(now, &Sleeper), now + Duration::from_secs(3600));
    }

    #[test]
    fn a_fixed_window_is_itself() {
        assert_eq!(
            timeframe(Window::Minutes(90), Timestamp::UNIX_EPOCH, &TimeZone::UTC),
            90
        );
    }

    #[test]
    fn today_begins_in_the_middle_of_the_first_slot() {
        assert_eq!(today("UTC", "2026-11-20T00:00:00Z"), 1);
        assert_eq!(today("UTC", "2026-11-20T00:03:59.999Z"), 1);
        assert_eq!(today("UTC", "2026-11-20T00:04:00Z"), 2);
        assert_eq!(today("UTC", "2026-11-20T23:59:59Z"), 1437);
        assert_eq!(today("Asia/Kolkata", "2026-11-20T00:00:00Z"), 328);
        let new_york = today("America/New_York", "2026-11-20T00:00:00Z");
        assert_eq!(new_york, 19 * 60 - 2);
    }

    #[test]
    fn a_clock_that_differs_by_two_minutes_moves_no_day() {
        let midnight: Timestamp = "2026-11-20T00:00:00Z".parse().unwrap();
        for second in 180..86_400 {
            check_each([-119, 0, 119], |difference| {
                let ours = midnight + jiff::SignedDuration::from_secs(second);
                let minutes = timeframe(Window::Today, ours, &TimeZone::UTC);
                // LivePerson's clock says when the window really begins.
                let start = second + difference - 60 * i64::from(minutes);
                assert!((0..300).contains(&start), "{second} {difference}: {start}");
            });
        }
    }

    #[test]
    fn today_is_right_on_both_days_of_daylight_saving() {
        // 02:00 became 03:00: noon is eleven hours after midnight.
        let spring = today("Europe/Berlin", "2026-03-29T10:00:00Z");
        assert_eq!(spring, 11 * 60 - 2);
        // 03:00 became 02:00: noon is thirteen hours after midnight, and the day has 25.
        let autumn = today("Europe/Berlin", "2026-10-25T11:00:00Z");
        assert_eq!(autumn, 13 * 60 - 2);
        assert_eq!(today("Europe/Berlin", "2026-10-25T22:59:00Z"), 1440);
        // Midnight itself is skipped there: the day begins at 01:00.
        assert_eq!(today("America/Asuncion", "2023-10-01T05:00:00Z"), 58);
    }
}
