//! The collectors of one account, and the skills that they discover for each other.
//!
//! Some collectors need a request for each skill and cannot ask which skills there are. If another
//! one's answers name them all anyway, nothing more is asked; otherwise a request of an API that can
//! say comes first in each poll. No collector knows which one that is.

use std::collections::BTreeMap;

use url::Url;

use super::collector::Target;
use super::erased::{ConfiguredCollector, Request};
use crate::config::{Account, Window};

/// The collectors of one account.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountCollectors {
    account: String,
    hosts: BTreeMap<String, Url>,
    all: Vec<ConfiguredCollector>,
    enabled: Vec<ConfiguredCollector>,
}

impl AccountCollectors {
    /// The collectors of an account of the configuration.
    pub fn of(account: &Account) -> Self {
        let all = account.collectors.clone();
        let enabled = all.iter().filter(|collector| collector.schedule().enabled);
        Self {
            account: account.id.clone(),
            hosts: account.hosts.clone(),
            enabled: enabled.cloned().collect(),
            all,
        }
    }

    /// LivePerson's account id.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// All of them, in the order in which they are served, those that are switched off included.
    pub fn all(&self) -> &[ConfiguredCollector] {
        &self.all
    }

    /// Those that run, in the order in which they are served.
    pub fn enabled(&self) -> &[ConfiguredCollector] {
        &self.enabled
    }

    /// The one that runs with this label.
    pub fn find(&self, label: &str) -> Option<&ConfiguredCollector> {
        let mut enabled = self.enabled.iter();
        enabled.find(|collector| collector.label() == label)
    }

    /// The requests of one poll. `skills` are those that LivePerson has reported, for plans that need
    /// a request each; `None` when it has not been asked yet.
    pub fn plan(&self, collector: &ConfiguredCollector, skills: Option<&[i64]>) -> Vec<Request> {
        let target = Target {
            account: &self.account,
            base_url: self.hosts.get(collector.about().service.name()),
        };
        let Some(windows) = collector.needs_skills() else {
            return collector.plan(&target, &[]);
        };
        let told_by_another = self.names_skills_for(collector);
        let discovery = (skills.is_none() || !told_by_another)
            .then(|| self.skill_discovery(Window::covering(windows)));
        // Those of a discovery come with its answer, in this very poll.
        let known = skills.filter(|_| told_by_another).unwrap_or_default();
        let requests = collector.plan(&target, known);
        discovery.flatten().into_iter().chain(requests).collect()
    }

    /// Whether the answers of another collector name every skill that this one needs.
    fn names_skills_for(&self, collector: &ConfiguredCollector) -> bool {
        let Some(needed) = collector.needs_skills() else {
            return false;
        };
        let names_them = |other: &ConfiguredCollector| {
            other.names_skills().is_some_and(|named| {
                let covered = |window: &Window| named.iter().any(|by| by.covers(*window));
                needed.iter().all(covered)
            })
        };
        self.enabled.iter().any(names_them)
    }

    /// A request that only asks which skills there are, of any API that can say: the collector need
    /// not run for it.
    fn skill_discovery(&self, window: Window) -> Option<Request> {
        let mut all = self.all.iter();
        all.find_map(|collector| collector.skill_discovery(window))
    }

    /// Whether a collector asks for the same things as often under an older configuration.
    pub fn asks_the_same(&self, old: &Self, label: &str) -> bool {
        let (Some(new_one), Some(old_one)) = (self.find(label), old.find(label)) else {
            return false;
        };
        // Who names the skills for it depends on the other collectors.
        new_one == old_one && (new_one.needs_skills().is_none() || self.all == old.all)
    }
}
