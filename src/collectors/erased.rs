//! Collectors, requests and answers without the types of each collector: what all others work with.
//!
//! [`Collector`] has types of its own for settings, queries and answers, so that a folder reads like
//! plain code. Here each is wrapped once behind a trait object, and compared with others of its kind
//! by downcasting.

use std::any::Any;
use std::fmt::{self, Debug};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use super::collector::{About, Collector, Minutes, SeriesBound, Target};
use crate::config::{Account, CollectorSection as _, SectionType};
use crate::liveperson::json::{Content, ReadError};
use crate::metrics::{Family, Sink};
use crate::vocabulary::{Level, Window};

/// A collector in the registry.
pub(super) trait Registered: Debug + Send + Sync {
    fn about_collector(&self) -> &'static About;
    fn collector_families(&self) -> Vec<&'static Family>;
    fn section(&self) -> SectionType;
    fn demo_settings(&self) -> Option<&'static str>;
    /// The collector with the settings of an account; `None` when its section was not read.
    fn configured(&'static self, account: &Account) -> Option<ConfiguredCollector>;
}

impl<C: Collector> Registered for C {
    fn about_collector(&self) -> &'static About {
        self.about()
    }

    fn collector_families(&self) -> Vec<&'static Family> {
        self.families()
    }

    fn section(&self) -> SectionType {
        SectionType::of::<C::Settings>()
    }

    fn demo_settings(&self) -> Option<&'static str> {
        Collector::demo_settings(self)
    }

    fn configured(&'static self, account: &Account) -> Option<ConfiguredCollector> {
        let settings = account.section::<C::Settings>()?;
        Some(ConfiguredCollector::new(self, settings.clone()))
    }
}

/// A collector with its settings for one account.
#[derive(Clone)]
pub struct ConfiguredCollector(Arc<dyn Configured>);

/// One request of a plan.
#[derive(Clone)]
pub struct Request {
    query: Arc<dyn Query>,
    /// Only asks which skills there are, on behalf of another collector.
    discovers_skills: bool,
}

/// What an answer says, parsed, with the query that it answers.
pub struct Answer(Box<dyn Answered>);

trait Configured: Debug + Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn equals(&self, other: &dyn Configured) -> bool;
    fn about(&self) -> &'static About;
    fn enabled(&self) -> bool;
    fn interval(&self) -> Duration;
    fn plan(&self, target: &Target<'_>, skills: &[i64]) -> Vec<Request>;
    fn plan_for_skills(&self, skills: &[i64]) -> Vec<Request>;
    fn needs_skills(&self) -> Option<&[Window]>;
    fn names_skills(&self) -> Option<&[Window]>;
    fn skill_discovery(&self, window: Window) -> Option<Request>;
    fn series(&self) -> SeriesBound;
    fn probe(&self) -> Request;
}

trait Query: Debug + Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn equals(&self, other: &dyn Query) -> bool;
    fn key(&self) -> u64;
    fn about(&self) -> &'static About;
    fn path(&self, account: &str, minutes: Minutes<'_>) -> String;
    fn read(self: Arc<Self>, body: &[u8]) -> Result<Content<Answer>, ReadError>;
    fn purpose(&self) -> String;
    fn names_skills(&self) -> bool;
    fn skill(&self) -> Option<i64>;
    fn same_level(&self, new: &dyn Query, level: Level) -> bool;
}

trait Answered: Send {
    fn map(&self, account: &str, sink: &mut dyn Sink);
    fn skills(&self) -> Vec<i64>;
    fn summary(&self) -> String;
}

/// A collector with its settings.
#[derive(Debug)]
struct WithSettings<C: Collector> {
    collector: &'static C,
    settings: C::Settings,
}

/// A collector with a query.
#[derive(Debug)]
struct WithQuery<C: Collector> {
    collector: &'static C,
    query: C::Query,
}

/// A query with its answer.
struct WithAnswer<C: Collector> {
    asked: Arc<WithQuery<C>>,
    answer: C::Answer,
}

impl<C: Collector> WithSettings<C> {
    fn request(&self, query: C::Query) -> Request {
        Request::new(self.collector, query)
    }

    fn requests(&self, queries: Vec<C::Query>) -> Vec<Request> {
        let queries = queries.into_iter();
        queries.map(|query| self.request(query)).collect()
    }
}

impl<C: Collector> Configured for WithSettings<C> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn equals(&self, other: &dyn Configured) -> bool {
        let other = other.as_any().downcast_ref::<Self>();
        other.is_some_and(|other| self.settings == other.settings)
    }

    fn about(&self) -> &'static About {
        self.collector.about()
    }

    fn enabled(&self) -> bool {
        self.settings.enabled()
    }

    fn interval(&self) -> Duration {
        self.settings.interval()
    }

    fn plan(&self, target: &Target<'_>, skills: &[i64]) -> Vec<Request> {
        self.requests(self.collector.plan(&self.settings, target, skills))
    }

    fn plan_for_skills(&self, skills: &[i64]) -> Vec<Request> {
        self.requests(self.collector.plan_for_skills(&self.settings, skills))
    }

    fn needs_skills(&self) -> Option<&[Window]> {
        self.collector.needs_skills(&self.settings)
    }

    fn names_skills(&self) -> Option<&[Window]> {
        self.collector.names_skills(&self.settings)
    }

    fn skill_discovery(&self, window: Window) -> Option<Request> {
        let query = self.collector.skill_discovery(window)?;
        Some(self.request(query).only_for_skills())
    }

    fn series(&self) -> SeriesBound {
        self.collector.series(&self.settings)
    }

    fn probe(&self) -> Request {
        self.request(self.collector.probe(&self.settings))
    }
}

impl<C: Collector> Query for WithQuery<C> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn equals(&self, other: &dyn Query) -> bool {
        let other = other.as_any().downcast_ref::<Self>();
        other.is_some_and(|other| self.query == other.query)
    }

    fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.collector.about().label.hash(&mut hasher);
        self.query.hash(&mut hasher);
        hasher.finish()
    }

    fn about(&self) -> &'static About {
        self.collector.about()
    }

    fn path(&self, account: &str, minutes: Minutes<'_>) -> String {
        self.collector.path(account, &self.query, minutes)
    }

    fn read(self: Arc<Self>, body: &[u8]) -> Result<Content<Answer>, ReadError> {
        let content = self.collector.read(&self.query, body)?;
        Ok(content.map(|answer| {
            Answer(Box::new(WithAnswer {
                asked: self,
                answer,
            }))
        }))
    }

    fn purpose(&self) -> String {
        self.collector.purpose(&self.query)
    }

    fn names_skills(&self) -> bool {
        self.collector.query_names_skills(&self.query)
    }

    fn skill(&self) -> Option<i64> {
        self.collector.skill_of(&self.query)
    }

    fn same_level(&self, new: &dyn Query, level: Level) -> bool {
        let new = new.as_any().downcast_ref::<Self>();
        new.is_some_and(|new| self.collector.same_level(&self.query, &new.query, level))
    }
}

impl<C: Collector> Answered for WithAnswer<C> {
    fn map(&self, account: &str, sink: &mut dyn Sink) {
        let WithQuery { collector, query } = &*self.asked;
        collector.map(account, query, &self.answer, sink);
    }

    fn skills(&self) -> Vec<i64> {
        self.asked.collector.skills_in(&self.answer)
    }

    fn summary(&self) -> String {
        self.asked.collector.summary(&self.answer)
    }
}

impl ConfiguredCollector {
    /// A collector with its settings for one account.
    pub fn new<C: Collector>(collector: &'static C, settings: C::Settings) -> Self {
        Self(Arc::new(WithSettings {
            collector,
            settings,
        }))
    }

    /// What others say of it.
    pub fn about(&self) -> &'static About {
        self.0.about()
    }

    /// The value of the `collector` label.
    pub fn label(&self) -> &'static str {
        self.about().label
    }

    /// Whether it runs.
    pub fn enabled(&self) -> bool {
        self.0.enabled()
    }

    /// Time between the starts of two polls.
    pub fn interval(&self) -> Duration {
        self.0.interval()
    }

    /// The requests of one poll; see [`Collector::plan`].
    pub fn plan(&self, target: &Target<'_>, skills: &[i64]) -> Vec<Request> {
        self.0.plan(target, skills)
    }

    /// The requests for skills that were reported while a poll was running.
    pub fn plan_for_skills(&self, skills: &[i64]) -> Vec<Request> {
        self.0.plan_for_skills(skills)
    }

    /// The windows over which it needs every skill named; see [`Collector::needs_skills`].
    pub fn needs_skills(&self) -> Option<&[Window]> {
        self.0.needs_skills()
    }

    /// The windows over which its answers name every skill that there is.
    pub fn names_skills(&self) -> Option<&[Window]> {
        self.0.names_skills()
    }

    /// A request that only asks which skills there are, if its API can say.
    pub fn skill_discovery(&self, window: Window) -> Option<Request> {
        self.0.skill_discovery(window)
    }

    /// The most series that it serves.
    pub fn series(&self) -> SeriesBound {
        self.0.series()
    }

    /// The smallest request that shows whether the API answers.
    pub fn probe(&self) -> Request {
        self.0.probe()
    }
}

impl Debug for ConfiguredCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for ConfiguredCollector {
    fn eq(&self, other: &Self) -> bool {
        self.0.equals(&*other.0)
    }
}

impl Request {
    /// A request of a collector.
    pub fn new<C: Collector>(collector: &'static C, query: C::Query) -> Self {
        Self {
            query: Arc::new(WithQuery { collector, query }),
            discovers_skills: false,
        }
    }

    /// The same request, made only to learn which skills there are.
    #[must_use]
    pub fn only_for_skills(mut self) -> Self {
        self.discovers_skills = true;
        self
    }

    /// The query, if it is one of this collector.
    pub fn query<C: Collector>(&self) -> Option<&C::Query> {
        let with_query = self.query.as_any().downcast_ref::<WithQuery<C>>();
        with_query.map(|with_query| &with_query.query)
    }

    /// The collector whose API is asked.
    pub fn about(&self) -> &'static About {
        self.query.about()
    }

    /// Path and query of the call.
    pub fn path(&self, account: &str, minutes: Minutes<'_>) -> String {
        self.query.path(account, minutes)
    }

    /// Parses the body of a success.
    ///
    /// # Errors
    /// A body that is not what LivePerson's documents promise.
    pub fn read(&self, body: &[u8]) -> Result<Content<Answer>, ReadError> {
        Arc::clone(&self.query).read(body)
    }

    /// What it is for, as `check-config` prints it.
    pub fn purpose(&self) -> String {
        self.query.purpose()
    }

    /// Whether it only asks which skills there are, on behalf of another collector.
    pub fn discovers_skills(&self) -> bool {
        self.discovers_skills
    }

    /// Whether its answer says which skills there are.
    pub fn names_skills(&self) -> bool {
        self.query.names_skills()
    }

    /// The skill that it is about, when it is about one.
    pub fn skill(&self) -> Option<i64> {
        self.query.skill()
    }

    /// Whether a newer request asks for a level of the same ids in the same window.
    pub fn same_level(&self, new: &Self, level: Level) -> bool {
        self.query.same_level(&*new.query, level)
    }

    /// The same number for equal requests in any poll.
    pub fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.query.key(), self.discovers_skills).hash(&mut hasher);
        hasher.finish()
    }
}

impl Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.query.fmt(f)
    }
}

impl PartialEq for Request {
    fn eq(&self, other: &Self) -> bool {
        self.discovers_skills == other.discovers_skills && self.query.equals(&*other.query)
    }
}

impl Eq for Request {}

impl Hash for Request {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl Answer {
    /// Maps it to samples.
    pub fn map(&self, account: &str, sink: &mut dyn Sink) {
        self.0.map(account, sink);
    }

    /// The skills that it names.
    pub fn skills(&self) -> Vec<i64> {
        self.0.skills()
    }

    /// What it says, in a few words.
    pub fn summary(&self) -> String {
        self.0.summary()
    }
}

impl Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}
