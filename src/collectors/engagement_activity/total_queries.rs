//! Which request of Engagement Activity feeds the running totals of an id.

use std::collections::HashMap;

use super::plan::of_window;
use super::query::EngagementQuery;
use super::settings::Settings;
use crate::collectors::collector::Target;
use crate::totals::SeriesKey;
use crate::vocabulary::{Level, Window};

/// The requests for running totals, with the ids that each feeds. Saved totals can have a hundred
/// thousand ids, so that no list is searched for each of them.
pub(super) struct TotalQueries {
    /// The requests, as they are in the plan.
    pub(super) queries: Vec<EngagementQuery>,
    /// The place of the request that feeds all ids of a level.
    of_all: HashMap<Level, usize>,
    /// The place of the request that feeds an id of a level: for a skill and agent, their skill.
    of_id: HashMap<(Level, i64), usize>,
}

impl TotalQueries {
    pub(super) fn new(settings: &Settings, target: &Target<'_>) -> Self {
        let queries = match settings.totals {
            true => of_window(settings, target, Window::SinceAnchor),
            false => Vec::new(),
        };
        let (mut of_all, mut of_id) = (HashMap::new(), HashMap::new());
        for (place, query) in queries.iter().enumerate() {
            for level in &query.levels {
                match query.ids(*level) {
                    None => drop(of_all.insert(*level, place)),
                    Some(ids) => of_id.extend(ids.into_iter().map(|id| ((*level, id), place))),
                }
            }
        }
        Self {
            queries,
            of_all,
            of_id,
        }
    }

    /// The place of the request that feeds the totals of an id.
    pub(super) fn place(&self, key: SeriesKey) -> Option<usize> {
        let [id, _] = key.ids;
        let of_id = || self.of_id.get(&(key.level, id));
        self.of_all.get(&key.level).or_else(of_id).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::EngagementActivity;
    use super::super::plan::plan;
    use super::super::tests::{TARGET, selected, settings};
    use super::*;
    use crate::collectors::collector::Collector as _;
    use crate::collectors::realtime::IdFilter;
    use crate::vocabulary::Selection;

    fn feeds(settings: &Settings) -> impl Fn(SeriesKey) -> Option<EngagementQuery> {
        let queries = TotalQueries::new(settings, &TARGET);
        move |key| queries.queries.get(queries.place(key)?).cloned()
    }

    /// Which of the requests for running totals feeds each key, by its place among them.
    fn feeding(settings: &Settings, keys: &[SeriesKey]) -> Vec<Option<usize>> {
        let plan = plan(settings, &TARGET);
        let totals = plan.iter().filter(|q| q.window == Window::SinceAnchor);
        let totals: Vec<_> = totals.collect();
        let feeds = feeds(settings);
        let place = |key: &SeriesKey| {
            let query = feeds(*key)?;
            totals.iter().position(|planned| **planned == query)
        };
        keys.iter().map(place).collect()
    }

    #[test]
    fn totals_come_from_the_request_that_names_their_id() {
        use Level::{Agent, Group, Skill};
        let keys = [
            SeriesKey::ACCOUNT,
            SeriesKey::one(Skill, 4),
            SeriesKey::one(Skill, 5),
            SeriesKey::skill_agent(4, 3),
            SeriesKey::skill_agent(5, 3),
            SeriesKey::one(Agent, 3),
            SeriesKey::one(Agent, 9),
            SeriesKey::one(Group, 4),
        ];
        let (one, two) = (Some(1), Some(2));
        for (settings, expected) in [
            (
                settings(Selection::All, Selection::All, true),
                [Some(0), one, one, one, one, one, one, None],
            ),
            (
                settings(selected(&[4]), selected(&[3]), true),
                [Some(0), one, None, one, None, two, None, None],
            ),
            (
                settings(Selection::All, Selection::None, false),
                [Some(0), one, one, None, None, None, None, None],
            ),
        ] {
            let with_totals = Settings {
                totals: true,
                ..settings.clone()
            };
            assert_eq!(feeding(&with_totals, &keys), expected, "{settings:?}");
            assert_eq!(feeding(&settings, &keys), [None; 8], "{settings:?}");
        }
    }

    #[test]
    fn each_list_of_split_ids_feeds_its_own_totals() {
        let skills: Vec<i64> = (0..500).map(|n| i64::MAX - n).collect();
        let settings = Settings {
            totals: true,
            ..settings(selected(&skills), Selection::None, true)
        };
        let feeds = feeds(&settings);
        for skill in &skills {
            for key in [
                SeriesKey::one(Level::Skill, *skill),
                SeriesKey::skill_agent(*skill, 3),
            ] {
                let query = feeds(key).unwrap();
                let Some(IdFilter::Ids(list)) = &query.skills else {
                    panic!("{query:?}");
                };
                assert!(list.contains(&(*skill).into()), "{key:?}");
            }
        }
    }

    #[test]
    fn requests_are_made_once_and_not_for_each_id() {
        let skills: Vec<i64> = (0..500).collect();
        let settings = Settings {
            totals: true,
            ..settings(selected(&skills), Selection::All, true)
        };
        let made = Cell::new(0);
        let make = |query: EngagementQuery| {
            made.set(made.get() + 1);
            query.levels.len()
        };
        let feeds = EngagementActivity.total_queries(&settings, &TARGET, make);
        let keys = skills.iter().flat_map(|skill| {
            let agents = 0..20;
            agents.map(|agent| SeriesKey::skill_agent(*skill, agent))
        });
        let fed = keys.filter(|key| feeds(*key).is_some()).count();
        assert_eq!(fed, 10_000);
        assert_eq!(
            made.get(),
            of_window(&settings, &TARGET, Window::SinceAnchor).len()
        );
    }
}
