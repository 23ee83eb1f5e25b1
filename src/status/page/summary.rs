//! The first three seconds: is LivePerson reachable, is everything fresh, is anything refused, what
//! comes next, and what to do.

use std::collections::BTreeMap;

use super::html::{Ago, Html};
use crate::status::{Account, BackoffReason, Collector, CollectorState, Problem, State, Status};

/// How many different pieces of advice are shown.
const ADVICE: usize = 10;

pub(super) fn write(html: &mut Html, status: &Status) {
    verdict(html, status);
    tiles(html, status);
    advice(html, status);
}

pub(super) fn class(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Starting => "starting",
        State::Attention => "attention",
        State::Down => "down",
    }
}

fn count(accounts: &[Account], is: impl Fn(&Account) -> bool) -> usize {
    accounts.iter().filter(|account| is(account)).count()
}

fn verdict(html: &mut Html, status: &Status) {
    let accounts = &status.accounts;
    let all = accounts.len();
    html.raw("<section class=\"verdict ")
        .raw(class(status.state))
        .raw("\"><h2>");
    match status.state {
        _ if all == 0 => match &status.exporter.shard {
            Some(shard) => html
                .raw("No account</h2><p>No account of the configuration falls to shard ")
                .text(shard)
                .raw("."),
            None => html.raw("No account</h2><p>This instance has nothing to poll."),
        },
        State::Ok => html.raw("Everything is fresh</h2><p>LivePerson answers every collector."),
        State::Starting => {
            html.raw("Waiting for the first data</h2><p>The first polls are under way.")
        }
        State::Down if count(accounts, |a| a.contact.answers == Some(true)) == 0 => html.raw(
            "LivePerson cannot be reached</h2><p>No account has fresh data. See below what to do.",
        ),
        State::Down => html.raw(
            "No fresh data</h2><p>LivePerson answers, but not with data. See below what to do.",
        ),
        State::Attention => {
            let bad = count(accounts, |a| a.state >= State::Attention);
            html.text(format_args!("{bad} of {all} accounts"));
            html.raw(if bad == 1 {
                " needs attention"
            } else {
                " need attention"
            });
            html.raw("</h2><p>The rest is fresh. See below what to do.")
        }
    };
    html.raw("</p>");
    let configuration = &status.configuration;
    if !configuration.last_reload_successful {
        html.raw(
            "<p>The configuration could not be reloaded: the one before stays in use, the log says \
             why.</p>",
        );
    }
    if !configuration.web_config_in_force {
        html.raw(
            "<p>The web configuration file could not be reloaded: what was read before stays in use, \
             the log says why.</p>",
        );
    }
    html.raw("</section>\n");
}

fn tiles(html: &mut Html, status: &Status) {
    let accounts = &status.accounts;
    let collectors = || accounts.iter().flat_map(|account| &account.collectors);
    html.raw("<ul class=\"tiles\">");
    contact(html, accounts);
    let fresh = count(accounts, |a| a.state == State::Ok);
    tile(
        html,
        &format!("{fresh} of {}", accounts.len()),
        "accounts are well",
    );
    let is_up = |c: &&Collector| matches!(c.state, CollectorState::Up | CollectorState::Retrying);
    let up = collectors().filter(is_up).count();
    tile(
        html,
        &format!("{up} of {}", collectors().count()),
        "collectors are up",
    );
    let throttled = count(accounts, is_throttled);
    let refused = match throttled {
        0 => "none".to_owned(),
        accounts => accounts.to_string(),
    };
    tile(html, &refused, "accounts are throttled (429)");
    let next = collectors().filter_map(|collector| collector.next_call_in_seconds);
    let next = next.min_by(f64::total_cmp);
    let next = next.map_or("under way".to_owned(), |seconds| {
        format!("in {}", Ago(seconds))
    });
    tile(html, &next, "is the next call");
    let series = status.series;
    let dropped = match series.dropped {
        0 => "series of data".to_owned(),
        dropped => format!("series of data; {dropped} left out by max_series"),
    };
    tile(html, &series.served.to_string(), &dropped);
    html.raw("</ul>\n");
}

pub(super) fn is_throttled(account: &Account) -> bool {
    let backoff = account.backoff.as_ref();
    backoff.is_some_and(|backoff| backoff.reason == BackoffReason::Throttled)
}

fn contact(html: &mut Html, accounts: &[Account]) {
    let silent = count(accounts, |a| a.contact.answers == Some(false));
    let answering = count(accounts, |a| a.contact.answers == Some(true));
    let ages = accounts
        .iter()
        .filter_map(|a| a.contact.last_answer_age_seconds);
    let last = ages.min_by(f64::total_cmp);
    let last = last.map_or("no answer yet".to_owned(), |age| {
        format!("last answer {} ago", Ago(age))
    });
    match (answering, silent) {
        (0, 0) => tile(html, "LivePerson", "was not called yet"),
        (_, 0) => tile(html, "LivePerson answers", &last),
        (0, _) => tile(html, "LivePerson is silent", &last),
        (_, silent) => tile(
            html,
            "LivePerson answers",
            &format!("but not {silent} accounts; {last}"),
        ),
    }
}

fn tile(html: &mut Html, figure: &str, meaning: &str) {
    html.raw("<li><strong>")
        .text(figure)
        .raw("</strong> ")
        .text(meaning)
        .raw("</li>");
}

/// Problems with the same advice stand together: one cause often stops many.
fn advice(html: &mut Html, status: &Status) {
    type Example<'a> = (&'a Account, &'a Collector, &'a Problem);
    let mut by_advice: BTreeMap<&str, Vec<Example<'_>>> = BTreeMap::new();
    for account in &status.accounts {
        for collector in &account.collectors {
            if let Some(problem) = &collector.problem {
                let examples = by_advice.entry(&problem.advice).or_default();
                examples.push((account, collector, problem));
            }
        }
    }
    if by_advice.is_empty() {
        return;
    }
    let mut sorted: Vec<_> = by_advice.into_iter().collect();
    sorted.sort_by_key(|(_, examples)| std::cmp::Reverse(examples.len()));
    html.raw("<section><h2>What to do</h2><ul class=\"advice\">");
    for (advice, examples) in sorted.iter().take(ADVICE) {
        let Some((account, collector, problem)) = examples.first() else {
            continue;
        };
        html.raw("<li><p><strong>")
            .text(advice)
            .raw("</strong></p><p class=\"soft\">Account ");
        html.text(account.title()).raw(", ").text(collector.title);
        match examples.len() - 1 {
            0 => {}
            more => {
                html.text(format_args!(" and {more} more"));
            }
        }
        html.raw(": ")
            .text(&problem.message)
            .raw(" (since ")
            .time(&problem.since);
        html.raw(")</p></li>");
    }
    html.raw("</ul></section>\n");
}
