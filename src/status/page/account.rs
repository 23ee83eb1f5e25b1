//! One account: its collectors, its chats and waits, its busiest and slowest skills.

use super::html::{Ago, Chats, Html};
use super::summary::{class, is_throttled};
use super::waits;
use crate::status::{
    Account, Activity, Collector, CollectorState, Names, SkillActivity, State, Totals,
    WindowActivity,
};

/// How many accounts are open at first.
const OPEN: usize = 4;

/// Whether an account at this place of the list is open before a reader has touched it.
pub(super) fn is_open(place: usize, account: &Account) -> bool {
    place < OPEN || (place < 3 * OPEN && account.state >= State::Attention)
}

pub(super) fn write(html: &mut Html, account: &Account, open: bool) {
    html.raw("<li class=\"account\" data-search=\"");
    html.text(account.title())
        .raw(" ")
        .text(&account.id)
        .raw(" ")
        .raw(class(account.state));
    html.raw("\"><details data-key=\"")
        .text(&account.id)
        .raw("\"");
    html.raw(if open { " open>" } else { ">" });
    heading(html, account);
    html.raw("<div class=\"inside\"><div>");
    for collector in &account.collectors {
        write_collector(html, collector);
    }
    write_names(html, &account.names);
    write_pacing(html, account);
    html.raw("</div>");
    write_activity(html, &account.activity);
    html.raw("</div></details></li>\n");
}

fn heading(html: &mut Html, account: &Account) {
    html.raw("<summary><h3>").text(account.title()).raw("</h3>");
    if account.name.is_some() {
        html.raw("<span class=\"soft\">")
            .text(&account.id)
            .raw("</span>");
    }
    badge(html, class(account.state), word(account));
    let ages = account.collectors.iter().filter_map(|c| c.data_age_seconds);
    html.raw("<span class=\"soft\">");
    match ages.max_by(f64::total_cmp) {
        Some(age) => html.text(format_args!("data at most {} old", Ago(age))),
        None => html.raw("no fresh data"),
    };
    html.raw("</span></summary>");
}

fn word(account: &Account) -> &'static str {
    match account.state {
        State::Ok => "fresh",
        State::Starting => "starting",
        _ if is_throttled(account) => "throttled",
        State::Attention => "attention",
        State::Down => "down",
    }
}

fn badge(html: &mut Html, class: &'static str, word: &'static str) {
    html.raw("<span class=\"badge ")
        .raw(class)
        .raw("\">")
        .raw(word)
        .raw("</span>");
}

fn write_collector(html: &mut Html, collector: &Collector) {
    let (class, word) = match collector.state {
        CollectorState::Up => ("ok", "up"),
        CollectorState::Retrying => ("attention", "up, retrying"),
        CollectorState::Starting if collector.problem.is_some() => ("down", "first poll fails"),
        CollectorState::Starting => ("starting", "first poll"),
        CollectorState::PartlyFailing => ("attention", "partly failing"),
        CollectorState::Failing => ("down", "failing"),
        CollectorState::Stale => ("down", "stale"),
    };
    html.raw("<div class=\"collector\"><h4><span>")
        .text(collector.title)
        .raw("</span><code class=\"soft\">")
        .text(collector.name)
        .raw("</code>");
    badge(html, class, word);
    html.raw("</h4><p>");
    match collector.data_age_seconds {
        Some(age) => html.text(format_args!("Data {} old, ", Ago(age))),
        None => html.raw("No fresh data, "),
    };
    html.text(collector.series.served).raw(" series");
    if collector.series.dropped > 0 {
        html.text(format_args!(" ({} left out)", collector.series.dropped));
    }
    match collector.next_call_in_seconds {
        Some(seconds) => html.text(format_args!("; next call in {}", Ago(seconds))),
        None => html.raw("; calls are under way"),
    };
    if let Some(backoff) = &collector.backoff {
        html.text(format_args!(
            "; the longest wait after a failure is {}",
            Ago(backoff.seconds)
        ));
    }
    if collector.stretch > 1.0 {
        html.text(format_args!(
            "; its poll took {:.1} times its interval",
            collector.stretch
        ));
    }
    html.raw(".</p>");
    if let Some(problem) = &collector.problem {
        html.raw("<p>").text(&problem.message).raw("</p>");
    }
    if let Some(totals) = &collector.totals {
        write_totals(html, totals);
    }
    html.raw("</div>");
}

/// Names that are in order need no place of their own.
fn write_names(html: &mut Html, names: &Names) {
    let Some(problem) = &names.problem else {
        return;
    };
    html.raw("<div class=\"collector\"><h4><span>Names for ids</span>");
    badge(html, "attention", "failing");
    html.raw("</h4><p>Data is not affected, ")
        .text(names.series.served)
        .raw(" series of names.</p><p>");
    html.text(&problem.message).raw("</p></div>");
}

fn write_totals(html: &mut Html, totals: &Totals) {
    html.raw("<p class=\"soft\">");
    match &totals.anchor_at {
        Some(at) => html.raw("Running totals since ").time(at),
        None => html.raw("Running totals have not begun"),
    };
    match &totals.saved_at {
        Some(at) => html.raw(", saved at ").time(at),
        None => html.raw(", not saved"),
    };
    if totals.lost_seconds > 0.0 {
        html.text(format_args!(", {} not counted", Ago(totals.lost_seconds)));
    }
    html.raw(".</p>");
}

fn write_pacing(html: &mut Html, account: &Account) {
    html.raw("<p class=\"soft\">");
    if let Some(backoff) = &account.backoff {
        html.raw(if is_throttled(account) {
            "LivePerson throttles: no call for "
        } else {
            "The longest wait after a failure: "
        });
        html.text(Ago(backoff.seconds)).raw(". ");
    }
    html.text(format_args!(
        "Calls are at least {} s apart.",
        account.spacing_seconds
    ));
    html.raw("</p>");
}

fn write_activity(html: &mut Html, activity: &Activity) {
    if !activity.windows.is_empty() {
        html.raw("<div>");
        write_windows(html, activity);
        html.raw("</div>");
    }
    if !(activity.busiest_skills.is_empty() && activity.slowest_skills.is_empty()) {
        html.raw("<div>");
        write_skills(html, activity);
        html.raw("</div>");
    }
}

fn write_windows(html: &mut Html, activity: &Activity) {
    let mut with_waits = activity.windows.iter();
    let with_waits = with_waits.find_map(|w| Some((&w.window, w.waits.as_ref()?)));
    if let Some((window, waits)) = with_waits {
        html.raw("<h4>Answered within, window ")
            .text(window)
            .raw("</h4>");
        waits::draw(html, window, waits);
    }
    let (now, today) = (
        activity.windows.first(),
        activity.windows.get(1..).unwrap_or_default().last(),
    );
    let shown: Vec<&WindowActivity> = now.into_iter().chain(today).collect();
    if shown.iter().any(|window| window.chats.is_some()) {
        html.raw("<div class=\"skills\"><h4>Chats and handling time, ")
            .raw(if shown.len() > 1 {
                "shortest and longest window"
            } else {
                "window"
            })
            .raw("</h4><ol>");
        for window in shown {
            figures(html, window);
        }
        html.raw("</ol></div>");
    }
}

fn write_skills(html: &mut Html, activity: &Activity) {
    list(html, "Busiest skills", &activity.busiest_skills, |skill| {
        skill.chats.map(|chats| Chats(chats).to_string())
    });
    list(
        html,
        "Slowest skills",
        &activity.slowest_skills,
        |skill| match (skill.wait_seconds_p90, skill.handling_seconds_per_chat) {
            (Some(wait), _) => Some(format!("90 % within {}", Ago(wait))),
            (None, Some(each)) => Some(format!("{} a chat", Ago(each))),
            (None, None) => None,
        },
    );
}

fn figures(html: &mut Html, window: &WindowActivity) {
    html.raw("<li><span>")
        .text(&window.window)
        .raw("</span><span>");
    match window.chats {
        Some(chats) => html.text(Chats(chats)),
        None => html.raw("not reported"),
    };
    if let Some(seconds) = window.handling_seconds {
        html.text(format_args!(", {} of handling", Ago(seconds)));
    }
    html.raw("</span></li>");
}

fn list(
    html: &mut Html,
    title: &'static str,
    skills: &[SkillActivity],
    figure: impl Fn(&SkillActivity) -> Option<String>,
) {
    let Some(first) = skills.first() else {
        return;
    };
    html.raw("<div class=\"skills\"><h4>")
        .raw(title)
        .raw(", window ")
        .text(&first.window);
    html.raw("</h4><ol>");
    for skill in skills {
        html.raw("<li><span>")
            .text(skill.name.as_deref().unwrap_or(&skill.skill));
        html.raw("</span><span>")
            .text(figure(skill).unwrap_or_default())
            .raw("</span></li>");
    }
    html.raw("</ol></div>");
}
