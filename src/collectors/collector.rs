//! What a folder of this module has to offer: the trait that makes one LivePerson API a collector.

use std::fmt::Debug;
use std::hash::Hash;

use url::Url;

use super::url_length;
use crate::config::CollectorSection;
use crate::liveperson::json::{Content, ReadError};
use crate::metrics::{Family, Sink};
use crate::totals::{Counts, SeriesKey, Slot};
use crate::vocabulary::{AgentId, Id, Level, Selection, Service, SkillId, Window};

/// What others say of a collector.
#[derive(Debug)]
pub struct About {
    /// The value of the `collector` label and the name of its section in the configuration: the
    /// `NAME` of its settings.
    pub label: &'static str,
    /// The value of the `api` label, which counts its calls.
    pub api: &'static str,
    /// The API's name in messages.
    pub title: &'static str,
    /// The service whose host answers.
    pub service: Service,
    /// What to give the key or user that is refused.
    pub permission: &'static str,
}

/// The account that requests are planned for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// LivePerson's account id.
    pub account: &'a str,
    /// The base URL that `hosts` gives for the collector's service.
    pub base_url: Option<&'a Url>,
}

impl Target<'_> {
    /// Cuts ids into lists, so that no URL grows too long. `path_without_ids`: path and query of the
    /// request with an empty list, at their longest.
    pub fn split_ids<I: Id>(&self, path_without_ids: &str, ids: &[I]) -> Vec<Vec<I>> {
        url_length::split_ids(self.base_url, path_without_ids, ids)
    }
}

/// The most series that a collector serves for an account: certain ones, and those that come with
/// each id that LivePerson names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeriesBound {
    /// Whatever LivePerson answers.
    pub fixed: u64,
    /// For each skill.
    pub per_skill: u64,
    /// For each agent.
    pub per_agent: u64,
    /// For each agent in each skill.
    pub per_skill_agent: u64,
}

impl SeriesBound {
    /// Adds `each` series for each skill of a selection.
    pub fn add_skills(&mut self, skills: &Selection<SkillId>, each: u64) {
        add(skills, each, &mut self.fixed, &mut self.per_skill);
    }

    /// Adds `each` series for each agent of a selection.
    pub fn add_agents(&mut self, agents: &Selection<AgentId>, each: u64) {
        add(agents, each, &mut self.fixed, &mut self.per_agent);
    }

    /// Adds another bound.
    pub fn add(&mut self, other: Self) {
        self.fixed += other.fixed;
        self.per_skill += other.per_skill;
        self.per_agent += other.per_agent;
        self.per_skill_agent += other.per_skill_agent;
    }
}

fn add<I: Id>(selection: &Selection<I>, each: u64, fixed: &mut u64, per_id: &mut u64) {
    match selection {
        Selection::None => {}
        Selection::All => *per_id += each,
        Selection::Ids(ids) => *fixed += each * ids.len() as u64,
    }
}

/// What the page at `/` shows of an account in figures, and which families have it. A family at the
/// account's level comes first, then the same at that of skills.
#[derive(Clone, Copy, Debug, Default)]
pub struct Highlights {
    /// Chats closed.
    pub chats: Option<(&'static Family, &'static Family)>,
    /// Time spent handling them.
    pub handling_seconds: Option<(&'static Family, &'static Family)>,
    /// Histograms of how long visitors waited.
    pub waits: Option<(&'static Family, &'static Family)>,
}

impl Highlights {
    /// Both together; what both have is this one's.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            chats: self.chats.or(other.chats),
            handling_seconds: self.handling_seconds.or(other.handling_seconds),
            waits: self.waits.or(other.waits),
        }
    }
}

/// How long a window is at the moment of a call, in minutes: `today` grows.
pub type Minutes<'a> = &'a dyn Fn(Window) -> u16;

/// What to ask instead of a request whose answer is too large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Division<Q> {
    /// These, which together ask for the same.
    Into(Vec<Q>),
    /// First which ids there are.
    NeedsIds,
    /// It asks for as little as it can.
    Impossible,
}

impl<Q> Division<Q> {
    /// The same of what is made of each query.
    pub(super) fn map<R>(self, make: impl FnMut(Q) -> R) -> Division<R> {
        match self {
            Self::Into(queries) => Division::Into(queries.into_iter().map(make).collect()),
            Self::NeedsIds => Division::NeedsIds,
            Self::Impossible => Division::Impossible,
        }
    }
}

/// What is made of the query that feeds the running totals of an id; `None` when the settings do not
/// ask for them.
pub type TotalQuery<'a, R> = Box<dyn Fn(SeriesKey) -> Option<R> + 'a>;

/// One LivePerson API that is polled for data.
///
/// All functions are pure: time, pacing, HTTP and publishing are the caller's. Those with a body here
/// are for APIs that need more than most.
pub trait Collector: Debug + Send + Sync + 'static {
    /// Its section of one account's configuration, checked.
    type Settings: CollectorSection;
    /// One request of a poll. Equal queries are the same request from one poll to the next, so that
    /// an answer replaces the last one to the same query.
    type Query: Clone + Debug + Eq + Hash + Send + Sync + 'static;
    /// What an answer says, parsed.
    type Answer: Send + 'static;

    /// What others say of it.
    fn about(&self) -> &'static About;

    /// Its families, in the order of the page.
    fn families(&self) -> Vec<&'static Family>;

    /// The requests of one poll. `skills` are those that LivePerson has reported, when the settings
    /// ask for a request for each; see [`Collector::needs_skills`].
    fn plan(
        &self,
        settings: &Self::Settings,
        target: &Target<'_>,
        skills: &[SkillId],
    ) -> Vec<Self::Query>;

    /// Path and query of the call.
    fn path(&self, account: &str, query: &Self::Query, minutes: Minutes<'_>) -> String;

    /// Parses the body of a success. Called on a thread for long work when the body is large.
    ///
    /// # Errors
    /// A body that is not what LivePerson's documents promise.
    fn read(&self, query: &Self::Query, body: &[u8]) -> Result<Content<Self::Answer>, ReadError>;

    /// Maps an answer to samples of [`Collector::families`].
    fn map(&self, account: &str, query: &Self::Query, answer: &Self::Answer, sink: &mut dyn Sink);

    /// What a request asks for, as `check-config` prints it: its window and levels.
    fn describe(&self, query: &Self::Query) -> String;

    /// The most series that it serves.
    fn series(&self, settings: &Self::Settings) -> SeriesBound;

    /// The smallest request that shows whether the API answers, for `test-connection`.
    fn probe(&self, settings: &Self::Settings) -> Self::Query;

    /// Its section in the configuration of `demo`, as YAML in braces; `None` for the defaults.
    fn demo_settings(&self) -> Option<&'static str> {
        None
    }

    /// What the answer to the probe says, in a few words.
    fn summary(&self, answer: &Self::Answer) -> String;

    /// Those of its families that the page at `/` shows.
    fn highlights(&self) -> Highlights {
        Highlights::default()
    }

    /// The windows over which it needs every skill named, if the plan has requests for each skill that
    /// LivePerson reports.
    fn needs_skills<'a>(&self, _settings: &'a Self::Settings) -> Option<&'a [Window]> {
        None
    }

    /// The requests of a poll for skills that were reported while it was running.
    fn plan_for_skills(&self, _settings: &Self::Settings, _skills: &[SkillId]) -> Vec<Self::Query> {
        Vec::new()
    }

    /// The windows over which its answers name every skill that there is.
    fn names_skills<'a>(&self, _settings: &'a Self::Settings) -> Option<&'a [Window]> {
        None
    }

    /// A request that only asks which skills there are.
    fn skill_discovery(&self, _window: Window) -> Option<Self::Query> {
        None
    }

    /// Whether the answer to this query names every skill that there is.
    fn query_names_skills(&self, _query: &Self::Query) -> bool {
        false
    }

    /// The skills that an answer names.
    fn skills_in(&self, _answer: &Self::Answer) -> Vec<SkillId> {
        Vec::new()
    }

    /// The skill that a query is about, when it is about one.
    fn skill_of(&self, _query: &Self::Query) -> Option<SkillId> {
        None
    }

    /// Whether a query is one of running totals: its window begins at an anchor, so that its answer is
    /// not mapped but counted, see [`Collector::counts`].
    fn is_total(&self, _query: &Self::Query) -> bool {
        false
    }

    /// What the numbers of each id are in the answers to a query of running totals, as far as the
    /// configuration decides it: for a histogram the limits of its buckets. Totals of another layout
    /// cannot be continued.
    fn total_layout(&self, _query: &Self::Query) -> Vec<u32> {
        Vec::new()
    }

    /// The numbers in an answer to a query of running totals, by id, sorted. `None` when they cannot be
    /// added to earlier ones.
    fn counts(&self, _query: &Self::Query, _answer: &Self::Answer) -> Option<Counts> {
        None
    }

    /// Which query feeds the running totals of an id. It is one of [`Collector::plan`] as soon as that
    /// knows of the id. Asked for as many ids as there are: what `make` makes of a query for many ids
    /// is made once.
    fn total_queries<'a, R: Clone + 'a>(
        &self,
        _settings: &'a Self::Settings,
        _target: &Target<'_>,
        _make: impl Fn(Self::Query) -> R + 'a,
    ) -> TotalQuery<'a, R> {
        Box::new(|_| None)
    }

    /// Maps the running totals of an id to samples of [`Collector::families`]. `values` are the fields
    /// of [`Collector::counts`], NaN for what LivePerson has never said, which gives no sample; `created`
    /// is the time from which they count, in seconds since the epoch.
    fn map_total(
        &self,
        _account: &str,
        _query: &Self::Query,
        _key: SeriesKey,
        _shown: &[f64],
        _created: i64,
        _sink: &mut dyn Sink,
    ) {
    }

    /// Path and query of the call that asks for the same as a query of running totals, split into slots
    /// of 5 minutes. `minutes` is the time frame, a multiple of 5. `None` when the API cannot.
    fn slots_path(&self, _account: &str, _query: &Self::Query, _minutes: u16) -> Option<String> {
        None
    }

    /// Parses the body of a success of that call: the numbers of each slot as [`Collector::counts`] has
    /// them, ascending by end. The newest slot is still filling.
    ///
    /// # Errors
    /// A body that is not what LivePerson's documents promise.
    fn read_slots(
        &self,
        _query: &Self::Query,
        _body: &[u8],
    ) -> Result<Content<Vec<Slot>>, ReadError> {
        Err(ReadError::Missing(
            "this API does not split its answers into slots".to_owned(),
        ))
    }

    /// What to ask instead of a query whose answer is too large. `named`: the numbers of the ids that
    /// there are, if they have been asked for.
    fn divide(
        &self,
        _target: &Target<'_>,
        _query: &Self::Query,
        _named: Option<&Counts>,
    ) -> Division<Self::Query> {
        Division::Impossible
    }

    /// The windows whose gauges follow from slots.
    fn windows_of_slots<'a>(&self, _settings: &'a Self::Settings) -> &'a [Window] {
        &[]
    }

    /// Maps the numbers of an id over a window, in the fields of [`Collector::counts`], to samples of
    /// [`Collector::families`].
    fn map_window(
        &self,
        _account: &str,
        _window: Window,
        _key: SeriesKey,
        _numbers: &[f64],
        _sink: &mut dyn Sink,
    ) {
    }

    /// Whether two queries ask for a level of the same ids in the same window, so that after a change of
    /// the configuration the samples of the old one can be served until the new one is answered.
    fn same_level(&self, _old: &Self::Query, _new: &Self::Query, _level: Level) -> bool {
        false
    }
}
