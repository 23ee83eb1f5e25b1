//! The tokens of Rust source, as far as names and paths need them: comments, strings and numbers
//! hold neither.

/// One token and the line that it is on, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Token<'a> {
    /// A word, `::`, one character of punctuation, or `LITERAL`.
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

/// Stands for every string, character, number and lifetime.
const LITERAL: &str = "0";

impl Token<'_> {
    pub(crate) fn is_word(&self) -> bool {
        self.text
            .starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// Splits source into tokens. Source that is cut off gives the tokens up to its end.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (length, text) = next(rest, first);
        if let Some(text) = text {
            tokens.push(Token { text, line });
        }
        let (taken, after) = rest.split_at(length);
        line += taken.matches('\n').count();
        rest = after;
    }
    tokens
}

/// How many bytes the next token, comment or space takes, and the token.
fn next(rest: &str, first: char) -> (usize, Option<&str>) {
    if first.is_whitespace() {
        return (first.len_utf8(), None);
    }
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), None);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), None);
    }
    if let Some(length) = string(rest) {
        return (length, Some(LITERAL));
    }
    if first == '\'' {
        return (character_or_lifetime(rest), Some(LITERAL));
    }
    if first.is_alphabetic() || first == '_' {
        // A raw identifier is the word behind its mark.
        let mark = if rest.starts_with("r#") { 2 } else { 0 };
        let length = word(&rest[mark..]);
        return (mark + length, Some(&rest[mark..mark + length]));
    }
    if first.is_ascii_digit() {
        return (word(rest), Some(LITERAL));
    }
    let length = if rest.starts_with("::") {
        2
    } else {
        first.len_utf8()
    };
    (length, Some(&rest[..length]))
}

fn word(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len())
}

/// The length of a block comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of the string of any kind that begins here.
fn string(text: &str) -> Option<usize> {
    let mark = text
        .find(|c: char| !"bcr".contains(c))
        .unwrap_or(text.len());
    let (prefix, body) = text.split_at(mark);
    if !["", "b", "c", "r", "br", "cr"].contains(&prefix) {
        return None;
    }
    let hashes = body.len() - body.trim_start_matches('#').len();
    if !body[hashes..].starts_with('"') || (hashes > 0 && !prefix.ends_with('r')) {
        return None;
    }
    let start = mark + hashes + 1;
    if prefix.ends_with('r') {
        let end = format!("\"{}", "#".repeat(hashes));
        let length = text[start..].find(&end).map(|at| start + at + end.len());
        return Some(length.unwrap_or(text.len()));
    }
    let mut escaped = false;
    for (at, c) in text[start..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(start + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

fn character_or_lifetime(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some((escaped, _))) => {
            let after = escaped + 1;
            text[after..]
                .find('\'')
                .map_or(text.len(), |at| after + at + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1 + word(&text[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    fn texts(source: &str) -> Vec<&str> {
        tokens(source).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn names_in_comments_and_literals_are_no_tokens() {
        let cases = [
            ("a // crate::b\nc", &["a", "c"][..]),
            ("a /* x /* crate::b */ y */ c", &["a", "c"]),
            ("f(\"crate::b \\\" x\", c)", &["f", "(", "0", ",", "c", ")"]),
            ("r\"a\" r#\"crate::\"b\"# c", &["0", "0", "c"]),
            ("b\"a\" br##\"x\"#\"## c\"y\" d", &["0", "0", "0", "d"]),
            ("'a' '\\'' '\\u{1F600}' '\"' d", &["0", "0", "0", "0", "d"]),
            ("&'a str, 'static", &["&", "0", "str", ",", "0"]),
            ("r#type::r#use", &["type", "::", "use"]),
            (
                "0..10 1_000u32 x.0",
                &["0", ".", ".", "0", "0", "x", ".", "0"],
            ),
            ("crate::a::{b}", &["crate", "::", "a", "::", "{", "b", "}"]),
            ("b'x' bar crab", &["b", "0", "bar", "crab"]),
            ("\"cut off", &["0"]),
            ("/* cut off", &[]),
            ("r#\"cut off", &["0"]),
        ];
        check_each(cases, |(source, expected)| {
            assert_eq!(texts(source), expected);
        });
    }

    #[test]
    fn lines_are_counted_through_comments_and_strings() {
        let found = tokens("a\n/* \n */ b \"\n\" c");
        let lines: Vec<_> = found.iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 3, 3, 4]);
    }
}
