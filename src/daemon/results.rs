//! The answers of one collector, request by request, each with the time at which it came.
//!
//! An answer replaces the earlier one to the same request as soon as it is there. A request that
//! failed leaves its earlier answer in service until that grows too old; what is no longer planned
//! goes with the end of the poll that does not ask for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::collectors::Request;
use crate::exposition::Chunk;
use crate::scheduler::RequestKey;
use crate::store::Publication;

/// One collector's running poll, or else its last, and what it serves.
#[derive(Clone, Debug, Default)]
pub(super) struct Results {
    /// The requests of the poll, in the plan's order: a request's place is its index.
    planned: Vec<Planned>,
    /// What earlier polls asked for and this one does not; it goes when this one ends.
    leaving: Vec<Planned>,
}

#[derive(Clone, Debug)]
struct Planned {
    request: Request,
    /// Answered in this poll.
    answered: bool,
    served: Option<Answered>,
}

/// What the last answer to a request became.
#[derive(Clone, Debug)]
struct Answered {
    publication: Arc<Publication>,
    /// The skills that it named, when it says which there are.
    skills: Option<Vec<i64>>,
}

impl Planned {
    fn new(request: Request, served: Option<Answered>) -> Self {
        Self {
            request,
            answered: false,
            served,
        }
    }

    /// What of it another request asks for, too: the levels that both feed, with the same ids.
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
}

impl Results {
    /// Takes over what the same collector served under an older configuration, as far as it is
    /// asked for under the new one: by the same request, as `still_asked` says, or level by level by
    /// another one of the new `plan`, whose first answer replaces it.
    pub(super) fn inherit(
        &mut self,
        old: &Self,
        plan: &[Request],
        still_asked: impl Fn(&Request) -> bool,
    ) {
        let (kept, changed): (Vec<_>, Vec<_>) =
            old.all().partition(|planned| still_asked(&planned.request));
        let there = |request: &&Request| kept.iter().any(|old| old.request == **request);
        let new = plan.iter().filter(|request| !there(request));
        let parts = new.filter_map(|new| {
            let of_levels = changed.iter().filter_map(|old| old.levels_for(new));
            let parts: Vec<Publication> = of_levels.collect();
            let publication = Arc::new(Publication {
                received_at: parts.iter().filter_map(|part| part.received_at).min(),
                chunks: parts.into_iter().flat_map(|part| part.chunks).collect(),
            });
            let answered = Answered {
                publication,
                skills: None,
            };
            let empty = answered.publication.chunks.is_empty();
            (!empty).then(|| Planned::new(new.clone(), Some(answered)))
        });
        let parts: Vec<_> = parts.collect();
        self.leaving = kept.into_iter().cloned().chain(parts).collect();
    }

    fn all(&self) -> impl Iterator<Item = &Planned> {
        self.planned.iter().chain(&self.leaving)
    }

    /// Begins a poll.
    pub(super) fn begin(&mut self, plan: Vec<Request>) -> Vec<RequestKey> {
        let before = std::mem::take(&mut self.planned);
        self.leaving.extend(before);
        self.extend(plan)
    }

    /// Adds requests to the running poll.
    pub(super) fn extend(&mut self, more: Vec<Request>) -> Vec<RequestKey> {
        let leaving = std::mem::take(&mut self.leaving).into_iter();
        let mut earlier: HashMap<Request, Option<Answered>> = leaving
            .map(|planned| (planned.request, planned.served))
            .collect();
        let keys = more.iter().map(key).collect();
        for request in more {
            let served = earlier.remove(&request).flatten();
            self.planned.push(Planned::new(request, served));
        }
        let rest = earlier.into_iter();
        self.leaving = rest.map(|(r, served)| Planned::new(r, served)).collect();
        // A map has no order of its own, and the page should have one.
        self.leaving
            .sort_by_cached_key(|planned| key(&planned.request));
        keys
    }

    /// A request of the running poll.
    pub(super) fn request(&self, index: usize) -> Option<&Request> {
        Some(&self.planned.get(index)?.request)
    }

    /// What the last answer to the same request became.
    pub(super) fn earlier(&self, index: usize) -> Vec<Chunk> {
        let planned = self.planned.get(index);
        let served = planned.and_then(|planned| planned.served.as_ref());
        served.map_or_else(Vec::new, |answered| answered.publication.chunks.clone())
    }

    /// Serves the answer to a request from now on.
    pub(super) fn answer(
        &mut self,
        index: usize,
        publication: Publication,
        skills: Option<Vec<i64>>,
    ) {
        if let Some(planned) = self.planned.get_mut(index) {
            planned.answered = true;
            planned.served = Some(Answered {
                publication: Arc::new(publication),
                skills,
            });
        }
    }

    /// What is served, answer by answer, fresh or not.
    pub(super) fn publications(&self) -> Vec<Arc<Publication>> {
        let served = self.all().filter_map(|planned| planned.served.as_ref());
        let served = served.filter(|answered| !answered.publication.chunks.is_empty());
        let publications = served.map(|answered| Arc::clone(&answered.publication));
        publications.collect()
    }

    /// Ends the poll: what it did not ask for is gone, and so is what is too old to be served.
    pub(super) fn end(&mut self, now: Instant, stale_after: Duration) {
        // Without the answer that names the skills, nobody knows which of the earlier ones are gone.
        let unknown_skills = self
            .planned
            .iter()
            .any(|planned| planned.request.discovers_skills() && !planned.answered);
        let fresh = |planned: &Planned| {
            let came = planned
                .served
                .as_ref()
                .and_then(|s| s.publication.received_at);
            came.is_some_and(|came| now.saturating_duration_since(came) < stale_after)
        };
        self.leaving.retain(|planned| {
            unknown_skills && planned.request.skill().is_some() && fresh(planned)
        });
        for planned in &mut self.planned {
            if !fresh(planned) {
                planned.served = None;
            }
        }
    }

    /// The skills that the answers named, each request's last one; `None` when there is none.
    pub(super) fn named_skills(&self) -> Option<Vec<i64>> {
        let served = self.all().filter_map(|planned| planned.served.as_ref());
        let mut lists = served.filter_map(|answered| answered.skills.as_ref());
        let mut skills = lists.next()?.clone();
        skills.extend(lists.flatten());
        skills.sort_unstable();
        skills.dedup();
        Some(skills)
    }
}

/// The same for equal requests in any poll.
fn key(request: &Request) -> RequestKey {
    RequestKey(request.key())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::engagement_activity::{self, EngagementActivity, EngagementQuery};
    use crate::collectors::realtime::IdFilter;
    use crate::collectors::sla::{self, Sla, SlaQuery, Subject};
    use crate::exposition::{Format, SegmentWriter};
    use crate::metrics::{LabelValue, Sink as _};
    use crate::vocabulary::Level;
    use crate::vocabulary::Window;

    const STALE: Duration = Duration::from_secs(300);

    fn histogram(subject: Subject) -> Request {
        let query = SlaQuery {
            window: Window::Minutes(5),
            subject,
            lower_limits: vec![0],
        };
        Request::new(&Sla, query)
    }

    fn engagement(minutes: u16, agents: Option<IdFilter>, levels: &[Level]) -> Request {
        let query = EngagementQuery {
            window: Window::Minutes(minutes),
            skills: Some(IdFilter::All),
            agents,
            levels: levels.to_vec(),
        };
        Request::new(&EngagementActivity, query)
    }

    fn discover() -> Request {
        engagement(5, None, &[]).only_for_skills()
    }

    fn publication(name: &'static str, came: Instant) -> Publication {
        let family = &sla::of_level(Level::Account).unwrap().waited_chats;
        let mut writer = SegmentWriter::new(&[]);
        writer.gauge(family, &[LabelValue::Text(name)], 1.0);
        Publication {
            chunks: writer.finish().unwrap(),
            received_at: Some(came),
        }
    }

    fn answer(results: &mut Results, index: usize, name: &'static str, came: Instant) {
        results.answer(index, publication(name, came), None);
    }

    fn found(results: &mut Results, skills: &[i64], came: Instant) {
        let nothing = Publication {
            chunks: Vec::new(),
            received_at: Some(came),
        };
        results.answer(0, nothing, Some(skills.to_vec()));
    }

    /// The names that [`publication`] was given.
    fn served(results: &Results) -> Vec<String> {
        let publications = results.publications();
        let chunks = publications.iter().flat_map(|p| &p.chunks);
        let segments = chunks.flat_map(|chunk| chunk.segments(Format::Text));
        let name = |line: String| line.split('"').nth(1).unwrap().to_owned();
        segments
            .map(|segment| name(String::from_utf8(segment.plain().unwrap().to_vec()).unwrap()))
            .collect()
    }

    #[test]
    fn an_answer_is_served_at_once_and_ages_from_when_it_came() {
        let t0 = Instant::now();
        let mut results = Results::default();
        let plan = vec![histogram(Subject::Account), histogram(Subject::Group(7))];
        assert_eq!(results.begin(plan.clone()).len(), 2);
        answer(&mut results, 0, "a1", t0);
        assert_eq!(served(&results), ["a1"], "before the poll ends");
        answer(&mut results, 1, "g1", t0);
        results.end(t0, STALE);
        results.begin(plan);
        assert_eq!(served(&results), ["a1", "g1"]);
        let later = t0 + STALE / 2;
        answer(&mut results, 0, "a2", later);
        results.end(later, STALE);
        assert_eq!(served(&results), ["a2", "g1"]);
        let publications = results.publications();
        assert_eq!(publications[0].received_at, Some(later));
        assert_eq!(
            publications[1].received_at,
            Some(t0),
            "no younger than it is"
        );
        results.end(t0 + STALE, STALE);
        assert_eq!(served(&results), ["a2"]);
    }

    #[test]
    fn what_is_no_longer_planned_goes_when_the_next_poll_ends() {
        let t0 = Instant::now();
        let mut results = Results::default();
        results.begin(vec![
            histogram(Subject::Skill(4)),
            histogram(Subject::Skill(5)),
        ]);
        answer(&mut results, 0, "s4", t0);
        answer(&mut results, 1, "s5", t0);
        results.end(t0, STALE);
        results.begin(vec![histogram(Subject::Skill(5))]);
        assert_eq!(served(&results), ["s5", "s4"]);
        results.end(t0, STALE);
        assert_eq!(served(&results), ["s5"]);
    }

    #[test]
    fn what_is_still_asked_for_outlives_a_change_and_a_failure_after_it() {
        let t0 = Instant::now();
        let mut old = Results::default();
        old.begin(vec![
            histogram(Subject::Account),
            histogram(Subject::Group(7)),
        ]);
        answer(&mut old, 0, "a1", t0);
        answer(&mut old, 1, "g1", t0);
        old.end(t0, STALE);
        let new_plan = vec![histogram(Subject::Account), histogram(Subject::Group(8))];
        let mut new = Results::default();
        new.inherit(&old, &new_plan, |request| new_plan.contains(request));
        assert_eq!(served(&new), ["a1"]);
        assert_eq!(
            new.publications()[0].received_at,
            Some(t0),
            "no younger than it is"
        );
        new.begin(new_plan);
        answer(&mut new, 1, "g8", t0);
        new.end(t0, STALE);
        assert_eq!(served(&new), ["a1", "g8"]);
    }

    #[test]
    fn skills_stay_when_nobody_could_say_which_there_are() {
        let t0 = Instant::now();
        let mut results = Results::default();
        results.begin(vec![discover()]);
        found(&mut results, &[4], t0);
        assert_eq!(results.extend(vec![histogram(Subject::Skill(4))]).len(), 1);
        answer(&mut results, 1, "s4", t0);
        results.end(t0, STALE);
        results.begin(vec![discover()]);
        results.end(t0, STALE);
        assert_eq!(served(&results), ["s4"]);
        results.begin(vec![discover()]);
        found(&mut results, &[], t0);
        results.end(t0, STALE);
        assert_eq!(served(&results), [""; 0]);
    }

    #[test]
    fn skills_are_those_of_each_requests_last_answer_while_it_is_fresh() {
        let t0 = Instant::now();
        let naming = |minutes| engagement(minutes, None, &[]).only_for_skills();
        let plan = || vec![naming(5), naming(60), histogram(Subject::Account)];
        let name = |results: &mut Results, index, skills: &[i64], came| {
            let publication = publication("x", came);
            results.answer(index, publication, Some(skills.to_vec()));
        };
        let mut results = Results::default();
        assert_eq!(results.named_skills(), None);
        results.begin(plan());
        name(&mut results, 0, &[4], t0);
        name(&mut results, 1, &[5, 4], t0);
        results.end(t0, STALE);
        assert_eq!(results.named_skills(), Some(vec![4, 5]));
        // A request that has nothing to do with skills fails; skill 5 is gone from both windows.
        let later = t0 + STALE / 2;
        results.begin(plan());
        name(&mut results, 0, &[4], later);
        name(&mut results, 1, &[4], later);
        results.end(later, STALE);
        assert_eq!(results.named_skills(), Some(vec![4]));
        // One that names skills fails until its last answer is too old.
        results.begin(plan());
        name(&mut results, 0, &[7], later + STALE);
        assert_eq!(results.named_skills(), Some(vec![4, 7]));
        results.end(later + STALE, STALE);
        assert_eq!(results.named_skills(), Some(vec![7]));
    }

    #[test]
    fn levels_that_another_request_asks_for_now_stay_until_its_first_answer() {
        let t0 = Instant::now();
        let all = Some(IdFilter::All);
        let before = [Level::Skill, Level::Agent];
        let mut old = Results::default();
        old.begin(vec![engagement(5, all.clone(), &before)]);
        let mut writer = SegmentWriter::new(&[]);
        for (level, name) in [(Level::Skill, "skills"), (Level::Agent, "agents")] {
            let family = &engagement_activity::of_level(level)
                .unwrap()
                .connected_engagements;
            writer.gauge(family, &[LabelValue::Text(name)], 1.0);
        }
        let publication = Publication {
            chunks: writer.finish().unwrap(),
            received_at: Some(t0),
        };
        old.answer(0, publication, Some(vec![4]));
        let after = |plan: Request| {
            let plan = vec![plan];
            let mut new = Results::default();
            new.inherit(&old, &plan, |request| plan.contains(request));
            new.begin(plan);
            let at_first = served(&new);
            let came: Vec<_> = new.publications().iter().map(|p| p.received_at).collect();
            assert!(came.iter().all(|came| *came == Some(t0)), "no younger");
            answer(&mut new, 0, "new", t0);
            assert_eq!(served(&new), ["new"], "nothing twice");
            at_first
        };
        let more = [Level::Skill, Level::SkillAgent, Level::Agent];
        assert_eq!(
            after(engagement(5, all.clone(), &more)),
            ["skills", "agents"]
        );
        assert_eq!(after(engagement(5, None, &[Level::Skill])), ["skills"]);
        let some = Some(IdFilter::Ids(vec![3]));
        assert_eq!(after(engagement(5, some, &before)), ["skills"]);
        assert_eq!(after(engagement(60, all, &before)), [""; 0]);
    }

    #[test]
    fn equal_requests_have_equal_keys_in_every_poll() {
        let mut results = Results::default();
        let plan = vec![histogram(Subject::Skill(4)), histogram(Subject::Skill(5))];
        let first = results.begin(plan.clone());
        assert_ne!(first[0], first[1]);
        assert_eq!(results.begin(plan), first);
    }
}
