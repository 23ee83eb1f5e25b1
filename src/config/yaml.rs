//! The configuration's own demands on a YAML document; `crate::yaml` reads it.

use config::{Value, ValueKind};

use super::mistakes::{Report, join};
use super::schema;
use crate::yaml::{self, DuplicateKey, PathSegment};

/// Reads a configuration. Keys that are given twice are reported and the first one counts.
///
/// # Errors
/// What makes the text unreadable as a whole, with line and column where there is one.
pub(super) fn parse(text: &str, report: &Report) -> Result<Value, String> {
    let document = yaml::parse(text)?;
    for DuplicateKey { parent, key, lines } in &document.duplicates {
        let message = format!(
            "given twice, in lines {} and {}; keep one",
            lines.0, lines.1
        );
        report.add(schema::harmless_join(&path(parent), key), message);
    }
    let wanted = "sections such as accounts: are wanted at the top";
    match document.root.kind {
        ValueKind::Table(_) => Ok(document.root),
        ValueKind::Nil => Err("is empty; it needs at least accounts".to_owned()),
        ValueKind::Array(_) => Err(format!("begins with a list; {wanted}")),
        _ => Err(format!("holds a single text; {wanted}")),
    }
}

fn path(steps: &[PathSegment]) -> String {
    steps.iter().fold(String::new(), |path, step| match step {
        PathSegment::Key(key) => join(&path, key),
        PathSegment::Index(index) => format!("{path}[{index}]"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_is_no_configuration_is_said_plainly() {
        for (text, want) in [
            ("", "is empty"),
            ("# only a comment\n", "is empty"),
            ("- a\n", "begins with a list"),
            ("accounts", "holds a single text"),
        ] {
            let reason = parse(text, &Report::default()).unwrap_err();
            assert!(reason.starts_with(want), "{text:?}: {reason}");
        }
    }
}
