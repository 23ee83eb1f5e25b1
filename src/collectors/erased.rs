//! Queries and answers of all collectors behind one trait each; `request` is what the program sees of
//! them.

use std::any::Any;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::collector::{About, Collector, Division, Minutes, Target};
use crate::liveperson::json::{Content, ReadError};
use crate::metrics::Sink;
use crate::totals::{Counts, SeriesKey, Slot};
use crate::vocabulary::{Level, SkillId, Window};

pub(super) trait Query: Debug + Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn equals(&self, other: &dyn Query) -> bool;
    fn key(&self) -> u64;
    fn about(&self) -> &'static About;
    fn path(&self, account: &str, minutes: Minutes<'_>) -> String;
    fn read(self: Arc<Self>, body: &[u8]) -> Result<Content<Box<dyn Answered>>, ReadError>;
    fn describe(&self) -> String;
    fn names_skills(&self) -> bool;
    fn skill(&self) -> Option<SkillId>;
    fn same_level(&self, new: &dyn Query, level: Level) -> bool;
    fn is_total(&self) -> bool;
    fn total_layout(&self) -> Vec<u32>;
    fn slots_path(&self, account: &str, minutes: u16) -> Option<String>;
    fn read_slots(&self, body: &[u8]) -> Result<Content<Vec<Slot>>, ReadError>;
    fn divide(&self, target: &Target<'_>, named: Option<&Counts>) -> Division<Arc<dyn Query>>;
    fn map_window(
        &self,
        account: &str,
        window: Window,
        key: SeriesKey,
        numbers: &[f64],
        sink: &mut dyn Sink,
    );
    fn map_total(
        &self,
        account: &str,
        key: SeriesKey,
        values: &[f64],
        created: i64,
        sink: &mut dyn Sink,
    );
}

pub(super) trait Answered: Send {
    fn map(&self, account: &str, sink: &mut dyn Sink);
    fn counts(&self) -> Option<Counts>;
    fn skills(&self) -> Vec<SkillId>;
    fn summary(&self) -> String;
}

/// A query of a collector.
pub(super) fn erase<C: Collector>(collector: &'static C, query: C::Query) -> Arc<dyn Query> {
    let mut hasher = DefaultHasher::new();
    (collector.about().label, &query).hash(&mut hasher);
    let key = hasher.finish();
    Arc::new(WithQuery {
        collector,
        query,
        key,
    })
}

/// The query behind the trait, if it is one of this collector.
pub(super) fn downcast<C: Collector>(query: &dyn Query) -> Option<&C::Query> {
    let with_query = query.as_any().downcast_ref::<WithQuery<C>>();
    with_query.map(|with_query| &with_query.query)
}

/// A collector with a query.
#[derive(Debug)]
struct WithQuery<C: Collector> {
    collector: &'static C,
    query: C::Query,
    /// Both as a number: lists of ids are long, and requests are looked up often.
    key: u64,
}

/// A query with its answer.
struct WithAnswer<C: Collector> {
    asked: Arc<WithQuery<C>>,
    answer: C::Answer,
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
        self.key
    }

    fn about(&self) -> &'static About {
        self.collector.about()
    }

    fn path(&self, account: &str, minutes: Minutes<'_>) -> String {
        self.collector.path(account, &self.query, minutes)
    }

    fn read(self: Arc<Self>, body: &[u8]) -> Result<Content<Box<dyn Answered>>, ReadError> {
        let content = self.collector.read(&self.query, body)?;
        Ok(content.map(|answer| -> Box<dyn Answered> {
            Box::new(WithAnswer {
                asked: self,
                answer,
            })
        }))
    }

    fn describe(&self) -> String {
        self.collector.describe(&self.query)
    }

    fn names_skills(&self) -> bool {
        self.collector.query_names_skills(&self.query)
    }

    fn skill(&self) -> Option<SkillId> {
        self.collector.skill_of(&self.query)
    }

    fn same_level(&self, new: &dyn Query, level: Level) -> bool {
        let new = new.as_any().downcast_ref::<Self>();
        new.is_some_and(|new| self.collector.same_level(&self.query, &new.query, level))
    }

    fn is_total(&self) -> bool {
        self.collector.is_total(&self.query)
    }

    fn total_layout(&self) -> Vec<u32> {
        self.collector.total_layout(&self.query)
    }

    fn slots_path(&self, account: &str, minutes: u16) -> Option<String> {
        self.collector.slots_path(account, &self.query, minutes)
    }

    fn read_slots(&self, body: &[u8]) -> Result<Content<Vec<Slot>>, ReadError> {
        self.collector.read_slots(&self.query, body)
    }

    fn divide(&self, target: &Target<'_>, named: Option<&Counts>) -> Division<Arc<dyn Query>> {
        let division = self.collector.divide(target, &self.query, named);
        division.map(|query| erase(self.collector, query))
    }

    fn map_window(
        &self,
        account: &str,
        window: Window,
        key: SeriesKey,
        numbers: &[f64],
        sink: &mut dyn Sink,
    ) {
        self.collector
            .map_window(account, window, key, numbers, sink);
    }

    fn map_total(
        &self,
        account: &str,
        key: SeriesKey,
        values: &[f64],
        created: i64,
        sink: &mut dyn Sink,
    ) {
        let Self {
            collector, query, ..
        } = self;
        collector.map_total(account, query, key, values, created, sink);
    }
}

impl<C: Collector> Answered for WithAnswer<C> {
    fn map(&self, account: &str, sink: &mut dyn Sink) {
        let WithQuery {
            collector, query, ..
        } = &*self.asked;
        collector.map(account, query, &self.answer, sink);
    }

    fn counts(&self) -> Option<Counts> {
        let WithQuery {
            collector, query, ..
        } = &*self.asked;
        collector.counts(query, &self.answer)
    }

    fn skills(&self) -> Vec<SkillId> {
        self.asked.collector.skills_in(&self.answer)
    }

    fn summary(&self) -> String {
        self.asked.collector.summary(&self.answer)
    }
}
