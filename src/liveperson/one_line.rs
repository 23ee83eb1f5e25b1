//! Text of others on one line, without what a terminal or a log would obey.

use super::escapes::{csi, is_format};

/// One line: white space runs become one space; control and invisible formatting characters go,
/// and so do the codes that colour a terminal.
pub(super) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            let code = csi(rest.as_str().as_bytes());
            rest = rest.as_str().get(code..).unwrap_or_default().chars();
        } else if c.is_whitespace() {
            if !out.ends_with(' ') && !out.is_empty() {
                out.push(' ');
            }
        } else if !c.is_control() && !is_format(c) {
            out.push(c);
        }
    }
    out.truncate(out.trim_end().len());
    out
}
