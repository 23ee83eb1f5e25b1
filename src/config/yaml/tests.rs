//! Texts that are odd, hostile or merely unlike what the `config` crate would make of them.

use super::*;

fn read(text: &str) -> Result<Value, String> {
    parse(text, &Report::default())
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
fn every_key_given_twice_is_named_with_its_path_and_lines() {
    let report = Report::default();
    parse("a:\n  - {b: 1}\n  - b: 2\n    b: 3\nc: 1\nc: 2\n", &report).unwrap();
    let text = report.finish("f").unwrap_err().to_string();
    assert_eq!(
        text,
        "a[1].b: given twice, in lines 3 and 4; keep one\nc: given twice, in lines 5 and 6; keep one"
    );
}

#[test]
fn a_key_given_twice_under_auth_is_hidden_unless_it_is_one_of_ours() {
    let report = Report::default();
    let text = "accounts: [{auth: {oauth2: {client_secret:hush, client_secret:hush, client_id: a, client_id: b}}}]";
    parse(text, &report).unwrap();
    let lines = report.finish("f").unwrap_err().to_string();
    assert!(!lines.contains("hush"), "{lines}");
    assert!(lines.contains("oauth2.[hidden]: given twice"), "{lines}");
    assert!(lines.contains("oauth2.client_id: given twice"), "{lines}");
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
fn what_is_no_configuration_is_said_plainly() {
    let cases = [
        ("", "is empty"),
        ("# only a comment\n", "is empty"),
        ("- a\n", "begins with a list"),
        ("accounts", "holds a single text"),
        (
            "a: 1\n---\nb: 2\n",
            "line 2, column 1: a second YAML document",
        ),
        ("a: !mine 1\n", "line 1, column 10: tags"),
        ("[a]: 1\n", "line 1, column 1"),
        ("a: [1, 2\n", "line 2, column 1: not valid YAML"),
    ];
    for (text, want) in cases {
        let reason = read(text).unwrap_err();
        assert!(reason.starts_with(want), "{text:?}: {reason}");
    }
}
