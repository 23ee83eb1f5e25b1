//! The first three seconds: is LivePerson reachable, is everything fresh, is anything refused, what
//! comes next, and what to do.

use std::collections::BTreeMap;

use super::html::{Ago, Html};
use crate::status::{Account, BackoffReason, Collector, CollectorState, Problem, State, Status};

/// How many different pieces of advice are shown.
const ADVICE: usize = 10;

/// How many accounts with the same advice are listed.
const LISTED: usize = 10;

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
                .raw("No account</h2><p>No account of the configuration belongs to shard ")
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
            attention(html, accounts);
            html.raw("See below what to do.")
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

/// How many need attention, and how the rest is.
fn attention(html: &mut Html, accounts: &[Account]) {
    let bad = count(accounts, |a| a.state >= State::Attention);
    let starting = count(accounts, |a| a.state == State::Starting);
    let all = accounts.len();
    match (bad, all) {
        (1, 1) => html.raw("The account needs attention"),
        (1, _) => html.text(format_args!("1 of {all} accounts needs attention")),
        _ => html.text(format_args!("{bad} of {all} accounts need attention")),
    };
    html.raw("</h2><p>");
    match (all - bad, starting) {
        (0, _) => html,
        (_, 0) => html.raw("The rest is fresh. "),
        (rest, starting) if rest == starting => html.raw("The rest is starting. "),
        (rest, starting) => html.text(format_args!(
            "Of the rest, {} are fresh and {starting} are starting. ",
            rest - starting
        )),
    };
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
        "accounts are healthy",
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
    next_call(html, accounts);
    let series = status.series;
    let dropped = match series.dropped {
        0 => "series of data".to_owned(),
        dropped => format!("series of data; {dropped} left out by max_series"),
    };
    tile(html, &series.served.to_string(), &dropped);
    html.raw("</ul>\n");
}

fn next_call(html: &mut Html, accounts: &[Account]) {
    let collectors = || accounts.iter().flat_map(|account| &account.collectors);
    let next = collectors().filter_map(|collector| collector.next_call_in_seconds);
    let waits_for_others = collectors().any(|c| c.next_call_in_seconds.is_none());
    match (next.min_by(f64::total_cmp), waits_for_others) {
        (Some(seconds), others) => tile(
            html,
            &format!("in {}", Ago(seconds)),
            if others {
                "is the next call; others depend on those under way"
            } else {
                "is the next call"
            },
        ),
        (None, true) => tile(html, "under way", "are calls; the next depends on them"),
        (None, false) => tile(html, "no call", "is planned"),
    }
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
        (0, 0) if accounts.is_empty() => tile(html, "LivePerson", "is not called: no account"),
        (0, 0) if accounts.iter().any(|a| a.calls_under_way > 0) => {
            tile(html, "LivePerson", "has not answered the first calls yet");
        }
        (0, 0) => tile(html, "LivePerson", "was not called yet"),
        (_, 0) => tile(html, "LivePerson answers", &last),
        (0, _) => tile(html, "LivePerson does not answer", &last),
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

/// A problem, and whose it is: the account and what it stops there.
struct Example<'a> {
    account: &'a Account,
    title: &'a str,
    problem: &'a Problem,
}

fn problems(account: &Account) -> impl Iterator<Item = Example<'_>> {
    let collectors = account.collectors.iter();
    let collectors = collectors.map(|collector| (collector.title, &collector.problem));
    let all = collectors.chain([("names", &account.names.problem)]);
    all.filter_map(move |(title, problem)| {
        Some(Example {
            account,
            title,
            problem: problem.as_ref()?,
        })
    })
}

/// Problems with the same advice stand together: one cause often stops many.
fn advice(html: &mut Html, status: &Status) {
    let mut by_advice: BTreeMap<&str, Vec<Example<'_>>> = BTreeMap::new();
    for example in status.accounts.iter().flat_map(problems) {
        let examples = by_advice.entry(&example.problem.advice).or_default();
        examples.push(example);
    }
    if by_advice.is_empty() {
        return;
    }
    let mut sorted: Vec<_> = by_advice.into_iter().collect();
    sorted.sort_by_key(|(_, examples)| std::cmp::Reverse(examples.len()));
    html.raw("<section><h2>What to do</h2><ul class=\"advice\">");
    for (advice, examples) in sorted.iter().take(ADVICE) {
        write_advice(html, advice, examples);
    }
    html.raw("</ul>");
    if let more @ 1.. = sorted.len().saturating_sub(ADVICE) {
        html.text(format_args!("And {more} more: see the accounts below."));
    }
    html.raw("</section>\n");
}

fn write_advice(html: &mut Html, advice: &str, examples: &[Example<'_>]) {
    let Some(first) = examples.first() else {
        return;
    };
    html.raw("<li><p><strong>")
        .text(advice)
        .raw("</strong></p><p class=\"soft\">Account ");
    html.text(first.account.title()).raw(", ").text(first.title);
    match examples.len() - 1 {
        0 => {}
        more => {
            html.text(format_args!(" and {more} more"));
        }
    }
    html.raw(": ")
        .text(&first.problem.message)
        .raw(" (since ")
        .time(&first.problem.since);
    html.raw(")</p>");
    let mut accounts: Vec<&str> = examples.iter().map(|e| e.account.title()).collect();
    // Those of one account follow each other.
    accounts.dedup();
    if accounts.len() > 1 {
        let shown = accounts.iter().take(LISTED).copied();
        let shown: Vec<&str> = shown.collect();
        html.raw("<p class=\"soft\">Accounts: ")
            .text(shown.join(", "));
        if let more @ 1.. = accounts.len().saturating_sub(LISTED) {
            html.text(format_args!(" and {more} more"));
        }
        html.raw("</p>");
    }
    html.raw("</li>");
}
