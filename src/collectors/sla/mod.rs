//! SLA Histogram (`sla`): how long visitors waited for the first reply, for the account, its skills
//! and its agent groups.

mod answer;
mod families;
mod map;
mod plan;
mod query;
mod settings;
#[cfg(test)]
pub(crate) mod tests;
mod totals;

use super::collector::{About, Collector, Highlights, Minutes, SeriesBound, Target, TotalQuery};
use super::realtime::{PROBE_MINUTES, PROBE_WINDOW, count};
use crate::config::CollectorSection as _;
use crate::liveperson::json::{Content, ReadError};
use crate::metrics::{Family, Sink};
use crate::totals::{Counts, SeriesKey};
use crate::vocabulary::{Selection, Service, SkillId, Window};

pub use answer::{SlaAnswer, SlaBucket, read};
pub use families::{WaitFamilies, of_level};
pub use map::map;
pub use query::{SlaQuery, Subject};
pub use settings::Settings;
pub use totals::counts;

/// SLA Histogram.
#[derive(Clone, Copy, Debug)]
pub struct Sla;

static ABOUT: About = About {
    label: Settings::NAME,
    api: "sla",
    title: "SLA Histogram",
    service: Service::LE_DATA_REPORTING,
    permission: "the Operational Realtime API (Read)",
};

/// Series of one histogram of a window besides its buckets: the bucket of infinity, the count and the
/// waited chats.
const SERIES_BESIDE_BUCKETS: u64 = 3;
/// Series of one running total besides its buckets: the bucket of infinity.
const SERIES_BESIDE_TOTAL: u64 = 1;

impl Collector for Sla {
    type Settings = Settings;
    type Query = SlaQuery;
    type Answer = SlaAnswer;

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn families(&self) -> Vec<&'static Family> {
        families::all()
    }

    fn plan(&self, settings: &Settings, _: &Target<'_>, skills: &[SkillId]) -> Vec<SlaQuery> {
        plan::plan(settings, skills)
    }

    fn path(&self, account: &str, query: &SlaQuery, minutes: Minutes<'_>) -> String {
        query::path(account, query, minutes)
    }

    fn read(&self, _: &SlaQuery, body: &[u8]) -> Result<Content<SlaAnswer>, ReadError> {
        answer::read(body)
    }

    fn map(&self, account: &str, query: &SlaQuery, answer: &SlaAnswer, sink: &mut dyn Sink) {
        map::map(account, query, answer, sink);
    }

    fn describe(&self, query: &SlaQuery) -> String {
        format!("{}: wait times", query.window.label())
    }

    fn series(&self, settings: &Settings) -> SeriesBound {
        let (buckets, windows) = (settings.buckets.len() as u64, settings.windows.len() as u64);
        let of_total = if settings.totals {
            buckets + SERIES_BESIDE_TOTAL
        } else {
            0
        };
        let each = (buckets + SERIES_BESIDE_BUCKETS) * windows + of_total;
        let mut bound = SeriesBound {
            fixed: if settings.account { each } else { 0 },
            ..SeriesBound::default()
        };
        bound.add_skills(&settings.skills, each);
        if let Selection::Ids(groups) = &settings.groups {
            bound.fixed += each * groups.len() as u64;
        }
        bound
    }

    fn probe(&self, settings: &Settings) -> SlaQuery {
        SlaQuery {
            window: PROBE_WINDOW,
            subject: Subject::Account,
            lower_limits: plan::lower_limits(settings),
        }
    }

    fn demo_settings(&self) -> Option<&'static str> {
        Some("{interval: 30s, windows: [5m, 1h, today], skills: all, groups: [11, 12, 13]}")
    }

    fn summary(&self, answer: &SlaAnswer) -> String {
        let chats = count(answer.buckets.iter().map(|bucket| bucket.chats).sum());
        let buckets = answer.buckets.len();
        format!("{chats} chats in {buckets} buckets in {PROBE_MINUTES} minutes")
    }

    fn highlights(&self) -> Highlights {
        let (account, skill) = families::highlighted();
        Highlights {
            waits: Some((&account.wait_seconds, &skill.wait_seconds)),
            ..Highlights::default()
        }
    }

    fn needs_skills<'a>(&self, settings: &'a Settings) -> Option<&'a [Window]> {
        (settings.skills == Selection::All).then_some(&settings.windows)
    }

    fn plan_for_skills(&self, settings: &Settings, skills: &[SkillId]) -> Vec<SlaQuery> {
        plan::plan_for_skills(settings, skills)
    }

    fn skill_of(&self, query: &SlaQuery) -> Option<SkillId> {
        match query.subject {
            Subject::Skill(id) => Some(id),
            Subject::Account | Subject::Group(_) => None,
        }
    }

    fn is_total(&self, query: &SlaQuery) -> bool {
        query.window == Window::SinceAnchor
    }

    fn total_layout(&self, query: &SlaQuery) -> Vec<u32> {
        query.lower_limits.clone()
    }

    fn counts(&self, query: &SlaQuery, answer: &SlaAnswer) -> Option<Counts> {
        totals::counts(query, answer)
    }

    fn total_queries<'a, R: Clone + 'a>(
        &self,
        settings: &'a Settings,
        _: &Target<'_>,
        make: impl Fn(SlaQuery) -> R + 'a,
    ) -> TotalQuery<'a, R> {
        Box::new(move |key| plan::total_query(settings, key).map(&make))
    }

    fn map_total(
        &self,
        account: &str,
        query: &SlaQuery,
        key: SeriesKey,
        values: &[f64],
        created: i64,
        sink: &mut dyn Sink,
    ) {
        totals::map(account, query, key, values, created, sink);
    }
}
