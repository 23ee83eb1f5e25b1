//! Escaping of label values and help texts. One unescaped name would break the whole page.

/// Appends a label value: backslash, double quote and line feed are escaped.
pub(super) fn label_value(text: &str, out: &mut Vec<u8>) {
    escaped(text, out, true);
}

/// Appends a help text: backslash and line feed are escaped.
pub(super) fn help(text: &str, out: &mut Vec<u8>) {
    escaped(text, out, false);
}

fn escaped(text: &str, out: &mut Vec<u8>, quotes: bool) {
    // Nearly every text has nothing to escape, and this is called for every series.
    if !text
        .bytes()
        .any(|byte| matches!(byte, b'\\' | b'\n' | b'"'))
    {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if quotes => out.extend_from_slice(b"\\\""),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_format_names_is_escaped() {
        let mut out = Vec::new();
        label_value("a\"b\\c\nd\te\u{1F600}{}=,", &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "a\\\"b\\\\c\\nd\te\u{1F600}{}=,"
        );
        let mut out = Vec::new();
        help("a\"b\\c\nd", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "a\"b\\\\c\\nd");
    }
}
