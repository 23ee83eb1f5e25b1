//! The plan of the SLA Histogram collector: one call per histogram, because a call with several
//! skills or groups gives one histogram for all of them together.

use super::query::{SlaQuery, Subject};
use super::settings::Settings;
use crate::vocabulary::{GroupId, Selection, SkillId};

/// The requests of one poll: the account, the skills and the groups, each in every window. With
/// `skills: all` the skills are those in `reported`.
pub(super) fn plan(settings: &Settings, reported: &[SkillId]) -> Vec<SlaQuery> {
    let skills: &[SkillId] = match &settings.skills {
        Selection::None => &[],
        Selection::All => reported,
        Selection::Ids(ids) => ids,
    };
    let groups: &[GroupId] = match &settings.groups {
        Selection::Ids(ids) => ids,
        Selection::None | Selection::All => &[],
    };
    let subjects = (settings.account.then_some(Subject::Account).into_iter())
        .chain(skills.iter().copied().map(Subject::Skill))
        .chain(groups.iter().copied().map(Subject::Group));
    histograms(settings, subjects)
}

/// The requests for skills that were found while the poll was running.
pub(super) fn plan_for_skills(settings: &Settings, skills: &[SkillId]) -> Vec<SlaQuery> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::vocabulary::Window;

    fn settings() -> Settings {
        Settings {
            enabled: true,
            interval: Duration::from_secs(60),
            windows: vec![Window::Minutes(5)],
            buckets: vec![15, 30],
            account: true,
            skills: Selection::Ids([4, -1].map(SkillId::from).to_vec()),
            groups: Selection::Ids(vec![7.into()]),
        }
    }

    fn subjects(settings: &Settings, reported: &[i64]) -> Vec<Subject> {
        let reported: Vec<_> = reported.iter().copied().map(SkillId::from).collect();
        let plan = plan(settings, &reported).into_iter();
        plan.map(|query| query.subject).collect()
    }

    #[test]
    fn each_histogram_needs_a_request() {
        let mut settings = settings();
        let skills = [4, -1].map(|id| Subject::Skill(id.into()));
        let expected = [
            Subject::Account,
            skills[0],
            skills[1],
            Subject::Group(7.into()),
        ];
        assert_eq!(subjects(&settings, &[9]), expected);
        settings.account = false;
        settings.windows.push(Window::Minutes(60));
        assert_eq!(subjects(&settings, &[]).len(), 6);
        assert_eq!(plan(&settings, &[])[0].lower_limits, [0, 15, 30]);
    }

    #[test]
    fn reported_skills_are_planned_when_all_are_wanted() {
        let settings = Settings {
            skills: Selection::All,
            groups: Selection::None,
            ..settings()
        };
        assert_eq!(subjects(&settings, &[]), [Subject::Account]);
        let four = Subject::Skill(4.into());
        assert_eq!(subjects(&settings, &[4]), [Subject::Account, four]);
        assert_eq!(
            plan_for_skills(&settings, &[4, 5].map(SkillId::from)).len(),
            2
        );
    }
}
