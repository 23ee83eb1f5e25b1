//! Texts that are odd, hostile or merely unlike what the `config` crate would make of them.

use super::*;

fn read(text: &str) -> Result<Value, String> {
    parse(text).map(|document| document.root)
}

fn text_at(text: &str, key: &str) -> String {
    match read(text).unwrap().kind {
        ValueKind::Table(mut table) => table.remove(key).unwrap().into_string().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn scalars_and_keys_stay_as_they_were_written() {
    for scalar in [
        "0123",
        "1e5",
        "0x10",
        "9223372036854775807",
        "-1",
        "true",
        "1.50",
    ] {
        assert_eq!(text_at(&format!("a: {scalar}"), "a"), scalar);
    }
    assert_eq!(text_at("a: \"null\"", "a"), "null");
    assert_eq!(text_at("a: !!str null", "a"), "null");
    assert_eq!(
        text_at("\u{feff}leDataReporting: x", "leDataReporting"),
        "x"
    );
    assert_eq!(text_at("4: Sales", "4"), "Sales");
    assert_eq!(text_at("-1: Unassigned", "-1"), "Unassigned");
}

#[test]
fn nothing_null_and_tilde_are_nil() {
    for scalar in ["", "~", "null"] {
        let ValueKind::Table(table) = read(&format!("a: {scalar}")).unwrap().kind else {
            panic!("{scalar}");
        };
        assert_eq!(table["a"].kind, ValueKind::Nil);
    }
}

#[test]
fn every_key_given_twice_is_told_with_its_place_and_the_first_counts() {
    let text = "a:\n  - {b: 1}\n  - b: 2\n    b: 3\nc: 1\nc: 2\n";
    let document = parse(text).unwrap();
    let repeated = |parent, key: &str, lines| RepeatedKey {
        parent,
        key: key.to_owned(),
        lines,
    };
    let inner = vec![Step::Key("a".to_owned()), Step::Index(1)];
    assert_eq!(
        document.repeated,
        [repeated(inner, "b", (3, 4)), repeated(vec![], "c", (5, 6))]
    );
    assert_eq!(text_at(text, "c"), "1");
}

#[test]
fn deep_nesting_is_refused_not_survived_by_luck() {
    let texts = [
        "- ".repeat(2_000_000),
        "? ".repeat(2_000_000),
        "[".repeat(4_000_000),
        "{a: ".repeat(1_000_000),
        (0..2000)
            .map(|depth| format!("{}a:\n", " ".repeat(depth)))
            .collect(),
    ];
    for text in texts {
        let reason = read(&text).unwrap_err();
        let fine = ["levels deep", "cannot be a key", "recursion limit"]
            .iter()
            .any(|known| reason.contains(known));
        assert!(fine, "{reason}");
    }
}

#[test]
fn aliases_work_and_cannot_be_made_a_bomb() {
    assert_eq!(text_at("a: &x 5m\nb: *x", "b"), "5m");
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let below = format!("*a{},", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    assert!(read(&bomb).unwrap_err().contains("more than 200000 values"));
    let inside = read("a: &a [*a]").unwrap_err();
    assert_eq!(
        inside,
        "line 1, column 8: this alias stands inside what it refers to"
    );
}

#[test]
fn every_reason_names_the_place() {
    let cases = [
        (
            "a: 1\n---\nb: 2\n",
            "line 2, column 1: a second YAML document",
        ),
        ("a: !mine 1\n", "line 1, column 10: tags"),
        ("[a]: 1\n", "line 1, column 1"),
        ("a: [1, 2\n", "line 2, column 1: not valid YAML"),
        ("a: \0\nb: 1", "holds a NUL character"),
    ];
    for (text, want) in cases {
        let reason = read(text).unwrap_err();
        assert!(reason.starts_with(want), "{text:?}: {reason}");
    }
}

/// The scanner quotes the character that it stumbles over, and others may come to quote more.
#[test]
fn nothing_of_a_text_that_does_not_parse_is_repeated() {
    let mut told = Vec::new();
    for text in [
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
    ] {
        if let Err(reason) = read(text)
            && reason.contains(['\u{e000}', '\u{e001}', '@', '`'])
        {
            told.push((text, reason));
        }
    }
    assert!(told.is_empty(), "{told:#?}");
}

/// A carriage return ends a line for the scanner and not for `str::lines`: what guards by lines
/// takes all of this for one comment.
#[test]
fn what_follows_a_carriage_return_has_the_same_limits() {
    let deep = format!("# c\r{}", "- ".repeat(100_000));
    assert!(read(&deep).unwrap_err().contains("levels deep"));
    let mut bomb = "# c\ra0: &a0 [x, x, x, x, x, x, x, x, x, x]\r".to_owned();
    for level in 1..30 {
        let below = format!("*a{},", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{below}]\r"));
    }
    assert!(read(&bomb).unwrap_err().contains("more than 200000 values"));
    assert_eq!(text_at("# c\ra: 1\rb: 2", "b"), "2");
}

#[test]
fn a_text_has_a_length_limit() {
    let long = "#".repeat(usize::try_from(LONGEST).unwrap() + 1);
    assert!(read(&long).unwrap_err().contains("is longer than"));
}
