use super::*;
use crate::cases::check_each;
use crate::vocabulary::{AgentId, SkillId};

fn expectation<T: std::fmt::Debug>(parsed: Parsed<T>) -> String {
    parsed.unwrap_err().message("X")
}

#[test]
fn ids_are_64_bit_and_have_one_spelling() {
    let cases = ["-1", "0", "4", "9007199254740993", "9223372036854775807"];
    check_each(cases, |text| {
        assert_eq!(id::<SkillId>(text).unwrap().to_string(), text);
    });
    let unreadable = ["04", "+4", "4.0", "", " 4", "9223372036854775808", "1e3"];
    check_each(unreadable.into_iter().chain(["-2"]), |text| {
        assert!(id::<SkillId>(text).is_err(), "{text}");
    });
    assert!(id::<AgentId>("-1").is_err());
}

#[test]
fn windows_have_whole_minutes_up_to_a_day() {
    let cases = [
        ("5m", Window::Minutes(5)),
        ("60s", Window::Minutes(1)),
        ("1h30m", Window::Minutes(90)),
        ("24h", Window::Minutes(1440)),
        ("1d", Window::Minutes(1440)),
        ("today", Window::Today),
    ];
    check_each(cases, |(text, window_read)| {
        assert_eq!(window(text), Ok(window_read), "{text}");
    });
    let unusable = ["0m", "30s", "90s", "1441m", "25h", "2d", "Today", "", "5"];
    check_each(unusable.into_iter().chain(["584942417y"]), |text| {
        assert!(window(text).is_err(), "{text}");
    });
}

#[test]
fn window_labels_can_be_read_and_are_durations() {
    for minutes in 1..=Window::MAX_MINUTES {
        let label = Window::Minutes(minutes).label();
        let length = Duration::from_secs(u64::from(minutes) * 60);
        assert_eq!(label, format_duration(length));
        assert_eq!(window(&label), Ok(Window::Minutes(minutes)));
    }
}

#[test]
fn plain_http_is_for_this_machine_only() {
    let good = [
        "https://va.data.liveperson.net",
        "HTTPS://proxy.example:8443/lp",
        "http://127.0.0.1:8080",
        "http://127.8.9.1",
        "http://[::1]:80",
        "http://localhost:9/",
    ];
    check_each(good, |text| {
        assert!(base_url(text).is_ok(), "{text}");
    });
    let clear = [
        "http://example.com",
        "http://10.0.0.1",
        "http://localhost.evil.com",
        "http://evil.localhost",
        "http://[::ffff:127.0.0.1]",
    ];
    check_each(clear, |text| {
        let message = expectation(base_url(text));
        assert!(message.contains("in clear"), "{text}: {message}");
    });
}

#[test]
fn domains_are_names_and_nothing_else() {
    let cases = [
        ("example.com", "example.com"),
        ("LP.Example.com", "lp.example.com"),
        ("localhost", "localhost"),
        ("10.1.2.3", "10.1.2.3"),
    ];
    check_each(cases, |(text, want)| {
        assert_eq!(domain(text).as_deref(), Ok(want));
    });
    let empty_labels = ["", ".", ".example.com", "example.com."];
    let more_than_a_name = ["https://a.b", "a.b:443", "a.b/c", "a b.c", "ä.example"];
    let too_wide = ["*", "*.example.com", "com"];
    let cases = [&empty_labels[..], &more_than_a_name, &too_wide].concat();
    check_each(cases, |text| {
        assert!(domain(text).is_err(), "{text}");
    });
}

#[test]
fn web_addresses_are_complete_and_nothing_else() {
    let cases = [
        "va.data.liveperson.net",
        "https:host",
        "ftp://h",
        "https://",
        "",
        "https://h /",
        "\thttps://h",
    ];
    check_each(cases, |text| {
        let message = expectation(base_url(text));
        assert!(message.starts_with("expected a web address"), "{text}");
    });
    let cases = [
        ("https://u:p@h", "under auth"),
        ("https://h?a=b", "query"),
        ("https://h#a", "fragment"),
    ];
    check_each(cases, |(text, want)| {
        let message = expectation(base_url(text));
        assert!(message.contains(want), "{text}: {message}");
    });
}

#[test]
fn time_zones_are_found_without_a_database_on_the_machine() {
    assert_eq!(time_zone("UTC"), Ok(TimeZone::UTC));
    assert!(time_zone("America/New_York").is_ok());
    let cases = [
        "",
        "Mars/Olympus",
        "../../etc/passwd",
        "Etc/Unknown",
        "CET-1CEST",
    ];
    check_each(cases, |text| {
        assert!(time_zone(text).is_err(), "{text}");
    });
}

#[test]
fn numbers_sizes_and_durations_keep_their_limits() {
    assert_eq!(integer(1..=64)("64"), Ok(64));
    let cases = ["0", "65", "-1", "+1", "1.0", "", "99999999999999999999"];
    check_each(cases, |text| {
        assert!(integer(1..=64)(text).is_err(), "{text}");
    });
    assert_eq!(size(1024..=4096)("4KiB"), Ok(4096));
    let message = expectation(size(1024..=4096)("5KiB"));
    assert_eq!(message, "expected a size from 1KiB to 4KiB, found X");
    let second = Duration::from_secs(1);
    assert_eq!(duration(second..=second)("1s"), Ok(second));
    let message = expectation(duration(second..=second)("2s"));
    assert_eq!(message, "expected a duration from 1s to 1s, found X");
    let message = expectation(duration(second..=second)("30"));
    assert!(message.starts_with("X has no unit"), "{message}");
}

#[test]
fn seconds_are_multiples_of_the_step() {
    assert_eq!(seconds(5, 60)("45"), Ok(45));
    assert_eq!(
        expectation(seconds(5, 60)("47")),
        "expected a multiple of 5, found X"
    );
    check_each(["65", "-5", "7.5", ""], |text| {
        let message = expectation(seconds(5, 60)(text));
        let want = "expected a whole number of seconds from 0 to 60, found X";
        assert_eq!(message, want, "{text}");
    });
}
