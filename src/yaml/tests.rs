//! Texts that are unusual, hostile, or read differently by the `config` crate.

use config::ValueKind;

use super::*;
use crate::cases::check_each;

fn read(text: &str) -> Result<Value, String> {
    parse(text).map(|document| document.root)
}

fn string_at(text: &str, key: &str) -> String {
    match read(text).unwrap().kind {
        ValueKind::Table(mut table) => table.remove(key).unwrap().into_string().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn scalars_and_keys_stay_as_written() {
    let cases = [
        "0123",
        "1e5",
        "0x10",
        "9223372036854775807",
        "-1",
        "true",
        "1.50",
    ];
    check_each(cases, |scalar| {
        assert_eq!(string_at(&format!("a: {scalar}"), "a"), scalar);
    });
    assert_eq!(string_at("a: \"null\"", "a"), "null");
    assert_eq!(string_at("a: !!str null", "a"), "null");
    assert_eq!(
        string_at("\u{feff}leDataReporting: x", "leDataReporting"),
        "x"
    );
    assert_eq!(string_at("4: Sales", "4"), "Sales");
    assert_eq!(string_at("-1: Unassigned", "-1"), "Unassigned");
}

#[test]
fn nothing_null_and_tilde_are_nil() {
    check_each(["", "~", "null"], |scalar| {
        let ValueKind::Table(table) = read(&format!("a: {scalar}")).unwrap().kind else {
            panic!("{scalar}");
        };
        assert_eq!(table["a"].kind, ValueKind::Nil);
    });
}

#[test]
fn every_key_given_twice_is_reported_and_the_first_kept() {
    let text = "a:\n  - {b: 1}\n  - b: 2\n    b: 3\nc: 1\nc: 2\n";
    let document = parse(text).unwrap();
    let duplicate = |parent, key: &str, lines| DuplicateKey {
        parent,
        key: key.to_owned(),
        lines,
    };
    let inner = vec![PathSegment::Key("a".to_owned()), PathSegment::Index(1)];
    assert_eq!(
        document.duplicates,
        [
            duplicate(inner, "b", (3, 4)),
            duplicate(vec![], "c", (5, 6))
        ]
    );
    assert_eq!(string_at(text, "c"), "1");
}

#[test]
fn deep_nesting_is_rejected() {
    let texts = [
        "- ".repeat(2_000_000),
        "? ".repeat(2_000_000),
        "[".repeat(4_000_000),
        "{a: ".repeat(1_000_000),
        (0..2000)
            .map(|depth| format!("{}a:\n", " ".repeat(depth)))
            .collect(),
    ];
    check_each(texts, |text| {
        let error = read(&text).unwrap_err();
        let expected = ["levels deep", "as the key", "recursion limit"];
        let is_expected = expected.iter().any(|text| error.contains(text));
        assert!(is_expected, "{error}");
    });
}

#[test]
fn aliases_are_expanded_within_limits() {
    assert_eq!(string_at("a: &x 5m\nb: *x", "b"), "5m");
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let below = format!("*a{},", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    assert!(read(&bomb).unwrap_err().contains("more than 200000 values"));
    let inside = read("a: &a [*a]").unwrap_err();
    assert_eq!(
        inside,
        "line 1, column 8: this alias is inside the value that it refers to"
    );
}

#[test]
fn every_error_names_the_position() {
    let cases = [
        (
            "a: 1\n---\nb: 2\n",
            "line 2, column 1: expected a single YAML document",
        ),
        ("a: !mine 1\n", "line 1, column 10: tags"),
        (
            "[a]: 1\n",
            "line 1, column 1: expected a single value as the key, found a list",
        ),
        ("a: [1, 2\n", "line 2, column 1: not valid YAML"),
        ("a: \0\nb: 1", "holds a NUL character"),
    ];
    check_each(cases, |(text, start)| {
        let error = read(text).unwrap_err();
        assert!(error.starts_with(start), "{text:?}: {error}");
    });
}

/// The scanner quotes the character that it rejects, and a later version may quote more.
#[test]
fn syntax_errors_do_not_repeat_the_text() {
    let mut repeating = Vec::new();
    check_each(
        [
            "a: \u{e000}@\u{e000}",
            "a: @\u{e000}",
            "a: `\u{e000}`",
            "\u{e000}: [",
            "%\u{e000}",
            "a: &\u{e000}\u{e000} *\u{e001}",
            "*\u{e000}",
            "!\u{e000}!x y",
            "\"\\\u{e000}\"",
            "'\u{e000}",
            "a: |\u{e000}\n x",
            "\t- \u{e000}: {",
            "- \u{e000}\n\u{e000}",
            "-----BEGIN \u{e000}-----\n\u{e000}=\n-----END",
            "{\u{e000}: [\u{e000}}",
        ],
        |text| {
            if let Err(error) = read(text)
                && error.contains(['\u{e000}', '\u{e001}', '@', '`'])
            {
                repeating.push((text, error));
            }
        },
    );
    assert!(repeating.is_empty(), "{repeating:#?}");
}

/// A carriage return ends a line for the scanner but not for `str::lines`: a check by lines would
/// take all of this for one comment.
#[test]
fn text_after_a_carriage_return_has_the_same_limits() {
    let deep = format!("# c\r{}", "- ".repeat(100_000));
    assert!(read(&deep).unwrap_err().contains("levels deep"));
    let mut bomb = "# c\ra0: &a0 [x, x, x, x, x, x, x, x, x, x]\r".to_owned();
    for level in 1..30 {
        let below = format!("*a{},", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{below}]\r"));
    }
    assert!(read(&bomb).unwrap_err().contains("more than 200000 values"));
    assert_eq!(string_at("# c\ra: 1\rb: 2", "b"), "2");
}

#[test]
fn the_length_of_a_text_is_limited() {
    let long = "#".repeat(usize::try_from(MAX_BYTES).unwrap() + 1);
    assert!(read(&long).unwrap_err().contains("is longer than"));
}
