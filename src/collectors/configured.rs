//! Collectors with the settings of one account, without the types of each: what all others work with.
//!
//! [`Collector`] has types of its own for settings, queries and answers, so that a folder reads like
//! plain code. Here and in [`super::request`] each is wrapped once behind a trait object, and compared
//! with others of its kind by downcasting.

use std::any::Any;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use super::collector::{About, Collector, Highlights, SeriesBound, Target, TotalQuery};
use super::request::Request;
use crate::config::{Account, CollectorSection as _, SectionType};
use crate::metrics::Family;
use crate::vocabulary::{SkillId, Window};

/// A collector in the registry.
pub(super) trait Registered: Debug + Send + Sync {
    fn about_collector(&self) -> &'static About;
    fn collector_families(&self) -> Vec<&'static Family>;
    fn collector_highlights(&self) -> Highlights;
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

    fn collector_highlights(&self) -> Highlights {
        self.highlights()
    }

    fn section(&self) -> SectionType {
        SectionType::of::<C::Settings>(self.about().service)
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

trait Configured: Debug + Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn equals(&self, other: &dyn Configured) -> bool;
    fn about(&self) -> &'static About;
    fn enabled(&self) -> bool;
    fn interval(&self) -> Duration;
    fn plan(&self, target: &Target<'_>, skills: &[SkillId]) -> Vec<Request>;
    fn plan_for_skills(&self, skills: &[SkillId]) -> Vec<Request>;
    fn total_requests<'a>(&'a self, target: &Target<'_>) -> TotalQuery<'a, Request>;
    fn needs_skills(&self) -> Option<&[Window]>;
    fn names_skills(&self) -> Option<&[Window]>;
    fn windows_of_slots(&self) -> &[Window];
    fn skill_discovery(&self, window: Window) -> Option<Request>;
    fn series(&self) -> SeriesBound;
    fn probe(&self) -> Request;
}

/// A collector with its settings.
#[derive(Debug)]
struct WithSettings<C: Collector> {
    collector: &'static C,
    settings: C::Settings,
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

    fn plan(&self, target: &Target<'_>, skills: &[SkillId]) -> Vec<Request> {
        self.requests(self.collector.plan(&self.settings, target, skills))
    }

    fn plan_for_skills(&self, skills: &[SkillId]) -> Vec<Request> {
        self.requests(self.collector.plan_for_skills(&self.settings, skills))
    }

    fn total_requests<'a>(&'a self, target: &Target<'_>) -> TotalQuery<'a, Request> {
        let make = |query| self.request(query);
        self.collector.total_queries(&self.settings, target, make)
    }

    fn needs_skills(&self) -> Option<&[Window]> {
        self.collector.needs_skills(&self.settings)
    }

    fn windows_of_slots(&self) -> &[Window] {
        self.collector.windows_of_slots(&self.settings)
    }

    fn names_skills(&self) -> Option<&[Window]> {
        self.collector.names_skills(&self.settings)
    }

    fn skill_discovery(&self, window: Window) -> Option<Request> {
        let query = self.collector.skill_discovery(window)?;
        Some(self.request(query).for_skill_discovery())
    }

    fn series(&self) -> SeriesBound {
        self.collector.series(&self.settings)
    }

    fn probe(&self) -> Request {
        self.request(self.collector.probe(&self.settings))
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
    pub fn plan(&self, target: &Target<'_>, skills: &[SkillId]) -> Vec<Request> {
        self.0.plan(target, skills)
    }

    /// The requests for skills that were reported while a poll was running.
    pub fn plan_for_skills(&self, skills: &[SkillId]) -> Vec<Request> {
        self.0.plan_for_skills(skills)
    }

    /// Which request feeds the running totals of an id; see [`Collector::total_queries`].
    pub fn total_requests<'a>(&'a self, target: &Target<'_>) -> TotalQuery<'a, Request> {
        self.0.total_requests(target)
    }

    /// The windows over which it needs every skill named; see [`Collector::needs_skills`].
    pub fn needs_skills(&self) -> Option<&[Window]> {
        self.0.needs_skills()
    }

    /// The windows over which its answers name every skill that there is.
    pub fn names_skills(&self) -> Option<&[Window]> {
        self.0.names_skills()
    }

    /// The windows whose gauges follow from slots of 5 minutes; see [`Collector::windows_of_slots`].
    pub fn windows_of_slots(&self) -> &[Window] {
        self.0.windows_of_slots()
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
