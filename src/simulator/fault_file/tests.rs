//! What a fault file may hold, and the message for every error.

use super::*;
use crate::cases::check_each;
use std::time::Duration;

fn parse(text: &str) -> Result<Vec<Fault>, Vec<String>> {
    super::parse(text, &Apis::standard())
}

#[test]
fn yaml_and_json_are_equivalent() {
    let yaml = "# two of them\n- api: sla\n  count: 3\n  status: 429\n  retry_after: \"3\"\n\
                - {api: engactivity, delay: 2s, truncate: true}\n";
    let json = r#"[{"api":"sla","count":3,"status":429,"retry_after":3},
                   {"api":"engactivity","delay":"2s","truncate":true}]"#;
    let expected = [
        Fault {
            api: Target::Api("sla"),
            count: Some(3),
            status: Some(429),
            retry_after: Some("3".to_owned()),
            ..Fault::default()
        },
        Fault {
            api: Target::Api("engactivity"),
            delay: Some(Duration::from_secs(2)),
            truncate: true,
            ..Fault::default()
        },
    ];
    assert_eq!(parse(yaml).unwrap(), expected);
    assert_eq!(parse(&format!("---\n{yaml}")).unwrap(), expected);
    let quoted = yaml.replace("429", "\"429\"").replace("true", "True");
    assert_eq!(parse(&quoted).unwrap(), expected);
    assert_eq!(parse(json).unwrap(), expected);
    assert_eq!(parse(&format!("{{\"faults\": {json}}}")).unwrap(), expected);
    let nested = format!("faults:\n{}", yaml.replace("# two of them\n", ""));
    assert_eq!(parse(&nested).unwrap(), expected);
    assert_eq!(parse("# nothing yet\n").unwrap(), []);
}

#[test]
fn a_written_list_can_be_parsed_again() {
    let faults = vec![Fault {
        api: Target::Api("names"),
        contains: Some("users".to_owned()),
        count: Some(1),
        status: Some(503),
        retry_after: Some("Wed, 21 Oct 2015 07:28:00 GMT".to_owned()),
        delay: Some(Duration::from_millis(1500)),
        body: Some("oops".to_owned()),
        truncate: true,
        html: false,
        echo: false,
        drop: false,
    }];
    assert_eq!(parse(&write(&faults).to_string()).unwrap(), faults);
}

/// A fault file, and the start of its first error.
const ERRORS: [(&str, &str); 20] = [
    (
        r#"[{"api":"slaa"}]"#,
        "faults[0].api: expected one of engactivity, sla, ",
    ),
    (
        "[{}]",
        "faults[0].api: missing key, expected one of engactivity",
    ),
    (
        r#"[{"api":"any","count":0}]"#,
        "faults[0].count: expected a whole number of at least 1, found 0",
    ),
    (
        r#"[{"api":"any","status":99}]"#,
        "faults[0].status: expected a status from 200 to 599, found 99",
    ),
    (
        r#"[{"api":"any","status":[429]}]"#,
        "faults[0].status: expected a status from 200 to 599, found a list",
    ),
    (
        r#"[{"api":"any","delay":"soon"}]"#,
        "faults[0].delay: expected a duration such as 50ms, 2s, 1m30s or 1h, found \"soon\"",
    ),
    (
        r#"[{"api":"any","delay":"soon, but not before everything else is through, and then some more"}]"#,
        "faults[0].delay: expected a duration such as 50ms, 2s, 1m30s or 1h, found \"soon, but not before everything else is through, and then s…",
    ),
    (
        r#"[{"api":"any","delay":5}]"#,
        "faults[0].delay: expected a string, found 5",
    ),
    (
        r#"[{"api":"any","retry_after":"a\nb"}]"#,
        r#"faults[0].retry_after: expected a header value, found "a\nb""#,
    ),
    (
        r#"[{"api":"any","html":"yes"}]"#,
        "faults[0].html: expected true or false, found \"yes\"",
    ),
    (
        r#"[{"api":"any","colour":1}]"#,
        "faults[0].colour: unknown key, expected one of api, contains",
    ),
    (
        r#"[{"api":"any","drop":true,"status":500}]"#,
        "faults[0].drop: cannot be combined with status",
    ),
    (
        r#"[{"api":"any","html":true,"body":"x"}]"#,
        "faults[0].html: cannot be combined with body",
    ),
    (
        "[1]",
        "faults[0]: expected a mapping with the keys api, contains",
    ),
    ("[", "invalid JSON: "),
    (
        "api: sla",
        "expected a list of faults, or a mapping with only the key 'faults', found a mapping with api",
    ),
    (
        "faults: 7",
        "faults: expected a list of faults, found \"7\"",
    ),
    ("- [unclosed", "invalid YAML: line 2, column 1: "),
    (
        "- api: any\n  api: sla",
        "invalid YAML: a key is repeated in lines 1 and 2",
    ),
    (
        "- {api: any, count: -1}",
        "faults[0].count: expected a whole number of at least 1, found \"-1\"",
    ),
];

#[test]
fn every_error_is_reported_with_its_path() {
    check_each(ERRORS, |(text, expected)| {
        let errors = parse(text).unwrap_err();
        assert!(errors[0].starts_with(expected), "{text}: {errors:?}");
    });
    let nested = parse(&format!("# c\r{}", "- ".repeat(500_000))).unwrap_err();
    assert!(nested[0].contains("levels deep"), "{nested:?}");
    let both = parse(r#"[{"api":"x"},{"api":"y"}]"#).unwrap_err();
    assert_eq!(both.len(), 2, "{both:?}");
}
