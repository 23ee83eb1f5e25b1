//! The page at `/`: self-contained, with every value escaped.

use std::fmt::Write as _;

use super::settings::Settings;

/// What the status page shows.
#[derive(Clone, Debug, Default)]
pub struct StatusPage {
    /// The exporter's version.
    pub version: String,
    /// The commit it was built from; may be empty.
    pub revision: String,
    /// Which of how many instances this one is, if they share the accounts.
    pub shard: Option<String>,
    /// One row for each account and collector.
    pub rows: Vec<StatusRow>,
}

/// The state of one collector of one account, free of secrets.
#[derive(Clone, Debug, Default)]
pub struct StatusRow {
    /// The account's id.
    pub account: String,
    /// The collector's name, as in the `collector` label.
    pub collector: String,
    /// A word or two: `ok`, `failing`, …
    pub state: String,
    /// When the last poll succeeded.
    pub last_success: String,
    /// The last error, or nothing.
    pub detail: String,
    /// What happens next, and when.
    pub next: String,
}

const STYLE: &str = "body{font-family:sans-serif;margin:2em;max-width:70em}\
    table{border-collapse:collapse}\
    th,td{border:1px solid #aaa;padding:.3em .6em;text-align:left;vertical-align:top}";

/// Writes the page.
pub(super) fn render(content: &StatusPage, settings: &Settings) -> String {
    let mut page = String::with_capacity(2048 + 256 * content.rows.len());
    let name = env!("CARGO_CRATE_NAME");
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{name}</title>\
         <style>{STYLE}</style></head>\n<body><h1>{name}</h1>\n<p>Version {}",
        escape(&content.version),
    );
    if !content.revision.is_empty() {
        let _ = write!(page, ", revision {}", escape(&content.revision));
    }
    if let Some(shard) = &content.shard {
        let _ = write!(page, ", shard {}", escape(shard));
    }
    page.push_str("</p>\n<ul>\n");
    let telemetry = escape(&settings.telemetry_path);
    for (path, title) in [
        (telemetry.as_str(), "Metrics"),
        ("/-/healthy", "Health"),
        ("/-/ready", "Readiness"),
    ] {
        let _ = writeln!(page, "<li><a href=\"{path}\">{title}</a></li>");
    }
    page.push_str("</ul>\n");
    if settings.lifecycle {
        page.push_str("<p>POST to /-/reload reads the configuration again.</p>\n");
    }
    write_table(&mut page, content);
    page.push_str("</body></html>\n");
    page
}

fn write_table(page: &mut String, content: &StatusPage) {
    if content.rows.is_empty() {
        page.push_str(match content.shard {
            Some(_) => "<p>None of the configured accounts falls to this shard.</p>\n",
            None => "<p>No account is configured.</p>\n",
        });
        return;
    }
    page.push_str("<table>\n<tr>");
    for head in [
        "Account",
        "Collector",
        "State",
        "Last success",
        "Detail",
        "Next",
    ] {
        let _ = write!(page, "<th>{head}</th>");
    }
    page.push_str("</tr>\n");
    for row in &content.rows {
        page.push_str("<tr>");
        for cell in [
            &row.account,
            &row.collector,
            &row.state,
            &row.last_success,
            &row.detail,
            &row.next,
        ] {
            let _ = write!(page, "<td>{}</td>", escape(cell));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table>\n");
}

/// Escapes text for an element or a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Not allowed in HTML, and a terminal would interpret it.
            c if c.is_control() && !c.is_whitespace() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_escaped() {
        let evil = "<script>\"'&\u{1b}".to_owned();
        let row = StatusRow {
            account: evil.clone(),
            collector: evil.clone(),
            state: evil.clone(),
            last_success: evil.clone(),
            detail: evil.clone(),
            next: evil.clone(),
        };
        let content = StatusPage {
            version: evil.clone(),
            revision: evil.clone(),
            shard: Some(evil),
            rows: vec![row],
        };
        let settings = Settings {
            telemetry_path: "/a'&b".to_owned(),
            ..Settings::default()
        };
        let page = render(&content, &settings);
        assert!(
            !page.contains("<script") && !page.contains('\u{1b}'),
            "{page}"
        );
        let clean = "&lt;script&gt;&quot;&#39;&amp;\u{fffd}";
        assert_eq!(page.matches(clean).count(), 8, "{page}");
        assert!(page.contains("<a href=\"/a&#39;&amp;b\">"), "{page}");
        assert!(!page.contains("/-/reload"), "{page}");
    }

    #[test]
    fn a_page_without_accounts_says_so() {
        let settings = Settings {
            lifecycle: true,
            ..Settings::default()
        };
        let page = render(&StatusPage::default(), &settings);
        assert!(page.contains("No account is configured"), "{page}");
        assert!(page.contains("/-/reload"), "{page}");
        assert!(!page.contains("revision"), "{page}");
    }
}
