//! What the configuration requires of a YAML document; `crate::yaml` reads it.

use config::{Value, ValueKind};

use super::diagnostics::Diagnostics;
use super::preview::join_path;
use super::schema::Schema;
use crate::yaml::{self, DuplicateKey, PathSegment, describe};

/// Reads a configuration. Duplicate keys are reported and the first one counts.
///
/// # Errors
/// What makes the text unreadable as a whole, with line and column where there is one.
pub(super) fn parse(
    text: &str,
    schema: &Schema,
    diagnostics: &Diagnostics,
) -> Result<Value, String> {
    let root = read(text, "", schema, diagnostics)?;
    match root.kind {
        ValueKind::Table(_) => Ok(root),
        ValueKind::Nil => Err("is empty; add at least the section accounts".to_owned()),
        _ => Err(format!(
            "expected a mapping with sections such as accounts:, found {}",
            describe(&root.kind)
        )),
    }
}

/// Reads a list of accounts that is a file of its own; `file` is what messages call it.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_accounts(
    text: &str,
    file: &str,
    schema: &Schema,
    diagnostics: &Diagnostics,
) -> Result<Value, String> {
    let root = read(text, file, schema, diagnostics)?;
    match root.kind {
        ValueKind::Array(_) => Ok(root),
        ValueKind::Nil => Err("is empty; write [] when no account is left in it".to_owned()),
        _ => Err(format!(
            "expected a list of accounts (each begins with - id:), found {}",
            describe(&root.kind)
        )),
    }
}

/// The tree of a document whose root has the path `top`.
fn read(
    text: &str,
    top: &str,
    schema: &Schema,
    diagnostics: &Diagnostics,
) -> Result<Value, String> {
    let document = yaml::parse(text)?;
    for DuplicateKey { parent, key, lines } in &document.duplicates {
        let (first, second) = lines;
        let message = format!("duplicate key, in lines {first} and {second}; keep one");
        diagnostics.error(schema.join_redacted(&path(top, parent), key), message);
    }
    Ok(document.root)
}

fn path(top: &str, steps: &[PathSegment]) -> String {
    steps.iter().fold(top.to_owned(), |path, step| match step {
        PathSegment::Key(key) => join_path(&path, key),
        PathSegment::Index(index) => format!("{path}[{index}]"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::collector_section;
    use super::*;
    use crate::cases::check_each;
    use crate::collectors::Registry;

    fn parse_with(text: &str, diagnostics: &Diagnostics) -> Result<Value, String> {
        parse(
            text,
            &collector_section::schema(&Registry::standard().sections()),
            diagnostics,
        )
    }

    fn errors_of(text: &str) -> String {
        let diagnostics = Diagnostics::default();
        parse_with(text, &diagnostics).unwrap();
        diagnostics.finish("f").unwrap_err().to_string()
    }

    #[test]
    fn every_duplicate_key_has_its_path_and_lines() {
        assert_eq!(
            errors_of("a:\n  - {b: 1}\n  - b: 2\n    b: 3\nc: 1\nc: 2\n"),
            "a[1].b: duplicate key, in lines 3 and 4; keep one\nc: duplicate key, in lines 5 and 6; keep one"
        );
    }

    #[test]
    fn an_unknown_duplicate_key_under_auth_is_hidden() {
        let errors = errors_of(
            "accounts: [{auth: {oauth2: {client_secret:hush, client_secret:hush, client_id: a, client_id: b}}}]",
        );
        assert!(!errors.contains("hush"), "{errors}");
        assert!(errors.contains("oauth2.[hidden]: duplicate"), "{errors}");
        assert!(errors.contains("oauth2.client_id: duplicate"), "{errors}");
    }

    #[test]
    fn what_is_no_configuration_is_an_error() {
        let cases = [
            ("", "is empty"),
            ("# only a comment\n", "is empty"),
            ("- a\n", "found a list"),
            ("accounts", "found a single value"),
        ];
        check_each(cases, |(text, want)| {
            let reason = parse_with(text, &Diagnostics::default()).unwrap_err();
            assert!(reason.contains(want), "{text:?}: {reason}");
        });
    }
}
