//! The answers of one collector, request by request, until its poll ends and all are published at
//! once.
//!
//! A request that failed leaves its earlier answer in service until that grows too old; an id
//! that is no longer planned or named goes with the next poll.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::exposition::Chunk;
use crate::poll::plan::{Ask, PlannedRequest, SlaSubject};
use crate::store::Publication;

/// One collector's running poll and what it served last.
#[derive(Debug, Default)]
pub(super) struct Results {
    plan: Vec<PlannedRequest>,
    answers: Vec<Option<Vec<Chunk>>>,
    served: HashMap<PlannedRequest, Publication>,
}

impl Results {
    /// Takes over what the same collector served under an older configuration, as far as
    /// `still_asked` says that it is asked for; returns what is to be served until the first poll
    /// ends.
    pub(super) fn inherit(
        &mut self,
        old: &Self,
        still_asked: impl Fn(&PlannedRequest) -> bool,
    ) -> Vec<Publication> {
        let kept = old
            .served
            .iter()
            .filter(|(request, _)| still_asked(request));
        self.served = kept.map(|(r, p)| (r.clone(), p.clone())).collect();
        self.served.values().cloned().collect()
    }

    /// Begins a poll; returns how many requests it has.
    pub(super) fn begin(&mut self, plan: Vec<PlannedRequest>) -> usize {
        self.answers = plan.iter().map(|_| None).collect();
        self.plan = plan;
        self.plan.len()
    }

    /// A request of the running poll.
    pub(super) fn request(&self, index: usize) -> Option<&PlannedRequest> {
        self.plan.get(index)
    }

    /// Adds requests to the running poll; returns how many.
    pub(super) fn extend(&mut self, more: Vec<PlannedRequest>) -> usize {
        let count = more.len();
        self.plan.extend(more);
        self.answers.resize_with(self.plan.len(), || None);
        count
    }

    /// What the last answer to the same request became.
    pub(super) fn earlier(&self, request: &PlannedRequest) -> Vec<Chunk> {
        let publication = self.served.get(request);
        publication.map(|p| p.chunks.clone()).unwrap_or_default()
    }

    /// Keeps the answer of a request.
    pub(super) fn keep(&mut self, index: usize, chunks: Vec<Chunk>) {
        if let Some(answer) = self.answers.get_mut(index) {
            *answer = Some(chunks);
        }
    }

    /// Ends the poll at `now`; returns what is to be served from now on, answer by answer.
    pub(super) fn end(&mut self, now: Instant, stale_after: Duration) -> Vec<Publication> {
        let mut earlier = std::mem::take(&mut self.served);
        // Without the answer that names the skills, nobody knows which of the earlier ones are gone.
        let unknown_skills = std::iter::zip(&self.plan, &self.answers)
            .any(|(request, answer)| request.ask == Ask::DiscoverSkills && answer.is_none());
        let mut order = Vec::new();
        for (request, answer) in std::iter::zip(self.plan.drain(..), self.answers.drain(..)) {
            let publication = match answer {
                Some(chunks) => {
                    earlier.remove(&request);
                    Some(Publication {
                        chunks,
                        fresh_until: Some(now + stale_after),
                    })
                }
                None => earlier.remove(&request),
            };
            if let Some(publication) = publication {
                self.served.insert(request.clone(), publication);
                order.push(request);
            }
        }
        if unknown_skills {
            let of_a_skill = |request: &PlannedRequest| {
                matches!(
                    request.ask,
                    Ask::Sla {
                        subject: SlaSubject::Skill(_),
                        ..
                    }
                )
            };
            for (request, publication) in earlier.into_iter().filter(|(r, _)| of_a_skill(r)) {
                order.push(request.clone());
                self.served.insert(request, publication);
            }
        }
        self.served
            .retain(|_, publication| publication.fresh_until.is_none_or(|at| at > now));
        order
            .iter()
            .filter_map(|request| self.served.get(request).cloned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Window;
    use crate::exposition::{Format, SegmentWriter};
    use crate::metrics::catalogue::waits;
    use crate::metrics::{LabelValue, Sink as _};
    use crate::poll::plan::Level;

    fn sla(subject: SlaSubject) -> PlannedRequest {
        let ask = Ask::Sla {
            subject,
            lower_limits: vec![0],
        };
        PlannedRequest {
            window: Window::Minutes(5),
            ask,
        }
    }

    fn chunks(name: &'static str) -> Vec<Chunk> {
        let family = waits(Level::Account).unwrap().waited_chats;
        let mut writer = SegmentWriter::new(&[]).unwrap();
        writer.gauge(family, &[LabelValue::Text(name)], 1.0);
        writer.finish().unwrap()
    }

    /// The names that [`chunks`] was given.
    fn texts(publications: &[Publication]) -> Vec<String> {
        let chunks = publications.iter().flat_map(|p| &p.chunks);
        let segments = chunks.flat_map(|chunk| chunk.segments(Format::Text));
        let name = |line: String| line.split('"').nth(1).unwrap().to_owned();
        segments
            .map(|segment| name(String::from_utf8(segment.plain().unwrap().to_vec()).unwrap()))
            .collect()
    }

    const STALE: Duration = Duration::from_secs(300);

    #[test]
    fn a_failed_request_leaves_its_earlier_answer_until_it_is_too_old() {
        let t0 = Instant::now();
        let plan = vec![sla(SlaSubject::Account), sla(SlaSubject::Group(7))];
        let mut results = Results::default();
        assert_eq!(results.begin(plan.clone()), 2);
        results.keep(0, chunks("a1"));
        results.keep(1, chunks("g1"));
        assert_eq!(texts(&results.end(t0, STALE)), ["a1", "g1"]);
        results.begin(plan.clone());
        results.keep(0, chunks("a2"));
        let later = t0 + Duration::from_secs(60);
        let published = results.end(later, STALE);
        assert_eq!(texts(&published), ["a2", "g1"]);
        assert_eq!(published[0].fresh_until, Some(later + STALE));
        assert_eq!(published[1].fresh_until, Some(t0 + STALE));
        results.begin(plan);
        results.keep(0, chunks("a3"));
        assert_eq!(texts(&results.end(t0 + STALE, STALE)), ["a3"]);
    }

    #[test]
    fn what_is_no_longer_planned_goes_with_the_next_poll() {
        let t0 = Instant::now();
        let mut results = Results::default();
        results.begin(vec![sla(SlaSubject::Skill(4)), sla(SlaSubject::Skill(5))]);
        results.keep(0, chunks("s4"));
        results.keep(1, chunks("s5"));
        results.end(t0, STALE);
        results.begin(vec![sla(SlaSubject::Skill(5))]);
        assert_eq!(texts(&results.end(t0, STALE)), ["s5"]);
    }

    #[test]
    fn what_is_still_asked_for_outlives_a_change_and_a_failure_after_it() {
        let t0 = Instant::now();
        let plan = vec![sla(SlaSubject::Account), sla(SlaSubject::Group(7))];
        let mut old = Results::default();
        old.begin(plan);
        old.keep(0, chunks("a1"));
        old.keep(1, chunks("g1"));
        old.end(t0, STALE);
        let new_plan = vec![sla(SlaSubject::Account), sla(SlaSubject::Group(8))];
        let mut new = Results::default();
        let kept = new.inherit(&old, |request| new_plan.contains(request));
        assert_eq!(texts(&kept), ["a1"]);
        assert_eq!(
            kept[0].fresh_until,
            Some(t0 + STALE),
            "no younger than it is"
        );
        new.begin(new_plan);
        new.keep(1, chunks("g8"));
        assert_eq!(texts(&new.end(t0, STALE)), ["a1", "g8"]);
    }

    #[test]
    fn skills_stay_when_nobody_could_say_which_there_are() {
        let t0 = Instant::now();
        let discover = PlannedRequest {
            window: Window::Minutes(5),
            ask: Ask::DiscoverSkills,
        };
        let mut results = Results::default();
        results.begin(vec![discover.clone()]);
        results.keep(0, vec![]);
        assert_eq!(results.extend(vec![sla(SlaSubject::Skill(4))]), 1);
        results.keep(1, chunks("s4"));
        assert_eq!(texts(&results.end(t0, STALE)), ["s4"]);
        results.begin(vec![discover.clone()]);
        assert_eq!(texts(&results.end(t0, STALE)), ["s4"]);
        results.begin(vec![discover]);
        results.keep(0, vec![]);
        assert_eq!(texts(&results.end(t0, STALE)), [""; 0]);
    }
}
