//! The answers of one collector, request by request, each with the time at which it was received.
//!
//! An answer replaces the previous one to the same request as soon as it is there. A request that
//! fails leaves its previous answer in service until that is too old; what is no longer planned is
//! removed at the end of the poll that does not ask for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::collectors::{DiscoveredSkills, Purpose, Request};
use crate::exposition::Chunk;
use crate::scheduler::RequestKey;
use crate::store::Publication;

/// The requests of one collector and what their answers became.
#[derive(Clone, Debug, Default)]
pub(super) struct Results {
    requests: HashMap<RequestKey, RequestState>,
    /// The order on the page: the plan's, then what is no longer planned.
    order: Vec<RequestKey>,
}

#[derive(Clone, Debug)]
struct RequestState {
    request: Request,
    progress: Progress,
    served: Option<Served>,
}

/// How far a request is in the poll that runs, or else in the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// In its plan, not answered.
    Planned,
    /// In its plan, and answered.
    Answered,
    /// Not in its plan: it is removed when the poll ends.
    Unplanned,
}

/// What the last answer to a request became.
#[derive(Clone, Debug)]
struct Served {
    publication: Arc<Publication>,
    /// The skills that it named, when it says which there are.
    skills: Option<DiscoveredSkills>,
}

impl RequestState {
    /// What another request asks for, too: the levels that both feed, with the same ids.
    fn levels_for(&self, new: &Request) -> Option<Publication> {
        let served = &self.served.as_ref()?.publication;
        let chunks = served.chunks.iter().filter(|chunk| {
            let level = chunk.family.origin.level();
            level.is_some_and(|level| self.request.same_level(new, level))
        });
        Some(Publication {
            chunks: chunks.cloned().collect(),
            received_at: served.received_at,
        })
    }

    fn is_fresh(&self, now: Instant, stale_after: Duration) -> bool {
        let served = self.served.as_ref();
        let received_at = served.and_then(|served| served.publication.received_at);
        received_at.is_some_and(|at| now.saturating_duration_since(at) < stale_after)
    }
}

impl Results {
    /// Takes over what the same collector served under an older configuration, as far as it is
    /// asked for under the new one: by the same request, as `still_asked` says, or level by level by
    /// another one of the new `plan`, whose first answer replaces it.
    pub(super) fn restore_from(
        &mut self,
        old: &Self,
        plan: &[Request],
        still_asked: impl Fn(&Request) -> bool,
    ) {
        let (kept, changed): (Vec<_>, Vec<_>) = old
            .in_order()
            .partition(|state| still_asked(&state.request));
        for state in &kept {
            self.insert_leaving(state.request.clone(), state.served.clone());
        }
        for new in plan {
            if self.requests.contains_key(&key(new)) {
                continue;
            }
            let levels = changed.iter().filter_map(|old| old.levels_for(new));
            if let Some(publication) = combine(levels.collect()) {
                let served = Served {
                    publication: Arc::new(publication),
                    skills: None,
                };
                self.insert_leaving(new.clone(), Some(served));
            }
        }
    }

    fn insert_leaving(&mut self, request: Request, served: Option<Served>) {
        let key = key(&request);
        let state = RequestState {
            request,
            progress: Progress::Unplanned,
            served,
        };
        if self.requests.insert(key, state).is_none() {
            self.order.push(key);
        }
    }

    fn in_order(&self) -> impl Iterator<Item = &RequestState> {
        self.order.iter().filter_map(|key| self.requests.get(key))
    }

    /// Begins a poll with this plan.
    pub(super) fn begin(&mut self, plan: Vec<Request>) -> Vec<RequestKey> {
        for state in self.requests.values_mut() {
            state.progress = Progress::Unplanned;
        }
        self.extend(plan)
    }

    /// Adds requests to the running poll.
    pub(super) fn extend(&mut self, more: Vec<Request>) -> Vec<RequestKey> {
        let keys: Vec<RequestKey> = more.iter().map(key).collect();
        for (key, request) in keys.iter().zip(more) {
            let state = self.requests.entry(*key).or_insert(RequestState {
                request,
                progress: Progress::Planned,
                served: None,
            });
            state.progress = Progress::Planned;
        }
        self.reorder(&keys);
        keys
    }

    /// Puts requests that are planned from now on behind those that were before.
    fn reorder(&mut self, added: &[RequestKey]) {
        let is_leaving = |key: &RequestKey| {
            let state = self.requests.get(key);
            state.is_none_or(|state| state.progress == Progress::Unplanned)
        };
        let planned = self.order.iter().filter(|key| !is_leaving(key));
        let mut order: Vec<RequestKey> = planned
            .filter(|key| !added.contains(key))
            .chain(added)
            .copied()
            .collect();
        let mut leaving: Vec<RequestKey> = self.requests.keys().copied().collect();
        leaving.retain(is_leaving);
        // A hash map has no order, and the page needs one.
        leaving.sort_unstable();
        order.extend(leaving);
        self.order = order;
    }

    /// A request of the running poll.
    pub(super) fn request(&self, key: RequestKey) -> Option<&Request> {
        self.requests.get(&key).map(|state| &state.request)
    }

    /// What the last answer to a request became.
    pub(super) fn previous(&self, key: RequestKey) -> Vec<Chunk> {
        let served = self
            .requests
            .get(&key)
            .and_then(|state| state.served.as_ref());
        served.map_or_else(Vec::new, |served| served.publication.chunks.clone())
    }

    /// Serves the answer to a request from now on.
    pub(super) fn answer(
        &mut self,
        key: RequestKey,
        publication: Publication,
        skills: Option<DiscoveredSkills>,
    ) {
        if let Some(state) = self.requests.get_mut(&key) {
            state.progress = Progress::Answered;
            state.served = Some(Served {
                publication: Arc::new(publication),
                skills,
            });
        }
    }

    /// What is served, answer by answer, fresh or not.
    pub(super) fn publications(&self) -> Vec<Arc<Publication>> {
        let served = self.in_order().filter_map(|state| state.served.as_ref());
        let served = served.filter(|served| !served.publication.chunks.is_empty());
        let publications = served.map(|served| Arc::clone(&served.publication));
        publications.collect()
    }

    /// When the first of the answers of this poll was received that name skills; `None` when one of them
    /// is missing.
    pub(super) fn skills_named_at(&self) -> Option<Instant> {
        let mut oldest = None;
        let naming = self
            .in_order()
            .filter(|state| state.progress != Progress::Unplanned && state.request.names_skills());
        for state in naming {
            let served = state
                .served
                .as_ref()
                .filter(|_| state.progress == Progress::Answered)?;
            let received_at = served.publication.received_at;
            oldest = oldest.into_iter().chain(received_at).min();
        }
        oldest
    }

    /// Ends the poll: what it did not ask for is removed, and so is what is too old to be served.
    pub(super) fn end(&mut self, now: Instant, stale_after: Duration) {
        // Without the answer that names the skills it is not known which of the earlier ones are gone.
        let skills_unknown = self.requests.values().any(|state| {
            let is_discovery = state.request.purpose() == Purpose::SkillDiscovery;
            state.progress == Progress::Planned && is_discovery
        });
        self.requests.retain(|_, state| {
            let fresh = state.is_fresh(now, stale_after);
            if !fresh {
                state.served = None;
            }
            let may_be_planned_again = skills_unknown && state.request.skill().is_some();
            state.progress != Progress::Unplanned || (may_be_planned_again && fresh)
        });
        self.order.retain(|key| self.requests.contains_key(key));
    }

    /// The skills that the answers named, each request's last one.
    pub(super) fn discovered_skills(&self) -> Vec<DiscoveredSkills> {
        let served = self.in_order().filter_map(|state| state.served.as_ref());
        served.filter_map(|served| served.skills.clone()).collect()
    }
}

/// All of some publications in one, as old as the oldest; `None` when there is nothing in them.
fn combine(parts: Vec<Publication>) -> Option<Publication> {
    let received_at = parts.iter().filter_map(|part| part.received_at).min();
    let chunks: Vec<Chunk> = parts.into_iter().flat_map(|part| part.chunks).collect();
    let is_empty = chunks.is_empty();
    (!is_empty).then_some(Publication {
        chunks,
        received_at,
    })
}

/// The same for equal requests in any poll.
fn key(request: &Request) -> RequestKey {
    RequestKey(request.key())
}

#[cfg(test)]
mod tests;
