//! The page at `/`: one self-contained answer that works without JavaScript.
//!
//! Its first lines say whether LivePerson can be reached, what is fresh, what is refused and what to do
//! (`summary`); then each account, the worst first (`account`, `waits`), and how to scrape it
//! (`scrape_config`). `html` escapes every value. The style and the script are part of the page and
//! the only ones that its policy allows, by their hashes. The script fetches the page again and
//! replaces what has changed.

mod account;
mod html;
mod scrape_config;
mod summary;
mod waits;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use html::{Ago, Html};
use ring::digest::{SHA256, digest};

use super::{Account, State, Status};
use crate::web::Access;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The `Content-Security-Policy` of the page: its own style and script, and requests to itself.
pub fn policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = |text: &str| STANDARD.encode(digest(&SHA256, text.as_bytes()));
        // `default-src` does not cover the last three.
        format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; \
             img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hash(STYLE),
            hash(SCRIPT)
        )
    });
    &POLICY
}

/// Writes the page.
pub fn page(status: &Status, access: &Access) -> String {
    let mut html = Html::default();
    head(&mut html, status);
    html.raw("<body>\n");
    header(&mut html, access);
    html.raw("<main id=\"live\">\n");
    summary::write(&mut html, status);
    accounts(&mut html, status);
    html.raw("<section><h2>Scrape it</h2>\n<pre id=\"scrape\" tabindex=\"0\">");
    html.text(scrape_config::scrape_config(access));
    html.raw("</pre></section>\n</main>\n");
    footer(&mut html, status, access);
    html.raw("<script>")
        .raw(SCRIPT)
        .raw("</script>\n</body></html>\n");
    html.finish()
}

fn head(html: &mut Html, status: &Status) {
    html.raw(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>",
    );
    html.text(match status.state {
        State::Ok => "ok",
        State::Starting => "starting",
        State::Attention => "attention",
        State::Down => "down",
    });
    html.raw(
        ": liveperson_exporter</title><link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg \
         xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='",
    );
    html.raw(match status.state {
        State::Ok => "%23188038",
        State::Starting => "%231a66b8",
        State::Attention => "%23e8a400",
        State::Down => "%23c5221f",
    });
    html.raw("'/%3E%3C/svg%3E\"><style>").raw(STYLE);
    html.raw("</style></head>\n");
}

fn header(html: &mut Html, access: &Access) {
    html.raw("<header><h1>liveperson_exporter</h1>\n<nav aria-label=\"Pages\"><ul>");
    // Relative, so that they are right behind any proxy; with the dot a colon does not end a scheme.
    html.raw("<li><a href=\".")
        .text(&access.telemetry_path)
        .raw("\">Metrics</a></li>");
    html.raw(
        "<li><a href=\"./-/healthy\">Health</a></li><li><a href=\"./-/ready\">Readiness</a></li>\
         <li><a href=\"./api/v1/status\">JSON</a></li></ul></nav>\n\
         <form id=\"filter\" role=\"search\" hidden><label>Filter accounts \
         <input type=\"search\" autocomplete=\"off\"></label></form>\n\
         <p id=\"connection\" role=\"status\"></p></header>\n",
    );
}

/// The worst first; those that are equally well stay in the order of the configuration.
fn accounts(html: &mut Html, status: &Status) {
    html.raw("<section><h2>Accounts</h2>\n");
    if status.accounts.is_empty() {
        html.raw("<p>This instance has no account.</p></section>\n");
        return;
    }
    let mut sorted: Vec<&Account> = status.accounts.iter().collect();
    sorted.sort_by_key(|account| std::cmp::Reverse(account.state));
    html.raw("<ul class=\"accounts\">\n");
    for (place, account) in sorted.into_iter().enumerate() {
        account::write(html, account, account::is_open(place, account));
    }
    html.raw("</ul></section>\n");
}

fn footer(html: &mut Html, status: &Status, access: &Access) {
    let exporter = &status.exporter;
    html.raw("<footer class=\"soft\"><p>Version ")
        .text(exporter.version);
    html.raw(", revision ").text(exporter.revision);
    if let Some(shard) = &exporter.shard {
        html.raw(", shard ").text(shard);
    }
    html.raw(", running for ")
        .text(Ago(exporter.uptime_seconds));
    html.raw(" since ").time(&exporter.started_at);
    html.raw(". Configuration of ")
        .time(&status.configuration.last_reload_success_at);
    html.raw(".</p>");
    if access.lifecycle {
        html.raw("<p>POST to <code>/-/reload</code> reads the configuration again.</p>");
    }
    html.raw("</footer>\n");
}

#[cfg(test)]
mod tests;
