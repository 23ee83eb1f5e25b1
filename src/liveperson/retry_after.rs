//! `Retry-After`: seconds or an HTTP date, as a wait from now.
//!
//! Pure; the transport hands in the headers and the wall clock.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// The wait that the answer asks for; `None` when it asks for none or cannot be read.
///
/// Seconds may have a fraction; a negative number and a date that has passed mean no wait. A date
/// is compared with the answer's own `Date`, so that a wrong clock on this side does not matter;
/// only without one does `now` count. A number too large to hold becomes the longest `Duration`.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Some(wait) = seconds(text) {
        return Some(wait);
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let from = headers
        .get(DATE)
        .and_then(|date| date.to_str().ok())
        .and_then(|date| httpdate::parse_http_date(date.trim()).ok())
        .unwrap_or(now);
    Some(until.duration_since(from).unwrap_or(Duration::ZERO))
}

fn seconds(text: &str) -> Option<Duration> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    // `f64` would also read "inf", "nan" and "1e9": none of them is a number of seconds.
    let plain = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    if !plain {
        return None;
    }
    let value: f64 = digits.parse().ok()?;
    if text.starts_with('-') {
        return Some(Duration::ZERO);
    }
    Some(Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;
    use reqwest::header::HeaderValue;

    fn wait(value: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_str(date).unwrap());
        }
        // 1994-11-06 08:49:37 UTC.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        retry_after(&headers, now)
    }

    #[test]
    fn seconds_in_every_form() {
        assert_eq!(wait("7", None), Some(Duration::from_secs(7)));
        assert_eq!(wait(" 0 ", None), Some(Duration::ZERO));
        assert_eq!(wait("1.5", None), Some(Duration::from_millis(1500)));
        assert_eq!(wait("-3", None), Some(Duration::ZERO));
        assert_eq!(
            wait("99999999999999999999999999", None),
            Some(Duration::MAX)
        );
        assert_eq!(wait(&"9".repeat(400), None), Some(Duration::MAX));
    }

    #[test]
    fn unreadable_is_none() {
        let cases = ["", "soon", "inf", "NaN", "1e3", "1.2.3", "0x10", "-", "."];
        check_each(cases, |text| {
            assert_eq!(wait(text, None), None, "{text:?}");
        });
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::UNIX_EPOCH), None);
    }

    #[test]
    fn dates_count_from_the_answers_own_clock() {
        let date = "Sun, 06 Nov 1994 08:50:00 GMT";
        assert_eq!(wait(date, None), Some(Duration::from_secs(23)));
        assert_eq!(
            wait(date, Some("Sun, 06 Nov 1994 08:49:55 GMT")),
            Some(Duration::from_secs(5))
        );
        assert_eq!(
            wait(date, Some("yesterday")),
            Some(Duration::from_secs(23)),
            "an unreadable Date counts as none"
        );
        assert_eq!(
            wait("Sun, 06 Nov 1994 08:49:00 GMT", None),
            Some(Duration::ZERO)
        );
        assert_eq!(
            wait("Sunday, 06-Nov-94 08:49:47 GMT", None),
            Some(Duration::from_secs(10))
        );
    }
}
