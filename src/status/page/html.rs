//! Text as HTML: every value passes through [`Html::text`].

use std::fmt::{self, Display, Write as _};

/// HTML under construction.
#[derive(Default)]
pub(super) struct Html(String);

impl Html {
    /// Appends markup as it stands, which is always a literal.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Appends text for an element or an attribute in double quotes.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        // Writing to a string cannot fail.
        let _ = write!(Escaper(&mut self.0), "{text}");
        self
    }

    /// Appends a time in RFC 3339 and UTC, to the minute.
    pub(super) fn time(&mut self, at: &str) -> &mut Self {
        let (date, time) = at.split_once('T').unwrap_or((at, ""));
        let minute = time.get(..5).unwrap_or(time);
        self.raw("<time datetime=\"").text(at).raw("\">");
        self.text(date).raw(" ").text(minute).raw(" UTC</time>")
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

struct Escaper<'a>(&'a mut String);

impl fmt::Write for Escaper<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // Not allowed in HTML, and a terminal would interpret it. What turns the direction of
                // writing would reorder what stands beside it.
                c if (c.is_control() && !c.is_whitespace()) || is_direction(c) => {
                    self.0.push('\u{fffd}');
                }
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A duration in seconds as people say it.
pub(super) struct Ago(pub(super) f64);

impl Display for Ago {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates; durations are not negative"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.max(0.0).round() as u64;
        match seconds {
            0..=99 => write!(f, "{seconds} s"),
            100..=5_399 => write!(f, "{} min", (seconds + 30) / 60),
            5_400..=172_799 => write!(f, "{} h {} min", seconds / 3600, seconds % 3600 / 60),
            _ => write!(f, "{} d", seconds / 86_400),
        }
    }
}

/// A number of chats: whole ones without a fraction.
pub(super) struct Number(pub(super) f64);

impl Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.fract() == 0.0;
        write!(f, "{:.*}", usize::from(!whole), self.0)
    }
}

/// So many chats.
pub(super) struct Chats(pub(super) f64);

impl Display for Chats {
    #[expect(clippy::float_cmp, reason = "a number that was written as 1")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.0 == 1.0 { "chat" } else { "chats" };
        write!(f, "{} {word}", Number(self.0))
    }
}

/// A share of 0 to 1 in whole per cent. What is not all is not 100.
pub(super) struct Percent(pub(super) f64);

impl Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = (self.0 * 100.0).round();
        let percent = if self.0 < 1.0 {
            percent.min(99.0)
        } else {
            percent
        };
        write!(f, "{percent:.0} %")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn nothing_that_html_or_a_terminal_interprets_is_left() {
        let mut html = Html::default();
        html.text("<script>\"'&\u{1b}\u{202e}é\n");
        let expected = "&lt;script&gt;&quot;&#39;&amp;\u{fffd}\u{fffd}é\n";
        assert_eq!(html.finish(), expected);
    }

    #[test]
    fn a_time_is_shown_to_the_minute() {
        let mut html = Html::default();
        html.time("2026-11-21T09:05:59Z");
        let expected = "<time datetime=\"2026-11-21T09:05:59Z\">2026-11-21 09:05 UTC</time>";
        assert_eq!(html.finish(), expected);
    }

    #[test]
    fn durations_and_shares_are_rounded_for_people() {
        let cases = [
            (Ago(-1.0).to_string(), "0 s"),
            (Ago(99.4).to_string(), "99 s"),
            (Ago(100.0).to_string(), "2 min"),
            (Ago(7260.0).to_string(), "2 h 1 min"),
            (Ago(1e6).to_string(), "11 d"),
            (Number(3.0).to_string(), "3"),
            (Number(3.25).to_string(), "3.2"),
            (Chats(1.0).to_string(), "1 chat"),
            (Chats(0.0).to_string(), "0 chats"),
            (Percent(0.999).to_string(), "99 %"),
            (Percent(1.0).to_string(), "100 %"),
        ];
        check_each(cases, |(written, expected)| assert_eq!(written, expected));
    }
}
