//! What one account serves: takes answers in, one by one, and publishes them.
//!
//! Everything here runs on the account's own task, in the order of events, without any input or
//! output: calls and the mapping of their answers go on elsewhere and only return values. So an
//! account that was stopped cannot publish, and the simulation can run all of it.

use std::sync::Arc;
use std::time::Instant;

use super::results::Results;
use crate::collectors::{AccountCollectors, ConfiguredCollector, Request};
use crate::config;
use crate::exposition::Chunk;
use crate::liveperson::NameKind;
use crate::names::{self, NameCache};
use crate::scheduler::RequestKey;
use crate::store::{Publication, Source, Store};

/// What the answer to a request became.
#[derive(Debug)]
pub enum Answer {
    /// Series.
    Data {
        /// The series.
        chunks: Vec<Chunk>,
        /// The skills that it named, when the request says which there are.
        skills: Option<Vec<i64>>,
        /// When the answer came.
        came: Instant,
    },
    /// The skills that there are, each of which is to be asked for in the same poll.
    Skills {
        /// Their ids.
        skills: Vec<i64>,
        /// When the answer came.
        came: Instant,
    },
    /// A list of names, whole.
    Names {
        /// Which list.
        kind: NameKind,
        /// Ids and names.
        names: Vec<(i64, String)>,
    },
}

/// What one account serves.
#[derive(Debug)]
pub struct Publisher {
    collectors: AccountCollectors,
    results: Vec<Results>,
    /// Skills that LivePerson has named; `None` before it was asked.
    skills: Option<Vec<i64>>,
    names: NameCache,
    store: Arc<Store>,
}

impl Publisher {
    /// A publisher of these collectors; the names follow them as one collector more.
    pub fn new(collectors: AccountCollectors, names: &config::Names, store: &Arc<Store>) -> Self {
        Self {
            results: collectors
                .enabled()
                .iter()
                .map(|_| Results::default())
                .collect(),
            collectors,
            skills: None,
            names: NameCache::new(names),
            store: Arc::clone(store),
        }
    }

    /// Takes over from the same account under an older configuration. Collectors that ask the same
    /// continue where they were; of the others, what is still asked for stays served.
    pub fn inherit(&mut self, old: &Self) {
        self.skills.clone_from(&old.skills);
        self.names.restore_from(&old.names);
        let skills = self.skills.as_deref();
        for (results, collector) in self.results.iter_mut().zip(self.collectors.enabled()) {
            let Some(old_results) = old.results_of(collector.label()) else {
                continue;
            };
            if self
                .collectors
                .asks_the_same(&old.collectors, collector.label())
            {
                *results = old_results.clone();
                continue;
            }
            let plan = self.collectors.plan(collector, skills);
            let still_asked = |request: &Request| {
                plan.contains(request) || is_of_a_found_skill(collector, request)
            };
            results.inherit(old_results, &plan, still_asked);
        }
        for gone in old.collectors.enabled() {
            if self.collectors.find(gone.label()).is_none() {
                self.store.remove(&self.source(gone.label()));
            }
        }
    }

    fn results_of(&self, label: &str) -> Option<&Results> {
        let mut enabled = self.collectors.enabled().iter();
        self.results
            .get(enabled.position(|collector| collector.label() == label)?)
    }

    /// Serves what is known.
    pub fn publish_all(&self) {
        for index in 0..self.results.len() {
            self.serve(index);
        }
        self.serve_names();
    }

    /// Whether this is the index of the names, which stand behind all the collectors.
    pub fn is_names(&self, collector: usize) -> bool {
        collector >= self.results.len()
    }

    /// Fixes the plan of the poll that begins.
    pub fn begin_poll(&mut self, collector: usize) -> Vec<RequestKey> {
        if self.is_names(collector) {
            return (0..).map(RequestKey).take(NameKind::ALL.len()).collect();
        }
        let (Some(results), Some(collector)) = (
            self.results.get_mut(collector),
            self.collectors.enabled().get(collector),
        ) else {
            return Vec::new();
        };
        results.begin(self.collectors.plan(collector, self.skills.as_deref()))
    }

    /// A request of a running poll.
    pub fn request(&self, collector: usize, index: usize) -> Option<Request> {
        self.results.get(collector)?.request(index).cloned()
    }

    /// What the last answer to a request became, so that what is equal can stay.
    pub fn earlier(&self, collector: usize, index: usize) -> Vec<Chunk> {
        let results = self.results.get(collector);
        results.map_or_else(Vec::new, |results| results.earlier(index))
    }

    /// Serves an answer from now on; returns the requests that it adds to the running poll.
    pub fn answered(&mut self, collector: usize, index: usize, answer: Answer) -> Vec<RequestKey> {
        let (publication, skills, more) = match answer {
            Answer::Names { kind, names } => {
                self.names.update(kind, names);
                self.serve_names();
                return Vec::new();
            }
            Answer::Data {
                chunks,
                skills,
                came,
            } => (publication(chunks, came), skills, Vec::new()),
            Answer::Skills { skills, came } => {
                let asking = self.collectors.enabled().get(collector);
                let more = asking.map(|collector| collector.plan_for_skills(&skills));
                self.skills.get_or_insert_with(|| skills.clone());
                (
                    publication(Vec::new(), came),
                    Some(skills),
                    more.unwrap_or_default(),
                )
            }
        };
        let Some(results) = self.results.get_mut(collector) else {
            return Vec::new();
        };
        results.answer(index, publication, skills);
        let more = if more.is_empty() {
            Vec::new()
        } else {
            results.extend(more)
        };
        self.serve(collector);
        more
    }

    /// A poll ended: decides what is gone.
    pub fn poll_ended(&mut self, collector: usize, now: Instant) {
        let stale_after = self.store.stale_after();
        let Some(results) = self.results.get_mut(collector) else {
            return;
        };
        results.end(now, stale_after);
        let enabled = self.collectors.enabled();
        if enabled
            .get(collector)
            .is_some_and(|c| c.names_skills().is_some())
        {
            // While nothing fresh names any, the last ones that were named are as good as it gets.
            if let Some(skills) = results.named_skills() {
                self.skills = Some(skills);
            }
        }
        self.serve(collector);
    }

    /// The names of the configuration changed.
    pub fn configure_names(&mut self, names: &config::Names) {
        self.names.configure(names);
        self.serve_names();
    }

    /// Whether LivePerson's last list of this kind is there, be it empty.
    pub fn has_names(&self, kind: NameKind) -> bool {
        self.names.has(kind)
    }

    /// How many names LivePerson has given, by list.
    pub fn names_known(&self, kind: NameKind) -> usize {
        self.names.count(kind)
    }

    fn serve(&self, collector: usize) {
        let source = self.source(self.collectors.enabled()[collector].label());
        let publications = self.results[collector].publications();
        self.store.publish(source, publications);
    }

    fn serve_names(&self) {
        match self.names.chunks(self.collectors.account()) {
            Ok(chunks) => {
                let publication = Publication {
                    chunks,
                    received_at: None,
                };
                let source = self.source(names::LABEL);
                self.store.publish(source, vec![Arc::new(publication)]);
            }
            Err(error) => {
                let account = self.collectors.account();
                tracing::error!(account, %error, "the names cannot be compressed");
            }
        }
    }

    fn source(&self, collector: &'static str) -> Source {
        Source {
            account: self.collectors.account().into(),
            collector,
        }
    }
}

fn publication(chunks: Vec<Chunk>, came: Instant) -> Publication {
    Publication {
        chunks,
        received_at: Some(came),
    }
}

/// Whether this is asked whenever its skill is found.
fn is_of_a_found_skill(collector: &ConfiguredCollector, request: &Request) -> bool {
    let found = collector.needs_skills().and(request.skill());
    found.is_some_and(|skill| collector.plan_for_skills(&[skill]).contains(request))
}
