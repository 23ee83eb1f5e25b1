//! What is served: the page against a record of the answers that came, and when.
//!
//! An answer is identified by the address of its compressed bytes: the store and the page share them
//! and copy nothing, so that a page can be checked without reading it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use liveperson_exporter::collectors::{
    AccountCollectors, ConfiguredCollector, DiscoveredSkills, Purpose, Registry, Request,
    engagement_activity, sla,
};
use liveperson_exporter::config::Names;
use liveperson_exporter::exposition::{Chunk, Format, SegmentWriter};
use liveperson_exporter::metrics::{Catalogue, Family, LabelValue, Sink as _};
use liveperson_exporter::scheduler::RequestKey;
use liveperson_exporter::store::{PageFilter, Store};
use liveperson_exporter::vocabulary::{Level, SkillId};

/// Distinct answers: many more than are ever served at once.
const POOL: usize = 1024;

/// The collectors that are simulated, in the order in which they are served.
const LABELS: [&str; 2] = ["engagement_activity", "sla"];

/// The families of the product.
pub(crate) fn catalogue() -> Catalogue {
    liveperson_exporter::daemon::catalogue(&Registry::standard())
}

/// A family of a collector.
fn family(label: &str) -> &'static Family {
    match label {
        "engagement_activity" => &engagement_activity::of_level(Level::Account).unwrap().chats,
        "sla" => &sla::of_level(Level::Account).unwrap().waited_chats,
        other => panic!("{other} is not simulated"),
    }
}

/// Chunks for answers of a collector, made once.
fn pool(label: &str) -> &'static [Vec<Chunk>] {
    static POOLS: OnceLock<BTreeMap<&str, Vec<Vec<Chunk>>>> = OnceLock::new();
    let pools = POOLS.get_or_init(|| {
        let pools = LABELS.map(|label| {
            let family = family(label);
            let chunk = |number: usize| {
                let mut writer = SegmentWriter::new(&[]);
                writer.gauge(family, &[LabelValue::Text("1")], number as f64);
                writer.finish().unwrap()
            };
            (label, (0..POOL).map(chunk).collect())
        });
        pools.into()
    });
    &pools[label]
}

/// The address of the bytes of a chunk.
fn address(chunk: &Chunk) -> usize {
    let segments = chunk.segments(Format::Text);
    segments[0].compressed().as_ptr() as usize
}

/// The answers of one account that may be served.
#[derive(Debug, Default)]
pub(crate) struct Served {
    collectors: BTreeMap<&'static str, Answers>,
    next: usize,
    /// The skills that there are, by the answers that named them.
    skills: Vec<DiscoveredSkills>,
    /// Names that LivePerson gave to skills.
    names: BTreeMap<SkillId, String>,
    /// The part of the page that is this account's.
    selection: OnceLock<PageFilter>,
}

#[derive(Debug, Default)]
struct Answers {
    /// The newest answer to each request that may be served.
    newest: HashMap<RequestKey, Answer>,
    /// Requests of the running poll, or else of the last one.
    planned: Vec<(RequestKey, Request)>,
    /// The same of the poll before.
    planned_before: Vec<RequestKey>,
    /// Polls in a row that succeeded and requested the same as the one before.
    steady: u32,
    /// Those among them that were answered.
    answered: BTreeSet<RequestKey>,
}

#[derive(Clone, Debug)]
struct Answer {
    request: Request,
    came: Instant,
    /// The address of its bytes; `None` for one that has no series.
    address: Option<usize>,
    /// Skills that it named.
    skills: Option<DiscoveredSkills>,
}

impl Served {
    fn of(&mut self, label: &'static str) -> &mut Answers {
        self.collectors.entry(label).or_default()
    }

    /// A poll begins; its plan must be the one for the skills that there are.
    pub(crate) fn begins(
        &mut self,
        collectors: &AccountCollectors,
        collector: &ConfiguredCollector,
        plan: Vec<(RequestKey, Request)>,
    ) {
        let expected = collectors.plan(collector, &self.skills);
        let requests: Vec<_> = plan.iter().map(|(_, request)| request.clone()).collect();
        assert_eq!(requests, expected, "for the skills {:?}", self.skills);
        let answers = self.of(collector.label());
        let before = std::mem::replace(&mut answers.planned, plan);
        answers.planned_before = before.into_iter().map(|(key, _)| key).collect();
        answers.answered.clear();
    }

    /// The running poll has more requests.
    pub(crate) fn extended(
        &mut self,
        label: &'static str,
        more: impl IntoIterator<Item = (RequestKey, Request)>,
    ) {
        self.of(label).planned.extend(more);
    }

    /// An answer comes: its series, empty for one that only says which skills there are.
    pub(crate) fn answer(
        &mut self,
        label: &'static str,
        key: RequestKey,
        request: &Request,
        came: Instant,
        skills: Option<DiscoveredSkills>,
    ) -> Vec<Chunk> {
        let chunks = if request.purpose() == Purpose::SkillDiscovery {
            if self.skills.is_empty() {
                self.skills.extend(skills.clone());
            }
            Vec::new()
        } else {
            // Not one of those that are still served.
            let newest = self.of(label).newest.values();
            let served: BTreeSet<_> = newest.filter_map(|answer| answer.address).collect();
            let free = |next: &usize| !served.contains(&address(&pool(label)[next % POOL][0]));
            self.next = (self.next + 1..).find(free).unwrap();
            pool(label)[self.next % POOL].clone()
        };
        let answers = self.of(label);
        answers.answered.insert(key);
        let answer = Answer {
            request: request.clone(),
            came,
            address: chunks.first().map(address),
            skills,
        };
        answers.newest.insert(key, answer);
        chunks
    }

    /// A poll ends: only what it requested is left, and skills that no answer says anything about.
    pub(crate) fn poll_ended(&mut self, label: &'static str, now: Instant, stale_after: Duration) {
        let answers = self.of(label);
        let unknown_skills = answers.planned.iter().any(|(key, request)| {
            request.purpose() == Purpose::SkillDiscovery && !answers.answered.contains(key)
        });
        let keys = answers.planned.iter().map(|(key, _)| key);
        let same = keys.clone().eq(&answers.planned_before);
        let complete = keys.clone().all(|key| answers.answered.contains(key));
        answers.steady = if same && complete {
            answers.steady + 1
        } else {
            0
        };
        let planned: BTreeSet<_> = keys.copied().collect();
        answers.newest.retain(|key, answer| {
            let stays = planned.contains(key) || unknown_skills && answer.request.skill().is_some();
            stays && now - answer.came < stale_after
        });
        if label == "engagement_activity" {
            let named = answers.newest.values().filter_map(|a| a.skills.clone());
            let named: Vec<_> = named.collect();
            if !named.is_empty() {
                self.skills = named;
            }
        }
    }

    /// The configuration changed: what is still asked for stays.
    pub(crate) fn reload(
        &mut self,
        collectors: &AccountCollectors,
        unchanged: impl Fn(&str) -> bool,
    ) {
        self.collectors
            .retain(|label, _| collectors.find(label).is_some());
        for (label, answers) in &mut self.collectors {
            if unchanged(label) {
                continue;
            }
            let collector = collectors.find(label).unwrap();
            let plan = collectors.plan(collector, &self.skills);
            let of_a_skill = |request: &Request| match (collector.needs_skills(), request.skill()) {
                (Some(_), Some(id)) => collector.plan_for_skills(&[id]).contains(request),
                _ => false,
            };
            let newest = &mut answers.newest;
            newest.retain(|_, a| plan.contains(&a.request) || of_a_skill(&a.request));
            answers.planned.clear();
            answers.answered.clear();
        }
    }

    /// LivePerson gives names to skills.
    pub(crate) fn named(&mut self, names: &[(SkillId, String)]) {
        self.names = names.iter().cloned().collect();
    }

    pub(crate) fn forget_names(&mut self) {
        self.names.clear();
    }

    /// The page at `now` has the newest answer to each request that was answered not too long ago,
    /// and nothing else. Returns when the next of them grows too old.
    pub(crate) fn check_page(
        &self,
        store: &Store,
        account: &str,
        now: Instant,
        stale_after: Duration,
    ) -> Option<Instant> {
        let selection = self.selection.get_or_init(|| PageFilter {
            accounts: vec![account.to_owned()],
            collectors: LABELS.map(str::to_owned).to_vec(),
        });
        let page = store.page(now, Format::Text, selection);
        let answers = answers();
        let mut served = Vec::new();
        for segment in page.segments() {
            let address = segment.compressed().as_ptr() as usize;
            if answers.contains(&address) {
                served.push(address);
            }
        }
        served.sort_unstable();
        let twice = served.windows(2).any(|pair| pair[0] == pair[1]);
        assert!(!twice, "an answer is served twice");
        let mut known = 0;
        let mut changes = None;
        for answers in self.collectors.values() {
            for answer in answers.newest.values() {
                let Some(address) = answer.address else {
                    continue;
                };
                let age = now - answer.came;
                let there = served.binary_search(&address).is_ok();
                assert_eq!(
                    there,
                    age < stale_after,
                    "{age:?} old, not to be served from {stale_after:?} on: {:?}",
                    answer.request
                );
                if there {
                    known += 1;
                    let until = answer.came + stale_after;
                    changes = Some(changes.map_or(until, |at: Instant| at.min(until)));
                }
            }
        }
        assert_eq!(
            known,
            served.len(),
            "answers that are gone or were replaced are served"
        );
        changes
    }

    /// Without faults no answer is older than its interval and its call.
    pub(crate) fn check_freshness(
        &self,
        now: Instant,
        stale_after: Duration,
        bound: impl Fn(&str) -> Duration,
    ) {
        for (label, answers) in &self.collectors {
            if bound(label) >= stale_after {
                continue;
            }
            // Another plan, or one in which a request failed, has its requests at other times.
            let planned: Vec<_> = answers.planned.iter().map(|(key, _)| *key).collect();
            if answers.steady < 2 || !answers.planned_before.starts_with(&planned) {
                continue;
            }
            for (key, request) in &answers.planned {
                let age = answers.newest.get(key).map(|answer| now - answer.came);
                let bound = bound(label);
                assert!(
                    age.is_some_and(|age| age <= bound),
                    "{age:?} old without faults, not at most {bound:?}: {request:?}"
                );
            }
        }
    }

    /// The names on the page: the configuration's over LivePerson's.
    pub(crate) fn check_names(&self, store: &Store, account: &str, now: Instant, names: &Names) {
        let mut expected = self.names.clone();
        expected.extend(names.skills.clone());
        let expected: Vec<_> = expected
            .iter()
            .map(|(id, name)| {
                format!(
                    r#"liveperson_skill_info{{account="{account}",skill="{id}",name="{name}"}} 1"#
                )
            })
            .collect();
        let selection = PageFilter {
            accounts: vec![account.to_owned()],
            collectors: vec!["names".to_owned()],
        };
        let segments = store.page(now, Format::Text, &selection).segments();
        let text: Vec<u8> = segments.flat_map(|s| s.plain().unwrap()).collect();
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<_> = text.lines().filter(|l| !l.starts_with('#')).collect();
        assert_eq!(lines, expected, "the names of account {account}");
    }
}

/// The addresses of the bytes of all answers: what else a page has are headers.
fn answers() -> &'static BTreeSet<usize> {
    static ANSWERS: OnceLock<BTreeSet<usize>> = OnceLock::new();
    ANSWERS.get_or_init(|| {
        let pools = LABELS.iter().flat_map(|label| pool(label));
        pools.map(|chunks| address(&chunks[0])).collect()
    })
}

/// Nothing of an account that was removed is served.
pub(crate) fn is_gone(store: &Store, account: &str, now: Instant) {
    let selection = PageFilter {
        accounts: vec![account.to_owned()],
        collectors: Vec::new(),
    };
    let page = store.page(now, Format::Text, &selection);
    assert_eq!(page.segments().count(), 0, "account {account} is gone");
}
