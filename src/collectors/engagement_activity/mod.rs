//! Engagement Activity (`engactivity`): chats, handling time and connected engagements, of a window and
//! as running totals, for the account, its skills, its agents, and its agents by skill.

mod answer;
mod division;
mod families;
mod map;
mod plan;
mod query;
mod settings;
mod slots;
#[cfg(test)]
pub(crate) mod tests;
mod total_queries;
mod totals;

use super::collector::{
    About, Collector, Division, Highlights, Minutes, SeriesBound, Target, TotalQuery,
};
use super::realtime::{IdFilter, PROBE_MINUTES, PROBE_WINDOW, count};
use crate::config::CollectorSection as _;
use crate::liveperson::json::{Content, ReadError};
use crate::metrics::{Family, Sink};
use crate::totals::{Counts, SeriesKey, Slot};
use crate::vocabulary::{Level, Selection, Service, SkillId, Window};

pub use answer::{Activity, AgentsActivity, EngagementAnswer, SkillActivity, SkillsActivity, read};
pub use families::{ActivityFamilies, of_level, total_of_level};
pub use map::map;
pub use query::EngagementQuery;
pub use settings::Settings;
pub use slots::read_slots;
use total_queries::TotalQueries;
pub use totals::counts;

/// Engagement Activity.
#[derive(Clone, Copy, Debug)]
pub struct EngagementActivity;

static ABOUT: About = About {
    label: Settings::NAME,
    api: "engactivity",
    title: "Engagement Activity",
    service: Service::LE_DATA_REPORTING,
    permission: "the Operational Realtime API (Read)",
};

/// Series of one level per id and window, and as many running totals: two kinds of chats and of
/// handling time, and the connected engagements.
const SERIES_PER_ID: u64 = 5;

impl Collector for EngagementActivity {
    type Settings = Settings;
    type Query = EngagementQuery;
    type Answer = EngagementAnswer;

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn families(&self) -> Vec<&'static Family> {
        families::all()
    }

    fn plan(
        &self,
        settings: &Settings,
        target: &Target<'_>,
        _: &[SkillId],
    ) -> Vec<EngagementQuery> {
        plan::plan(settings, target)
    }

    fn path(&self, account: &str, query: &EngagementQuery, minutes: Minutes<'_>) -> String {
        query::path(account, query, minutes)
    }

    fn read(
        &self,
        query: &EngagementQuery,
        body: &[u8],
    ) -> Result<Content<EngagementAnswer>, ReadError> {
        answer::read(body, query)
    }

    fn map(
        &self,
        account: &str,
        query: &EngagementQuery,
        answer: &EngagementAnswer,
        sink: &mut dyn Sink,
    ) {
        map::map(account, query, answer, sink);
    }

    fn describe(&self, query: &EngagementQuery) -> String {
        let window = query.window.label();
        if query.levels.is_empty() {
            return format!("{window}: which skills there are");
        }
        let levels: Vec<_> = query.levels.iter().map(|level| level.label()).collect();
        format!("{window}: {}", levels.join(", "))
    }

    fn series(&self, settings: &Settings) -> SeriesBound {
        let windows = settings.windows.len() as u64 + u64::from(settings.totals);
        let each = SERIES_PER_ID * windows;
        let mut bound = SeriesBound {
            fixed: each,
            per_skill_agent: if settings.skill_agents { each } else { 0 },
            ..SeriesBound::default()
        };
        bound.add_skills(&settings.skills, each);
        bound.add_agents(&settings.agents, each);
        bound
    }

    fn probe(&self, _: &Settings) -> EngagementQuery {
        EngagementQuery {
            window: PROBE_WINDOW,
            skills: None,
            agents: None,
            levels: vec![Level::Account],
        }
    }

    fn demo_settings(&self) -> Option<&'static str> {
        Some("{interval: 15s, windows: [5m, 1h, today], skill_agents: true}")
    }

    fn summary(&self, answer: &EngagementAnswer) -> String {
        let totals = answer.account.unwrap_or_default();
        let number = |n: Option<f64>| n.map_or("no number of".to_owned(), count);
        format!(
            "{} interactive and {} non-interactive chats in {} minutes",
            number(totals.interactive_chats),
            number(totals.noninteractive_chats),
            PROBE_MINUTES,
        )
    }

    fn highlights(&self) -> Highlights {
        let (account, skill) = families::highlighted();
        Highlights {
            chats: Some((&account.chats, &skill.chats)),
            handling_seconds: Some((&account.handling_seconds, &skill.handling_seconds)),
            waits: None,
        }
    }

    fn names_skills<'a>(&self, settings: &'a Settings) -> Option<&'a [Window]> {
        (settings.skills == Selection::All).then_some(&settings.windows)
    }

    fn skill_discovery(&self, window: Window) -> Option<EngagementQuery> {
        Some(EngagementQuery {
            window,
            skills: Some(IdFilter::All),
            agents: None,
            levels: Vec::new(),
        })
    }

    fn query_names_skills(&self, query: &EngagementQuery) -> bool {
        // Running totals would name every skill of a day, and each has requests of its own elsewhere.
        query.skills == Some(IdFilter::All) && !self.is_total(query)
    }

    fn skills_in(&self, answer: &EngagementAnswer) -> Vec<SkillId> {
        let sections = answer.skills.iter();
        let skills = sections.flat_map(|section| &section.skills);
        skills.map(|(id, _)| *id).collect()
    }

    fn same_level(&self, old: &EngagementQuery, new: &EngagementQuery, level: Level) -> bool {
        let same_ids = match level {
            Level::Agent => old.agents == new.agents,
            Level::Skill | Level::SkillAgent => old.skills == new.skills,
            Level::Account | Level::Group => true,
        };
        old.window == new.window && new.levels.contains(&level) && same_ids
    }

    fn is_total(&self, query: &EngagementQuery) -> bool {
        query.window == Window::SinceAnchor
    }

    fn counts(&self, query: &EngagementQuery, answer: &EngagementAnswer) -> Option<Counts> {
        Some(totals::counts(query, answer))
    }

    fn total_queries<'a, R: Clone + 'a>(
        &self,
        settings: &'a Settings,
        target: &Target<'_>,
        make: impl Fn(EngagementQuery) -> R + 'a,
    ) -> TotalQuery<'a, R> {
        let queries = TotalQueries::new(settings, target);
        let made: Vec<R> = queries.queries.iter().cloned().map(make).collect();
        Box::new(move |key| made.get(queries.place(key)?).cloned())
    }

    fn map_total(
        &self,
        account: &str,
        _: &EngagementQuery,
        key: SeriesKey,
        values: &[f64],
        created: i64,
        sink: &mut dyn Sink,
    ) {
        totals::map(account, key, values, created, sink);
    }

    fn slots_path(&self, account: &str, query: &EngagementQuery, minutes: u16) -> Option<String> {
        Some(query::slots_path(account, query, minutes))
    }

    fn read_slots(
        &self,
        query: &EngagementQuery,
        body: &[u8],
    ) -> Result<Content<Vec<Slot>>, ReadError> {
        slots::read_slots(body, query)
    }

    fn divide(
        &self,
        target: &Target<'_>,
        query: &EngagementQuery,
        named: Option<&Counts>,
    ) -> Division<EngagementQuery> {
        division::divide(target, query, named)
    }

    fn windows_of_slots<'a>(&self, settings: &'a Settings) -> &'a [Window] {
        &settings.windows
    }

    fn map_window(
        &self,
        account: &str,
        window: Window,
        key: SeriesKey,
        numbers: &[f64],
        sink: &mut dyn Sink,
    ) {
        map::map_window(account, window, key, numbers, sink);
    }
}
