//! Current Queue State (`queuestate`): the chats that wait at this moment, the free slots of the
//! agents and the longest wait, for the account and its skills.

mod answer;
mod families;
mod map;
mod query;
mod settings;

use liveperson_exporter::collectors::collector::{About, Collector, Minutes, SeriesBound, Target};
use liveperson_exporter::collectors::realtime::count;
use liveperson_exporter::config::CollectorSection as _;
use liveperson_exporter::liveperson::json::{Content, ReadError};
use liveperson_exporter::metrics::{Family, Sink};
use liveperson_exporter::vocabulary::{Level, Service, SkillId};

use answer::QueueAnswer;
use query::QueueQuery;
use settings::Settings;

/// Current Queue State.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueState;

static ABOUT: About = About {
    label: Settings::NAME,
    api: "queuestate",
    title: "Current Queue State",
    service: Service::LE_DATA_REPORTING,
    permission: "the Operational Realtime API (Read)",
};

/// Series of the account and of each skill: chats, slots and the longest wait.
const SERIES_PER_ID: u64 = 3;

impl Collector for QueueState {
    type Settings = Settings;
    type Query = QueueQuery;
    type Answer = QueueAnswer;

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn families(&self) -> Vec<&'static Family> {
        families::all()
    }

    /// One request: the answer about all skills has the totals of the account, and one about some
    /// of them does not.
    fn plan(&self, settings: &Settings, _: &Target<'_>, _: &[SkillId]) -> Vec<QueueQuery> {
        vec![QueueQuery {
            skills: settings.skills.clone(),
        }]
    }

    fn path(&self, account: &str, _: &QueueQuery, _: Minutes<'_>) -> String {
        query::path(account)
    }

    fn read(&self, query: &QueueQuery, body: &[u8]) -> Result<Content<QueueAnswer>, ReadError> {
        answer::read(body, query)
    }

    fn map(&self, account: &str, query: &QueueQuery, answer: &QueueAnswer, sink: &mut dyn Sink) {
        map::map(account, query, answer, sink);
    }

    fn describe(&self, query: &QueueQuery) -> String {
        query.describe()
    }

    fn series(&self, settings: &Settings) -> SeriesBound {
        let mut bound = SeriesBound {
            fixed: SERIES_PER_ID,
            ..SeriesBound::default()
        };
        bound.add_skills(&settings.skills, SERIES_PER_ID);
        bound
    }

    fn probe(&self, settings: &Settings) -> QueueQuery {
        QueueQuery {
            skills: settings.skills.clone(),
        }
    }

    fn summary(&self, answer: &QueueAnswer) -> String {
        let number = |n: Option<f64>| n.map_or("no number of".to_owned(), count);
        format!(
            "{} waiting chats and {} free slots now",
            number(answer.account.waiting_chats),
            number(answer.account.available_slots),
        )
    }

    fn same_level(&self, old: &QueueQuery, new: &QueueQuery, level: Level) -> bool {
        level == Level::Account || old.skills == new.skills
    }
}
