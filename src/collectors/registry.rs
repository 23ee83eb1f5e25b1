//! The list of all collectors: the one place that a new one is entered.

use super::account::AccountCollectors;
use super::collector::{About, Collector, Highlights};
use super::configured::Registered;
use super::engagement_activity::EngagementActivity;
use super::sla::Sla;
use crate::config::{Account, SectionType};
use crate::metrics::Family;

/// The collectors that a program has, in the order in which they are served.
#[derive(Clone, Debug)]
pub struct Registry(Vec<&'static dyn Registered>);

impl Registry {
    /// The collectors of this product.
    pub fn standard() -> Self {
        Self(Vec::new()).with(&EngagementActivity).with(&Sla)
    }

    /// The same with one collector more.
    #[must_use]
    pub fn with<C: Collector>(mut self, collector: &'static C) -> Self {
        self.0.push(collector);
        self
    }

    /// What is said of each collector.
    pub fn about(&self) -> impl Iterator<Item = &'static About> {
        self.0.iter().map(|collector| collector.about_collector())
    }

    /// The families that the page at `/` shows.
    pub fn highlights(&self) -> Highlights {
        let collectors = self.0.iter();
        let highlights = collectors.map(|collector| collector.collector_highlights());
        highlights.fold(Highlights::default(), Highlights::or)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the configuration of `demo` has for them.
    pub fn demo_sections(&self) -> String {
        let sections = self.0.iter().filter_map(|collector| {
            let settings = collector.demo_settings()?;
            Some(format!(
                "{}: {settings}\n",
                collector.about_collector().label
            ))
        });
        sections.collect()
    }

    /// The sections of the configuration that they read.
    pub fn sections(&self) -> Vec<SectionType> {
        let collectors = self.0.iter();
        collectors.map(|collector| collector.section()).collect()
    }

    /// The collectors with the settings of an account.
    pub fn configured(&self, account: &Account) -> AccountCollectors {
        let collectors = self.0.iter();
        let collectors = collectors.filter_map(|collector| collector.configured(account));
        AccountCollectors::new(&account.id, account.hosts.clone(), collectors.collect())
    }

    /// The families of all collectors, in the order of the page.
    pub fn families(&self) -> impl Iterator<Item = &'static Family> {
        self.0
            .iter()
            .flat_map(|collector| collector.collector_families())
    }
}

impl PartialEq for Registry {
    fn eq(&self, other: &Self) -> bool {
        let labels = |registry: &Self| {
            registry
                .about()
                .map(|about| about.label)
                .collect::<Vec<_>>()
        };
        labels(self) == labels(other)
    }
}
