//! The plan of the SLA Histogram collector: one call per histogram, because a call with several
//! skills or groups gives one histogram for all of them together.

use super::query::{SlaQuery, Subject};
use super::settings::Settings;
use crate::totals::SeriesKey;
use crate::vocabulary::{GroupId, Level, Selection, SkillId, Window};

/// The requests of one poll: the account, the skills and the groups, each in every window; running
/// totals are one more window. With `skills: all` the skills are those in `reported`.
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
        let totals = settings.totals.then_some(Window::SinceAnchor);
        for window in settings.windows.iter().copied().chain(totals) {
            queries.push(SlaQuery {
                window,
                subject,
                lower_limits: lower_limits(settings),
            });
        }
    }
    queries
}

/// The request that feeds the running totals of an id. With `skills: all` that is one for any skill,
/// also for one that no answer has named of late: what was counted of it stays.
pub(super) fn total_query(settings: &Settings, key: SeriesKey) -> Option<SlaQuery> {
    let [id, _] = key.ids;
    let (subject, is_selected) = match key.level {
        Level::Account => (Subject::Account, settings.account),
        Level::Skill => {
            let skill = SkillId::from(id);
            (Subject::Skill(skill), settings.skills.contains(skill))
        }
        Level::Group => {
            let group = GroupId::from(id);
            (Subject::Group(group), settings.groups.contains(group))
        }
        Level::Agent | Level::SkillAgent => return None,
    };
    (settings.totals && is_selected).then(|| SlaQuery {
        window: Window::SinceAnchor,
        subject,
        lower_limits: lower_limits(settings),
    })
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

    use super::super::totals;
    use super::*;

    fn settings() -> Settings {
        Settings {
            enabled: true,
            interval: Duration::from_secs(60),
            windows: vec![Window::Minutes(5)],
            buckets: vec![15, 30],
            account: true,
            skills: Selection::Ids([4, -1].map(SkillId::from).to_vec()),
            groups: Selection::Ids(vec![7.into()]),
            totals: false,
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
    fn running_totals_are_asked_for_like_one_more_window() {
        let settings = Settings {
            totals: true,
            ..settings()
        };
        let plan = plan(&settings, &[]);
        let (five, totals) = (Window::Minutes(5), Window::SinceAnchor);
        let windows: Vec<_> = plan.iter().map(|query| query.window).collect();
        assert_eq!(windows, [five, totals].repeat(4));
        let pairs = plan.chunks(2);
        let differ: Vec<_> = pairs
            .filter(|pair| pair[0].subject != pair[1].subject)
            .collect();
        assert_eq!(differ, Vec::<&[SlaQuery]>::new());
    }

    #[test]
    fn totals_come_from_the_histogram_of_their_id() {
        let keys = [
            SeriesKey::ACCOUNT,
            SeriesKey::one(Level::Skill, 4),
            SeriesKey::one(Level::Skill, 5),
            SeriesKey::one(Level::Group, 7),
            SeriesKey::one(Level::Group, 8),
            SeriesKey::one(Level::Agent, 4),
        ];
        let with_totals = Settings {
            totals: true,
            ..settings()
        };
        let all = Settings {
            skills: Selection::All,
            account: false,
            ..with_totals.clone()
        };
        for (settings, expected) in [
            (with_totals, [true, true, false, true, false, false]),
            (all, [false, true, true, true, false, false]),
            (settings(), [false; 6]),
        ] {
            let fed = keys.map(|key| {
                let query = total_query(&settings, key);
                query.is_some_and(|query| {
                    query.window == Window::SinceAnchor && totals::key(query.subject) == key
                })
            });
            assert_eq!(fed, expected, "{settings:?}");
        }
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
