//! What is served: the page against a record of the answers that came, and when.
//!
//! An answer is identified by the address of its compressed bytes: the store and the page share them
//! and copy nothing, so that a page can be checked without reading it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use liveperson_exporter::config::{Account, Names, Selection as Ids};
use liveperson_exporter::exposition::{Chunk, Encoding, Format, SegmentWriter};
use liveperson_exporter::metrics::catalogue::{activity, waits};
use liveperson_exporter::metrics::{LabelValue, Sink as _};
use liveperson_exporter::scheduler::RequestKey;
use liveperson_exporter::scheduler::plan::{
    Ask, CollectorKind, Level, PlannedRequest, SlaSubject, sla,
};
use liveperson_exporter::store::{Selection, Store};

/// Distinct answers: many more than are ever served at once.
const POOL: usize = 1024;

/// Chunks for answers, made once.
fn pool(kind: CollectorKind) -> &'static [Vec<Chunk>] {
    static POOLS: OnceLock<[Vec<Vec<Chunk>>; 2]> = OnceLock::new();
    let pools = POOLS.get_or_init(|| {
        let families = [
            activity(Level::Account).unwrap().chats,
            waits(Level::Account).unwrap().waited_chats,
        ];
        families.map(|family| {
            let chunk = |number: usize| {
                let mut writer = SegmentWriter::new(&[]).unwrap();
                writer.gauge(family, &[LabelValue::Text("1")], number as f64);
                writer.finish().unwrap()
            };
            (0..POOL).map(chunk).collect()
        })
    });
    &pools[usize::from(kind == CollectorKind::Sla)]
}

/// The address of the bytes of a chunk.
fn address(chunk: &Chunk) -> usize {
    let segments = chunk.segments(Format::Text);
    segments[0].compressed(Encoding::Gzip).unwrap().as_ptr() as usize
}

/// The answers of one account that may be served.
#[derive(Debug, Default)]
pub(crate) struct Served {
    collectors: BTreeMap<CollectorKind, Answers>,
    next: usize,
    /// The skills that answers have named; `None` before the first.
    pub(crate) skills: Option<Vec<i64>>,
    /// Names that LivePerson gave to skills.
    names: BTreeMap<i64, String>,
    /// The part of the page that is this account's.
    selection: OnceLock<Selection>,
}

#[derive(Debug, Default)]
struct Answers {
    /// The newest answer to each request that may be served.
    newest: HashMap<RequestKey, Answer>,
    /// Requests of the running poll, or else of the last one.
    planned: Vec<(RequestKey, PlannedRequest)>,
    /// The same of the poll before.
    planned_before: Vec<RequestKey>,
    /// Polls in a row that succeeded and requested the same as the one before.
    steady: u32,
    /// Those among them that were answered.
    answered: BTreeSet<RequestKey>,
}

#[derive(Clone, Debug)]
struct Answer {
    request: PlannedRequest,
    came: Instant,
    /// The address of its bytes; `None` for one that has no series.
    address: Option<usize>,
    /// Skills that it named.
    skills: Option<Vec<i64>>,
}

impl Served {
    fn of(&mut self, kind: CollectorKind) -> &mut Answers {
        self.collectors.entry(kind).or_default()
    }

    /// A poll begins; its plan must be the one for the skills that there are.
    pub(crate) fn begins(
        &mut self,
        kind: CollectorKind,
        account: &Account,
        plan: Vec<(RequestKey, PlannedRequest)>,
    ) {
        let expected = kind.plan(account, self.skills.as_deref());
        let requests: Vec<_> = plan.iter().map(|(_, request)| request.clone()).collect();
        assert_eq!(requests, expected, "for the skills {:?}", self.skills);
        let answers = self.of(kind);
        let before = std::mem::replace(&mut answers.planned, plan);
        answers.planned_before = before.into_iter().map(|(key, _)| key).collect();
        answers.answered.clear();
    }

    /// The running poll has more requests.
    pub(crate) fn extended(
        &mut self,
        kind: CollectorKind,
        more: impl IntoIterator<Item = (RequestKey, PlannedRequest)>,
    ) {
        self.of(kind).planned.extend(more);
    }

    /// An answer comes: its series, empty for one that only says which skills there are.
    pub(crate) fn answer(
        &mut self,
        kind: CollectorKind,
        key: RequestKey,
        request: &PlannedRequest,
        came: Instant,
        skills: Option<Vec<i64>>,
    ) -> Vec<Chunk> {
        let chunks = if request.ask == Ask::DiscoverSkills {
            self.skills.get_or_insert(skills.clone().unwrap());
            Vec::new()
        } else {
            // Not one of those that are still served.
            let newest = self.of(kind).newest.values();
            let served: BTreeSet<_> = newest.filter_map(|answer| answer.address).collect();
            let free = |next: &usize| !served.contains(&address(&pool(kind)[next % POOL][0]));
            self.next = (self.next + 1..).find(free).unwrap();
            pool(kind)[self.next % POOL].clone()
        };
        let answers = self.of(kind);
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
    pub(crate) fn poll_ended(&mut self, kind: CollectorKind, now: Instant, stale_after: Duration) {
        let answers = self.of(kind);
        let unknown_skills = answers.planned.iter().any(|(key, request)| {
            request.ask == Ask::DiscoverSkills && !answers.answered.contains(key)
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
            let stays = planned.contains(key) || unknown_skills && is_of_a_skill(&answer.request);
            stays && now - answer.came < stale_after
        });
        if kind == CollectorKind::EngagementActivity {
            let named = answers.newest.values().filter_map(|a| a.skills.clone());
            let named: Vec<_> = named.collect();
            if !named.is_empty() {
                let all: BTreeSet<i64> = named.into_iter().flatten().collect();
                self.skills = Some(all.into_iter().collect());
            }
        }
    }

    /// The configuration changed: what is still asked for stays.
    pub(crate) fn reload(
        &mut self,
        account: &Account,
        kinds: &[CollectorKind],
        unchanged: impl Fn(CollectorKind) -> bool,
    ) {
        self.collectors.retain(|kind, _| kinds.contains(kind));
        for (kind, answers) in &mut self.collectors {
            if unchanged(*kind) {
                continue;
            }
            let plan = kind.plan(account, self.skills.as_deref());
            let of_a_skill = |request: &PlannedRequest| match request.ask {
                Ask::Sla {
                    subject: SlaSubject::Skill(id),
                    ..
                } => {
                    account.sla.skills == Ids::All
                        && sla::plan_found_skills(account, &[id]).contains(request)
                }
                _ => false,
            };
            let newest = &mut answers.newest;
            newest.retain(|_, a| plan.contains(&a.request) || of_a_skill(&a.request));
            answers.planned.clear();
            answers.answered.clear();
        }
    }

    /// LivePerson gives names to skills.
    pub(crate) fn named(&mut self, names: &[(i64, String)]) {
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
        let selection = self.selection.get_or_init(|| Selection {
            accounts: vec![account.to_owned()],
            parts: CollectorKind::ALL
                .map(|kind| kind.label().to_owned())
                .to_vec(),
        });
        let page = store.page(now, Format::Text, selection);
        let headers = headers();
        let mut served = Vec::new();
        for segment in page.segments() {
            let address = segment.compressed(Encoding::Gzip).unwrap().as_ptr() as usize;
            if !headers.contains(&address) {
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
        bound: impl Fn(CollectorKind) -> Duration,
    ) {
        for (kind, answers) in &self.collectors {
            if bound(*kind) >= stale_after {
                continue;
            }
            // Another plan, or one in which a request failed, has its requests at other times.
            let planned: Vec<_> = answers.planned.iter().map(|(key, _)| *key).collect();
            if answers.steady < 2 || !answers.planned_before.starts_with(&planned) {
                continue;
            }
            for (key, request) in &answers.planned {
                let age = answers.newest.get(key).map(|answer| now - answer.came);
                let bound = bound(*kind);
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
        let selection = Selection {
            accounts: vec![account.to_owned()],
            parts: vec!["names".to_owned()],
        };
        let segments = store.page(now, Format::Text, &selection).segments();
        let text: Vec<u8> = segments.flat_map(|s| s.plain().unwrap()).collect();
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<_> = text.lines().filter(|l| !l.starts_with('#')).collect();
        assert_eq!(lines, expected, "the names of account {account}");
    }
}

fn is_of_a_skill(request: &PlannedRequest) -> bool {
    let Ask::Sla { subject, .. } = request.ask else {
        return false;
    };
    matches!(subject, SlaSubject::Skill(_))
}

/// The addresses of the headers of the two families.
fn headers() -> &'static [usize; 2] {
    static HEADERS: OnceLock<[usize; 2]> = OnceLock::new();
    HEADERS.get_or_init(|| {
        let families = CollectorKind::ALL.map(|kind| pool(kind)[0][0].family);
        let header = |family| {
            let header = liveperson_exporter::exposition::header(family).unwrap();
            let segment = header.segment(Format::Text);
            segment.compressed(Encoding::Gzip).unwrap().as_ptr() as usize
        };
        families.map(header)
    })
}

/// Nothing of an account that was removed is served.
pub(crate) fn is_gone(store: &Store, account: &str, now: Instant) {
    let selection = Selection {
        accounts: vec![account.to_owned()],
        parts: Vec::new(),
    };
    let page = store.page(now, Format::Text, &selection);
    assert_eq!(page.segments().count(), 0, "account {account} is gone");
}
