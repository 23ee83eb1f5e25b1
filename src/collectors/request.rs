//! Requests and answers without the types of each collector; see [`super::configured`].

use std::fmt::{self, Debug};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::collector::{About, Collector, Division, Minutes, Target};
use super::erased::{Answered, Query, downcast, erase};
use crate::liveperson::json::{Content, ReadError};
use crate::metrics::Sink;
use crate::totals::{Counts, SeriesKey, Slot, TotalsQuery};
use crate::vocabulary::{Level, SkillId, Window};

/// One request of a plan.
#[derive(Clone)]
pub struct Request {
    query: Arc<dyn Query>,
    purpose: Purpose,
}

/// What the answer to a request is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Series, and which skills there are if it says so.
    Data,
    /// Only which skills there are, on behalf of a collector whose own API cannot say.
    SkillDiscovery,
}

/// What an answer says, parsed, with the query that it answers.
pub struct Answer(Box<dyn Answered>);

impl Request {
    /// A request of a collector.
    pub fn new<C: Collector>(collector: &'static C, query: C::Query) -> Self {
        Self {
            query: erase(collector, query),
            purpose: Purpose::Data,
        }
    }

    /// The same request, made only to learn which skills there are.
    #[must_use]
    pub fn for_skill_discovery(self) -> Self {
        Self {
            purpose: Purpose::SkillDiscovery,
            ..self
        }
    }

    /// The query, if it is one of this collector.
    pub fn query<C: Collector>(&self) -> Option<&C::Query> {
        downcast::<C>(&*self.query)
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
        let content = Arc::clone(&self.query).read(body)?;
        Ok(content.map(Answer))
    }

    /// What it asks for, as `check-config` prints it.
    pub fn describe(&self) -> String {
        self.query.describe()
    }

    /// What its answer is used for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Whether its answer says which skills there are.
    pub fn names_skills(&self) -> bool {
        self.query.names_skills()
    }

    /// The skill that it is about, when it is about one.
    pub fn skill(&self) -> Option<SkillId> {
        self.query.skill()
    }

    /// Whether its answer is counted for running totals instead of mapped.
    pub fn is_total(&self) -> bool {
        self.query.is_total()
    }

    /// Maps the running totals of an id that it feeds; see [`Collector::map_total`].
    pub fn map_total(
        &self,
        account: &str,
        key: SeriesKey,
        values: &[f64],
        created: i64,
        sink: &mut dyn Sink,
    ) {
        self.query.map_total(account, key, values, created, sink);
    }

    /// Path and query of the call that splits the same into slots of 5 minutes, if its API can; see
    /// [`Collector::slots_path`].
    pub fn slots_path(&self, account: &str, minutes: u16) -> Option<String> {
        self.query.slots_path(account, minutes)
    }

    /// Parses the body of a success of that call.
    ///
    /// # Errors
    /// A body that is not what LivePerson's documents promise.
    pub fn read_slots(&self, body: &[u8]) -> Result<Content<Vec<Slot>>, ReadError> {
        self.query.read_slots(body)
    }

    /// What to ask instead when its answer is too large; see [`Collector::divide`].
    pub fn divide(&self, target: &Target<'_>, named: Option<&Counts>) -> Division<Self> {
        let division = self.query.divide(target, named);
        division.map(|query| Self {
            query,
            purpose: Purpose::Data,
        })
    }

    /// Maps the numbers of an id over a window; see [`Collector::map_window`].
    pub fn map_window(
        &self,
        account: &str,
        window: Window,
        key: SeriesKey,
        numbers: &[f64],
        sink: &mut dyn Sink,
    ) {
        self.query.map_window(account, window, key, numbers, sink);
    }

    /// Whether a newer request asks for a level of the same ids in the same window.
    pub fn same_level(&self, new: &Self, level: Level) -> bool {
        self.query.same_level(&*new.query, level)
    }

    /// The same number for equal requests in any poll.
    pub fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.query.key(), self.purpose).hash(&mut hasher);
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
        let is_same = || Arc::ptr_eq(&self.query, &other.query);
        let may_be_equal = self.purpose == other.purpose && self.query.key() == other.query.key();
        may_be_equal && (is_same() || self.query.equals(&*other.query))
    }
}

impl Eq for Request {}

impl Hash for Request {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl TotalsQuery for Request {
    fn layout(&self) -> Vec<u32> {
        self.query.total_layout()
    }
}

impl Answer {
    /// Maps it to samples; none when its request is one of running totals.
    pub fn map(&self, account: &str, sink: &mut dyn Sink) {
        self.0.map(account, sink);
    }

    /// What it adds to running totals; see [`Collector::counts`].
    pub fn counts(&self) -> Option<Counts> {
        self.0.counts()
    }

    /// The skills that it names.
    pub fn skills(&self) -> Vec<SkillId> {
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
