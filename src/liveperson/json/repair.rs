//! Repairs JSON that no parser accepts because of a single value: half of a surrogate pair, a number
//! beyond the range of a double, bytes that are not UTF-8. Each becomes a value that no field accepts,
//! so that the entry with it is left out and the rest is read.

/// Takes the place of a character that could not be read; no valid text holds this code point.
pub(super) const UNREADABLE: char = '\u{fdd0}';

/// The body with such values replaced; `None` when there is none.
pub(super) fn repaired(body: &[u8]) -> Option<String> {
    let mut changed = false;
    let mut text = String::with_capacity(body.len());
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(UNREADABLE);
            changed = true;
        }
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let mut in_string = false;
    while let Some(first) = rest.chars().next() {
        let (taken, replaced) = match first {
            '\\' if in_string => escape(rest),
            '-' | '0'..='9' if !in_string => number(rest),
            _ => (first.len_utf8(), None),
        };
        in_string ^= first == '"';
        changed |= replaced.is_some();
        match replaced {
            Some(other) => out.push_str(&other),
            None => out.push_str(rest.get(..taken).unwrap_or_default()),
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    changed.then_some(out)
}

/// The length of an escape, and what to put in its place if it is half of a pair.
fn escape(rest: &str) -> (usize, Option<String>) {
    let unit = |at: usize| {
        let digits = rest.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    match (unit(0), unit(6)) {
        (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, None),
        (Some(0xd800..=0xdfff), _) => (6, Some(UNREADABLE.to_string())),
        (Some(_), _) => (6, None),
        // A backslash and what it escapes, which may be a quote.
        (None, _) => (1 + rest.chars().nth(1).map_or(0, char::len_utf8), None),
    }
}

/// The length of a number, and the same as a string if no number is that large.
fn number(rest: &str) -> (usize, Option<String>) {
    let inside = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
    let length = rest.find(|c| !inside(c)).unwrap_or(rest.len());
    let text = rest.get(..length).unwrap_or_default();
    let endless = text.parse().is_ok_and(f64::is_infinite);
    (length, endless.then(|| format!("\"{text}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn only_what_no_parser_accepts_is_replaced() {
        let bad = UNREADABLE;
        let cases = [
            (
                r#"["\ud83d\ude00", "\\ud800", "\"", 1e300, "1e999", -0.5]"#,
                None,
            ),
            (r#"["\ud800"]"#, Some(format!("[\"{bad}\"]"))),
            (
                r#"["a\uDFFFb\ud800\ud800"]"#,
                Some(format!("[\"a{bad}b{bad}{bad}\"]")),
            ),
            (
                r#"[1e999, -1e999]"#,
                Some(r#"["1e999", "-1e999"]"#.to_owned()),
            ),
            (
                r#"["\"1e999", 1E+400]"#,
                Some(r#"["\"1e999", "1E+400"]"#.to_owned()),
            ),
            ("[\"\\", None),
            ("\"\\u12", None),
            ("\"\\ud8", None),
        ];
        check_each(cases, |(body, expected)| {
            assert_eq!(repaired(body.as_bytes()), expected, "{body}");
        });
        assert_eq!(repaired(b"[\"a\xff\"]"), Some(format!("[\"a{bad}\"]")));
    }
}
