//! The plan of the SLA Histogram collector: one call per histogram, because a call with several
//! skills or groups gives one histogram for all of them together.

use super::query::{SlaQuery, Subject};
use super::settings::Settings;
use crate::config::Selection;

/// The requests of one poll: the account, the skills and the groups, each in every window. With
/// `skills: all` the skills are those in `reported`.
pub(super) fn plan(settings: &Settings, reported: &[i64]) -> Vec<SlaQuery> {
    let skills: &[i64] = match &settings.skills {
        Selection::None => &[],
        Selection::All => reported,
        Selection::Ids(ids) => ids,
    };
    let groups: &[i64] = match &settings.groups {
        Selection::Ids(ids) => ids,
        Selection::None | Selection::All => &[],
    };
    let subjects = (settings.account.then_some(Subject::Account).into_iter())
        .chain(skills.iter().copied().map(Subject::Skill))
        .chain(groups.iter().copied().map(Subject::Group));
    histograms(settings, subjects)
}

/// The requests for skills that were found while the poll was running.
pub(super) fn plan_for_skills(settings: &Settings, skills: &[i64]) -> Vec<SlaQuery> {
    histograms(settings, skills.iter().copied().map(Subject::Skill))
}

fn histograms(settings: &Settings, subjects: impl Iterator<Item = Subject>) -> Vec<SlaQuery> {
    let mut queries = Vec::new();
    for subject in subjects {
        for window in &settings.windows {
            queries.push(SlaQuery {
                window: *window,
                subject,
                lower_limits: lower_limits(settings),
            });
        }
    }
    queries
}

/// What is asked for: LivePerson wants the LOWER limits, and 0 first.
pub(super) fn lower_limits(settings: &Settings) -> Vec<u32> {
    std::iter::once(0)
        .chain(settings.buckets.iter().copied())
        .collect()
}
