//! Excerpts of bodies for error messages: short, on one line and without secrets.
//!
//! Everything that LivePerson sent and that is shown in an error passes through a [`Redactor`].

use serde_json::Value;

use super::one_line::one_line;
use super::redactor::Redactor;

/// Longest excerpt of a body that was not understood, in characters.
const MAX_EXCERPT: usize = 120;
/// Longest message taken from an error body, in characters.
const MAX_MESSAGE: usize = 200;
/// The replacement of a whole text that could give a secret away.
const WITHHELD: &str = "[withheld]";

impl Redactor {
    /// One printable line of at most `limit` characters, without secrets.
    pub(super) fn line(&self, text: &str, limit: usize) -> String {
        if self.withholds() {
            return WITHHELD.to_owned();
        }
        shorten(&self.hide(&one_line(text)), limit)
    }

    /// The beginning of a body that could not be understood, quoted.
    pub(super) fn excerpt(&self, body: &[u8]) -> String {
        // Far more than is shown: white space may come first, and a secret must not be cut in two
        // before it is recognised.
        const WINDOW: usize = 16 * 1024;
        if self.withholds() {
            return WITHHELD.to_owned();
        }
        let window = body.get(..WINDOW).unwrap_or(body);
        let text = one_line(&String::from_utf8_lossy(window));
        let text = if window.len() < body.len() {
            self.drop_split_secret(&self.hide(&text))
        } else {
            self.hide(&text)
        };
        format!("\"{}\"", shorten(&text, MAX_EXCERPT))
    }

    /// What an error body says: the message of a JSON body, the title or text of an HTML page, or
    /// the text itself. `cut`: the body is longer than what was read.
    pub(super) fn message(&self, body: &[u8], cut: bool) -> String {
        if self.withholds() {
            return WITHHELD.to_owned();
        }
        if let Some(message) = json_message(body) {
            return self.line(&message, MAX_MESSAGE);
        }
        // Before tags are taken out, because a secret with an angle bracket would be torn apart;
        // and after, because a tag may have stood inside of one.
        let raw = self.hide(&one_line(&String::from_utf8_lossy(body)));
        let text = if is_html(body) { html_text(&raw) } else { raw };
        let text = self.hide(&one_line(&text));
        let text = if cut {
            self.drop_split_secret(&text)
        } else {
            text
        };
        if text.is_empty() {
            return "no message".to_owned();
        }
        shorten(&text, MAX_MESSAGE)
    }
}

fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// Whether a body is an HTML page instead of JSON.
pub(super) fn is_html(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'<')
}

/// The message in a JSON error body, in any of the places where LivePerson's servers put it.
pub(super) fn json_message(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let inside = |key: &str| value.get(key).and_then(error_text);
    error_text(&value)
        .or_else(|| inside("error"))
        .or_else(|| inside("body"))
        .or_else(|| inside("meta"))
        .or_else(|| value.get("errors").and_then(|all| error_text(all.get(0)?)))
}

fn error_text(value: &Value) -> Option<String> {
    let text = |key: &str| {
        let text = value.get(key)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    if let Some(message) = text("message") {
        return Some(message);
    }
    match (text("error"), text("error_description")) {
        (Some(error), Some(description)) => Some(format!("{error}: {description}")),
        (error, description) => error.or(description),
    }
}

/// The title of a page, or its text without tags, scripts and styles.
fn html_text(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    if let Some(title) = element(page, &lower, "title").filter(|t| !t.trim().is_empty()) {
        return title.to_owned();
    }
    let mut out = String::new();
    let mut at = 0;
    while let Some(open) = lower.get(at..).and_then(|rest| rest.find('<')) {
        out.push_str(page.get(at..at + open).unwrap_or_default());
        out.push(' ');
        let tag = lower.get(at + open..).unwrap_or_default();
        let end = ["script", "style"]
            .into_iter()
            .find(|name| tag.get(1..).is_some_and(|t| t.starts_with(name)))
            .and_then(|name| tag.find(&format!("</{name}")))
            .unwrap_or(0);
        let Some(close) = tag.get(end..).and_then(|rest| rest.find('>')) else {
            return out;
        };
        at += open + end + close + 1;
    }
    out.push_str(page.get(at..).unwrap_or_default());
    out
}

fn element<'a>(page: &'a str, lower: &str, name: &str) -> Option<&'a str> {
    let open = lower.find(&format!("<{name}"))?;
    let start = open + lower.get(open..)?.find('>')? + 1;
    let end = start + lower.get(start..)?.find(&format!("</{name}"))?;
    page.get(start..end)
}
