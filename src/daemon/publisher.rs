//! What one account serves: takes answers in, one by one, and publishes them.
//!
//! Everything here runs on the account's own task, in the order of events, without any input or
//! output: calls and the mapping of their answers go on elsewhere and only return values. So an
//! account that was stopped cannot publish, and the simulation can run all of it.

use std::sync::Arc;
use std::time::Instant;

use super::names::NameBook;
use super::results::Results;
use crate::config::{self, Account, Selection};
use crate::exposition::Chunk;
use crate::liveperson::{IdFilter, NameKind};
use crate::scheduler::RequestKey;
use crate::scheduler::plan::{Ask, CollectorKind, PlannedRequest, SlaSubject, sla};
use crate::store::{Publication, Source, Store};

/// What the answer to a request became.
#[derive(Debug)]
pub enum Answer {
    /// Series.
    Data {
        /// The series.
        chunks: Vec<Chunk>,
        /// The skills that it named, when the request says which there are; see [`names_skills`].
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
    account: Account,
    collectors: Vec<CollectorKind>,
    results: Vec<Results>,
    /// Skills that LivePerson has named; `None` before it was asked.
    skills: Option<Vec<i64>>,
    names: NameBook,
    store: Arc<Store>,
}

impl Publisher {
    /// A publisher of these collectors; the names follow them as one collector more.
    pub fn new(
        account: &Account,
        collectors: &[CollectorKind],
        names: &config::Names,
        store: &Arc<Store>,
    ) -> Self {
        Self {
            account: account.clone(),
            collectors: collectors.to_vec(),
            results: collectors.iter().map(|_| Results::default()).collect(),
            skills: None,
            names: NameBook::new(names),
            store: Arc::clone(store),
        }
    }

    /// Takes over from the same account under an older configuration. `unchanged` says which
    /// collectors continue where they were; of the others, what is still asked for stays served.
    pub fn inherit(&mut self, old: &Self, unchanged: impl Fn(CollectorKind) -> bool) {
        self.skills.clone_from(&old.skills);
        self.names.inherit(&old.names);
        for (index, kind) in self.collectors.iter().enumerate() {
            let Some(place) = old.collectors.iter().position(|k| k == kind) else {
                continue;
            };
            if unchanged(*kind) {
                self.results[index] = old.results[place].clone();
                continue;
            }
            let plan = kind.plan(&self.account, self.skills.as_deref());
            let still_asked = |request: &PlannedRequest| {
                plan.contains(request) || is_of_a_found_skill(&self.account, request)
            };
            self.results[index].inherit(&old.results[place], &plan, still_asked);
        }
        for gone in old
            .collectors
            .iter()
            .filter(|k| !self.collectors.contains(k))
        {
            self.store.remove(&self.source(gone.label()));
        }
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
        collector >= self.collectors.len()
    }

    /// Fixes the plan of the poll that begins.
    pub fn begin_poll(&mut self, collector: usize) -> Vec<RequestKey> {
        if self.is_names(collector) {
            return (0..).map(RequestKey).take(NameKind::ALL.len()).collect();
        }
        let kind = self.collectors[collector];
        let plan = kind.plan(&self.account, self.skills.as_deref());
        self.results[collector].begin(plan)
    }

    /// A request of a running poll.
    pub fn request(&self, collector: usize, index: usize) -> Option<PlannedRequest> {
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
                self.names.learn(kind, names);
                self.serve_names();
                return Vec::new();
            }
            Answer::Data {
                chunks,
                skills,
                came,
            } => (publication(chunks, came), skills, Vec::new()),
            Answer::Skills { skills, came } => {
                let more = sla::plan_found_skills(&self.account, &skills);
                self.skills.get_or_insert_with(|| skills.clone());
                (publication(Vec::new(), came), Some(skills), more)
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
        if self.collectors[collector] == CollectorKind::EngagementActivity {
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
        let source = self.source(self.collectors[collector].label());
        let publications = self.results[collector].publications();
        self.store.publish(source, publications);
    }

    fn serve_names(&self) {
        match self.names.chunks(&self.account.id) {
            Ok(chunks) => {
                let publication = Publication { chunks, came: None };
                let source = self.source(super::names::NAMES);
                self.store.publish(source, vec![Arc::new(publication)]);
            }
            Err(error) => {
                let account = self.account.id.as_str();
                tracing::error!(account, %error, "the names cannot be compressed");
            }
        }
    }

    fn source(&self, part: &'static str) -> Source {
        Source {
            account: self.account.id.as_str().into(),
            part,
        }
    }
}

fn publication(chunks: Vec<Chunk>, came: Instant) -> Publication {
    Publication {
        chunks,
        came: Some(came),
    }
}

/// Whether the answer to a request says which skills there are.
pub fn names_skills(request: &PlannedRequest) -> bool {
    let all_skills = Some(IdFilter::All);
    match &request.ask {
        Ask::Engagement { skills, .. } => *skills == all_skills,
        Ask::DiscoverSkills => true,
        Ask::Sla { .. } => false,
    }
}

/// Whether this is asked whenever its skill is found.
fn is_of_a_found_skill(account: &Account, request: &PlannedRequest) -> bool {
    match request.ask {
        Ask::Sla {
            subject: SlaSubject::Skill(id),
            ..
        } if account.sla.skills == Selection::All => {
            sla::plan_found_skills(account, &[id]).contains(request)
        }
        _ => false,
    }
}
