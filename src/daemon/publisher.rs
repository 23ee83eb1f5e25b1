//! What one account serves: takes answers in, one by one, and publishes them.
//!
//! Everything here runs on the account's own task, in the order of events, without any input or
//! output: calls and the mapping of their answers run elsewhere and only return values. So an
//! account that was stopped cannot publish, and the simulation can run all of it.

mod totals;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

pub use self::totals::{SaveNeed, TotalsSnapshot};
use super::moment::Moment;
use super::results::Results;
use super::tasks::Tasks;
use super::totals::{CollectorTotals, NamingProof, TotalsAnswer, TotalsRequest};
use crate::collectors::{AccountCollectors, ConfiguredCollector, DiscoveredSkills, Request};
use crate::config;
use crate::exposition::Chunk;
use crate::liveperson::{NameKind, NameList};
use crate::names::{self, NameCache};
use crate::scheduler::{PlannedRequest, RequestKey, TaskId};
use crate::store::{Publication, Source, Store};
use crate::totals::Gap;

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
    /// Numbers for running totals.
    Totals(Box<TotalsAnswer>),
    /// A list of names, whole.
    Names(NameList),
}

/// A poll that begins.
#[derive(Debug, Default)]
pub struct StartedPoll {
    /// Its requests.
    pub requests: Vec<PlannedRequest>,
    /// Times that running totals do not count: LivePerson no longer has them.
    pub gaps: Vec<Gap>,
}

/// What one account serves.
#[derive(Debug)]
pub struct Publisher {
    collectors: AccountCollectors,
    tasks: Tasks,
    /// What the tasks that are collectors serve.
    results: HashMap<TaskId, Results>,
    /// Their running totals.
    totals: HashMap<TaskId, CollectorTotals>,
    /// Gaps in them that were found while a poll was running.
    late_gaps: Vec<Gap>,
    /// The skills that there are, by the answers that named them; empty before the first.
    skills: Vec<DiscoveredSkills>,
    names: NameCache,
    store: Arc<Store>,
}

impl Publisher {
    /// A publisher of these collectors and of the names.
    pub fn new(collectors: AccountCollectors, names: &config::Names, store: &Arc<Store>) -> Self {
        let tasks = Tasks::new(&collectors, names.lookup);
        Self::with_tasks(collectors, tasks, names, store)
    }

    /// The same of collectors that run as `tasks`.
    pub(super) fn with_tasks(
        collectors: AccountCollectors,
        tasks: Tasks,
        names: &config::Names,
        store: &Arc<Store>,
    ) -> Self {
        let ids = || tasks.collectors().map(|(id, _)| id);
        Self {
            results: ids().map(|id| (id, Results::default())).collect(),
            totals: ids().map(|id| (id, CollectorTotals::default())).collect(),
            late_gaps: Vec::new(),
            collectors,
            tasks,
            skills: Vec::new(),
            names: NameCache::new(names),
            store: Arc::clone(store),
        }
    }

    /// Takes over from the same account under an older configuration. Collectors that ask the same
    /// continue where they were; of the others, what is still asked for stays served.
    pub fn restore_from(&mut self, old: &Self, now: Moment) {
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
            let old_totals = old_id.and_then(|id| old.totals.get(&id));
            if self.collectors.asks_the_same(&old.collectors, label) {
                *results = old_results.clone();
                self.totals.extend(old_totals.map(|old| (id, old.clone())));
                continue;
            }
            if let Some(old) = old_totals {
                let request_of = self.collectors.total_requests(collector);
                let totals = old.reconfigured(request_of, now);
                self.totals.insert(id, totals);
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
    pub fn publish_all(&mut self) {
        let ids: Vec<TaskId> = self.tasks.collectors().map(|(id, _)| id).collect();
        for id in ids {
            if let Some(totals) = self.totals.get_mut(&id) {
                totals.serve_all(self.collectors.account());
            }
            self.serve(id);
        }
        self.serve_names();
    }

    /// Fixes the plan of the poll that begins.
    pub fn begin_poll(&mut self, task: TaskId, now: Moment) -> StartedPoll {
        if self.tasks.is_names(task) {
            let lists = NameKind::ALL.map(|kind| RequestKey(kind.key()).into());
            return StartedPoll {
                requests: lists.to_vec(),
                gaps: Vec::new(),
            };
        }
        let (Some(results), Some(totals), Some(collector)) = (
            self.results.get_mut(&task),
            self.totals.get_mut(&task),
            self.tasks.collector(task),
        ) else {
            return StartedPoll::default();
        };
        let plan = self.collectors.plan(collector, &self.skills).into_iter();
        let (for_totals, data): (Vec<_>, Vec<_>) = plan.partition(Request::is_total);
        let data = results.begin(data).into_iter().map(PlannedRequest::from);
        let (for_totals, gaps) = totals.begin_poll(&for_totals, now);
        StartedPoll {
            requests: data.chain(for_totals).collect(),
            gaps,
        }
    }

    /// A request for totals of a running poll, as it goes out at `now`.
    pub fn totals_request(
        &mut self,
        task: TaskId,
        key: RequestKey,
        now: Moment,
    ) -> Option<TotalsRequest> {
        self.totals.get_mut(&task)?.request(key, now)
    }

    /// A request for data of a running poll.
    pub fn request(&self, task: TaskId, key: RequestKey) -> Option<Request> {
        self.results.get(&task)?.request(key).cloned()
    }

    /// What the last answer to a request became, so that what is equal can be reused.
    pub fn previous(&self, task: TaskId, key: RequestKey) -> Vec<Chunk> {
        let results = self.results.get(&task);
        results.map_or_else(Vec::new, |results| results.previous(key))
    }

    /// Serves an answer from now on; returns the requests that it adds to the running poll.
    pub fn publish(
        &mut self,
        task: TaskId,
        key: RequestKey,
        answer: Answer,
        now: Moment,
    ) -> Vec<PlannedRequest> {
        match answer {
            Answer::Totals(answer) => self.publish_totals(task, key, &answer),
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
                self.publish_data(task, key, publication, skills, now)
            }
        }
    }

    /// Times that running totals do not count, found since this was called last, while a poll was
    /// running.
    pub fn take_late_gaps(&mut self) -> Vec<Gap> {
        std::mem::take(&mut self.late_gaps)
    }

    fn publish_totals(
        &mut self,
        task: TaskId,
        key: RequestKey,
        answer: &TotalsAnswer,
    ) -> Vec<PlannedRequest> {
        let Some(totals) = self.totals.get_mut(&task) else {
            return Vec::new();
        };
        let outcome = totals.answered(self.collectors.account(), key, answer);
        if outcome.served {
            self.serve(task);
        }
        outcome.next.into_iter().collect()
    }

    fn publish_data(
        &mut self,
        task: TaskId,
        key: RequestKey,
        publication: Publication,
        skills: Option<DiscoveredSkills>,
        now: Moment,
    ) -> Vec<PlannedRequest> {
        let (Some(results), Some(totals), Some(collector)) = (
            self.results.get_mut(&task),
            self.totals.get_mut(&task),
            self.tasks.collector(task),
        ) else {
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
        let (mut added, gaps) = totals.begin_deferred(now);
        self.late_gaps.extend(gaps);
        if !requests.is_empty() {
            let (for_totals, data): (Vec<_>, Vec<_>) =
                requests.into_iter().partition(Request::is_total);
            added.extend(results.extend(data).into_iter().map(PlannedRequest::from));
            added.extend(totals.extend_poll(&for_totals, now));
        }
        self.serve(task);
        added
    }

    /// A poll ended: decides what is gone.
    pub fn poll_ended(&mut self, task: TaskId, now: Moment) {
        let (Some(results), Some(collector)) =
            (self.results.get_mut(&task), self.tasks.collector(task))
        else {
            return;
        };
        results.end(now.aged, self.store.stale_after());
        if let Some(windows) = collector.names_skills() {
            // While nothing fresh names any, the last ones that were named are kept.
            let skills = results.discovered_skills();
            if !skills.is_empty() {
                // Those that other collectors named stay.
                self.skills
                    .retain(|named| named.collector() != collector.label());
                self.skills.extend(skills);
            }
            let named_at = results.skills_named_at();
            let proof = named_at.and_then(|at| NamingProof::new(windows, at, now));
            if let Some(proof) = proof {
                self.confirm_zero(proof);
            }
        }
        self.serve(task);
    }

    /// Skills that no answer names have had no chats in the windows of those answers.
    fn confirm_zero(&mut self, proof: NamingProof) {
        let ids = DiscoveredSkills::ids_of_all(&self.skills);
        let is_named = |request: &Request| request.skill().is_some_and(|id| ids.contains(&id));
        let mut changed = Vec::new();
        for (id, collector) in self.tasks.collectors() {
            if collector.needs_skills().is_some()
                && let Some(totals) = self.totals.get_mut(&id)
                && totals.confirm_zero_for_unnamed(self.collectors.account(), is_named, proof)
            {
                changed.push(id);
            }
        }
        for id in changed {
            self.serve(id);
        }
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
            let mut publications = results.publications();
            if let Some(totals) = self.totals.get(&task) {
                publications.extend(totals.publications());
            }
            self.store.publish(source, publications);
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

#[cfg(test)]
mod tests;
