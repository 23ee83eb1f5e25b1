//! The plan of the SLA Histogram collector: one call per histogram, because a call with several
//! skills or groups gives one histogram for all of them together.

use super::{Ask, PlannedRequest, SlaSubject};
use crate::config::{Account, Selection, Window};

/// Minutes in the longest window there is.
const WHOLE_DAY: u16 = 1440;

/// The requests of one poll. With `skills: all` there is one request per skill in `reported`,
/// after one that asks which skills there are unless the Engagement Activity collector tells.
pub fn plan(account: &Account, reported: Option<&[i64]>) -> Vec<PlannedRequest> {
    let sla = &account.sla;
    let mut requests = Vec::new();
    if sla.skills == Selection::All && (reported.is_none() || !told_by_engagement_activity(account))
    {
        let window = longest_window(account);
        requests.push(PlannedRequest {
            window,
            ask: Ask::DiscoverSkills,
        });
    }
    let skills: &[i64] = match &sla.skills {
        Selection::None => &[],
        Selection::All if told_by_engagement_activity(account) => reported.unwrap_or_default(),
        // The list comes with the answer of this very poll.
        Selection::All => &[],
        Selection::Ids(ids) => ids,
    };
    let groups: &[i64] = if let Selection::Ids(ids) = &sla.groups {
        ids
    } else {
        &[]
    };
    let subjects = (sla.account.then_some(SlaSubject::Account).into_iter())
        .chain(skills.iter().copied().map(SlaSubject::Skill))
        .chain(groups.iter().copied().map(SlaSubject::Group));
    requests.extend(histograms(account, subjects));
    requests
}

/// The requests for skills that were found while the poll was running.
pub fn plan_found_skills(account: &Account, skills: &[i64]) -> Vec<PlannedRequest> {
    histograms(account, skills.iter().copied().map(SlaSubject::Skill)).collect()
}

fn histograms(
    account: &Account,
    subjects: impl Iterator<Item = SlaSubject>,
) -> impl Iterator<Item = PlannedRequest> {
    let sla = &account.sla;
    let lower_limits: Vec<u32> = std::iter::once(0)
        .chain(sla.buckets.iter().copied())
        .collect();
    subjects.flat_map(move |subject| {
        let lower_limits = lower_limits.clone();
        sla.windows.iter().map(move |window| PlannedRequest {
            window: *window,
            ask: Ask::Sla {
                subject,
                lower_limits: lower_limits.clone(),
            },
        })
    })
}

/// Whether the Engagement Activity collector names every skill that can have waits in the SLA
/// windows: it asks for all of them, over windows that cover these.
pub fn told_by_engagement_activity(account: &Account) -> bool {
    let activity = &account.engagement_activity;
    let covered = |window: &Window| activity.windows.iter().any(|by| covers(*by, *window));
    activity.enabled && activity.skills == Selection::All && account.sla.windows.iter().all(covered)
}

fn covers(by: Window, window: Window) -> bool {
    match (by, window) {
        (Window::Minutes(by), Window::Minutes(window)) => by >= window,
        // The day so far is a whole day just before midnight.
        (Window::Minutes(by), Window::Today) => by == WHOLE_DAY,
        (Window::Today, window) => window == Window::Today,
    }
}

/// One window that covers all of the SLA windows.
fn longest_window(account: &Account) -> Window {
    let minutes = account.sla.windows.iter().map(|window| match window {
        Window::Minutes(minutes) => *minutes,
        Window::Today => WHOLE_DAY,
    });
    Window::Minutes(minutes.max().unwrap_or(WHOLE_DAY))
}
