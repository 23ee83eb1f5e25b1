//! What one account serves: takes answers in, one by one, and publishes them.
//!
//! Everything here runs on the account's own task, in the order of events, without any input or
//! output: calls and the mapping of their answers run elsewhere and only return values. So an
//! account that was stopped cannot publish, and the simulation can run all of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::results::Results;
use super::tasks::Tasks;
use crate::collectors::{AccountCollectors, ConfiguredCollector, DiscoveredSkills, Request};
use crate::config;
use crate::exposition::Chunk;
use crate::liveperson::{NameKind, NameList};
use crate::names::{self, NameCache};
use crate::scheduler::{RequestKey, TaskId};
use crate::store::{Publication, Source, Store};

/// What the answer to a request became.
#[derive(Debug)]
pub enum Answer {
    /// Data of a collector.
    Data {
        /// The series; none of a request that only asks which skills there are.
        chunks: Vec<Chunk>,
        /// The skills that it named, when it says which there are.
        skills: Option<DiscoveredSkills>,
        /// When the answer was received, on the clock of ages.
        received_at: Instant,
    },
    /// A list of names, whole.
    Names(NameList),
}

/// What one account serves.
#[derive(Debug)]
pub struct Publisher {
    collectors: AccountCollectors,
    tasks: Tasks,
    /// What the tasks that are collectors serve.
    results: HashMap<TaskId, Results>,
    /// The skills that there are, by the answers that named them; empty before the first.
    skills: Vec<DiscoveredSkills>,
    names: NameCache,
    store: Arc<Store>,
}

impl Publisher {
    /// A publisher of these collectors, and of the names.
    pub fn new(collectors: AccountCollectors, names: &config::Names, store: &Arc<Store>) -> Self {
        let tasks = Tasks::new(&collectors, names.lookup);
        let results = tasks.collectors();
        Self {
            results: results.map(|(id, _)| (id, Results::default())).collect(),
            collectors,
            tasks,
            skills: Vec::new(),
            names: NameCache::new(names),
            store: Arc::clone(store),
        }
    }

    /// Takes over from the same account under an older configuration. Collectors that ask the same
    /// continue where they were; of the others, what is still asked for stays served.
    pub fn restore_from(&mut self, old: &Self) {
        self.skills.clone_from(&old.skills);
        self.names.restore_from(&old.names);
        for (id, collector) in self.tasks.collectors() {
            let label = collector.label();
            let old_id = old.tasks.find(label);
            let (Some(results), Some(old_results)) = (
                self.results.get_mut(&id),
                old_id.and_then(|id| old.results.get(&id)),
            ) else {
                continue;
            };
            if self.collectors.asks_the_same(&old.collectors, label) {
                *results = old_results.clone();
                continue;
            }
            let plan = self.collectors.plan(collector, &self.skills);
            let still_asked = |request: &Request| {
                plan.contains(request) || is_of_a_found_skill(collector, request)
            };
            results.restore_from(old_results, &plan, still_asked);
        }
        for (_, gone) in old.tasks.collectors() {
            if self.tasks.find(gone.label()).is_none() {
                self.store.remove(&self.source(gone.label()));
            }
        }
    }

    /// Serves what is known.
    pub fn publish_all(&self) {
        for (id, _) in self.tasks.collectors() {
            self.serve(id);
        }
        self.serve_names();
    }

    /// Fixes the plan of the poll that begins.
    pub fn begin_poll(&mut self, task: TaskId) -> Vec<RequestKey> {
        if self.tasks.is_names(task) {
            return NameKind::ALL.map(|kind| RequestKey(kind.key())).to_vec();
        }
        let (Some(results), Some(collector)) =
            (self.results.get_mut(&task), self.tasks.collector(task))
        else {
            return Vec::new();
        };
        results.begin(self.collectors.plan(collector, &self.skills))
    }

    /// A request of a running poll.
    pub fn request(&self, task: TaskId, key: RequestKey) -> Option<Request> {
        self.results.get(&task)?.request(key).cloned()
    }

    /// What the last answer to a request became, so that what is equal can be reused.
    pub fn previous(&self, task: TaskId, key: RequestKey) -> Vec<Chunk> {
        let results = self.results.get(&task);
        results.map_or_else(Vec::new, |results| results.previous(key))
    }

    /// Serves an answer from now on; returns the requests that it adds to the running poll.
    pub fn publish(&mut self, task: TaskId, key: RequestKey, answer: Answer) -> Vec<RequestKey> {
        match answer {
            Answer::Names(list) => {
                self.names.update(list);
                self.serve_names();
                Vec::new()
            }
            Answer::Data {
                chunks,
                skills,
                received_at,
            } => {
                let publication = Publication {
                    chunks,
                    received_at: Some(received_at),
                };
                self.publish_data(task, key, publication, skills)
            }
        }
    }

    fn publish_data(
        &mut self,
        task: TaskId,
        key: RequestKey,
        publication: Publication,
        skills: Option<DiscoveredSkills>,
    ) -> Vec<RequestKey> {
        let (Some(results), Some(collector)) =
            (self.results.get_mut(&task), self.tasks.collector(task))
        else {
            return Vec::new();
        };
        let mut requests = Vec::new();
        if let Some(skills) = skills.as_ref().filter(|skills| skills.extend_their_poll()) {
            requests = collector.plan_for_skills(skills.ids());
            if self.skills.is_empty() {
                self.skills.push(skills.clone());
            }
        }
        results.answer(key, publication, skills);
        let added = match requests.is_empty() {
            true => Vec::new(),
            false => results.extend(requests),
        };
        self.serve(task);
        added
    }

    /// A poll ended: decides what is gone.
    pub fn poll_ended(&mut self, task: TaskId, now: Instant) {
        let (Some(results), Some(collector)) =
            (self.results.get_mut(&task), self.tasks.collector(task))
        else {
            return;
        };
        results.end(now, self.store.stale_after());
        if collector.names_skills().is_some() {
            // While nothing fresh names any, the last ones that were named are kept.
            let skills = results.discovered_skills();
            if !skills.is_empty() {
                self.skills = skills;
            }
        }
        self.serve(task);
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

    fn serve(&self, task: TaskId) {
        if let (Some(results), Some(collector)) =
            (self.results.get(&task), self.tasks.collector(task))
        {
            let source = self.source(collector.label());
            self.store.publish(source, results.publications());
        }
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
            Err(error) => tracing::error!(%error, "the names cannot be compressed"),
        }
    }

    fn source(&self, collector: &'static str) -> Source {
        Source {
            account: self.collectors.account().into(),
            collector,
        }
    }
}

/// Whether this is asked whenever its skill is found.
fn is_of_a_found_skill(collector: &ConfiguredCollector, request: &Request) -> bool {
    let found = collector.needs_skills().and(request.skill());
    found.is_some_and(|skill| collector.plan_for_skills(&[skill]).contains(request))
}
