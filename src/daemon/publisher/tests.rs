//! Running totals of an account, from the plan to the page.

use std::time::Duration;

use super::*;
use crate::cases::check_each;
use crate::clock::real_time;
use crate::collectors::Registry;
use crate::config::{Config, Environment, load_text};
use crate::exposition::Format;
use crate::metrics::Catalogue;
use crate::scheduler::Start;
use crate::store::PageFilter;
use crate::totals::{Counts, Mark, SeriesKey};
use crate::vocabulary::Level;

/// A 5-minute mark by LivePerson's clock.
const NOW: i64 = 1_700_000_100;
const STALE: Duration = Duration::from_secs(300);

/// Only wait times; each has two numbers: under 15 s, and more.
const WAITS: &str = "
engagement_activity: {enabled: false}
sla: {windows: [5m], buckets: [15]}
";
/// Skills that a request finds: no other collector names them.
const FOUND_SKILLS: &str = "
engagement_activity: {enabled: false}
sla: {windows: [5m], buckets: [15], account: false, skills: all}
";
/// Skills that Engagement Activity names, over a whole hour.
const NAMED_SKILLS: &str = "
engagement_activity: {windows: [1h], agents: none, totals: false}
sla: {windows: [5m], buckets: [15], account: false, skills: all}
";

fn config(settings: &str) -> Config {
    let text = format!(
        "accounts: [{{id: \"1\", auth: {{oauth2: {{client_id: c, client_secret: s}}}}}}]\n\
         names: {{lookup: false}}\n{settings}"
    );
    let none: [(&str, &str); 0] = [];
    let sections = Registry::standard().sections();
    let loaded = load_text("test", &text, &Environment::from_pairs(none), &sections);
    loaded.unwrap().config
}

struct Harness {
    publisher: Publisher,
    store: Arc<Store>,
    begin: Instant,
}

impl Harness {
    fn new(settings: &str) -> Self {
        let catalogue = Catalogue::new(Registry::standard().families());
        let store = Arc::new(Store::new(&catalogue, 1000, STALE));
        Self {
            publisher: publisher(settings, &store),
            store,
            begin: real_time(),
        }
    }

    /// So many seconds after [`NOW`].
    fn at(&self, seconds: u64) -> Moment {
        Moment {
            aged: self.begin + Duration::from_secs(seconds),
            liveperson: NOW + i64::try_from(seconds).unwrap(),
            is_known: true,
        }
    }

    fn task(&self, label: &str) -> TaskId {
        self.publisher.tasks.find(label).unwrap()
    }

    /// Begins a poll of the wait times; returns its requests for totals.
    fn poll(&mut self, seconds: u64) -> Vec<PlannedRequest> {
        let (task, now) = (self.task("sla"), self.at(seconds));
        let mut requests = self.publisher.begin_poll(task, now).requests;
        requests.retain(|planned| self.asked(planned.key, seconds).is_some());
        requests
    }

    fn asked(&mut self, key: RequestKey, seconds: u64) -> Option<TotalsRequest> {
        let (task, now) = (self.task("sla"), self.at(seconds));
        self.publisher.totals_request(task, key, now)
    }

    /// Whose wait times a request asks for.
    fn subject(&mut self, key: RequestKey, seconds: u64) -> SeriesKey {
        let asked = self.asked(key, seconds).unwrap();
        match asked.request.skill() {
            Some(skill) => SeriesKey::one(Level::Skill, skill.into()),
            None => SeriesKey::ACCOUNT,
        }
    }

    /// Answers a request for totals; returns what is asked next.
    fn answer(&mut self, key: RequestKey, numbers: [f64; 2], seconds: u64) -> Vec<PlannedRequest> {
        let mark = self.asked(key, seconds).unwrap().mark;
        self.answer_from(mark, key, numbers, seconds)
    }

    fn answer_from(
        &mut self,
        mark: Mark,
        key: RequestKey,
        numbers: [f64; 2],
        seconds: u64,
    ) -> Vec<PlannedRequest> {
        let mut counts = Counts::new(2);
        counts.push(self.subject(key, seconds), numbers.map(Some));
        let (task, received) = (self.task("sla"), self.at(seconds));
        let answer = Answer::Totals(Box::new(TotalsAnswer {
            mark,
            counts: Some(counts),
            received,
        }));
        self.publisher.publish(task, key, answer, received)
    }

    /// A poll in which the window since the anchor holds `numbers`, and one that begins later `later`.
    fn full_poll(&mut self, numbers: [f64; 2], later: [f64; 2], seconds: u64) {
        for planned in self.poll(seconds) {
            let mut next = vec![planned];
            while let Some(planned) = next.pop() {
                let mark = self.asked(planned.key, seconds).unwrap().mark;
                let is_later = self.is_young(mark, seconds);
                let numbers = if is_later { later } else { numbers };
                next.extend(self.answer(planned.key, numbers, seconds));
            }
        }
    }

    fn is_young(&self, mark: Mark, seconds: u64) -> bool {
        mark.age(self.at(seconds).liveperson) < 3600
    }

    /// An answer of another kind of request, which names skills.
    fn name_skills(
        &mut self,
        label: &str,
        key: RequestKey,
        skills: &[i64],
        seconds: u64,
    ) -> Vec<PlannedRequest> {
        let (task, now) = (self.task(label), self.at(seconds));
        let request = self.publisher.request(task, key).unwrap();
        let ids = skills.iter().map(|id| (*id).into()).collect();
        let answer = Answer::Data {
            chunks: Vec::new(),
            skills: Some(DiscoveredSkills::new(request, ids)),
            received_at: now.aged,
        };
        self.publisher.publish(task, key, answer, now)
    }

    /// A poll of Engagement Activity that names these skills.
    fn poll_names(&mut self, skills: &[i64], seconds: u64) {
        let (task, now) = (self.task("engagement_activity"), self.at(seconds));
        for planned in self.publisher.begin_poll(task, now).requests {
            let request = self.publisher.request(task, planned.key).unwrap();
            if request.names_skills() {
                self.name_skills("engagement_activity", planned.key, skills, seconds);
            }
        }
        self.publisher.poll_ended(task, now);
    }

    /// The running totals on the page: their labels and values, without the account.
    fn served(&self, seconds: u64) -> Vec<String> {
        let now = self.at(seconds).aged;
        let page = self.store.page(now, Format::Text, &PageFilter::default());
        let text: Vec<u8> = page.segments().flat_map(|s| s.plain().unwrap()).collect();
        let text = String::from_utf8(text).unwrap();
        let lines = text.lines().filter_map(|line| {
            let (name, labels) = line.split_once("_wait_seconds_bucket{account=\"1\",")?;
            let level = name.strip_prefix("liveperson_")?;
            (!level.starts_with("window_")).then(|| format!("{level} {labels}"))
        });
        lines.collect()
    }
}

fn publisher(settings: &str, store: &Arc<Store>) -> Publisher {
    let config = config(settings);
    let collectors = Registry::standard().configured(&config.accounts[0]);
    Publisher::new(collectors, &config.names, store)
}

fn of_account(under_15: u32, all: u32) -> Vec<String> {
    vec![
        format!("account le=\"15.0\"}} {under_15}"),
        format!("account le=\"+Inf\"}} {all}"),
    ]
}

fn of_skill(skill: i64, under_15: u32, all: u32) -> Vec<String> {
    vec![
        format!("skill skill=\"{skill}\",le=\"15.0\"}} {under_15}"),
        format!("skill skill=\"{skill}\",le=\"+Inf\"}} {all}"),
    ]
}

#[test]
fn totals_are_served_as_soon_as_they_are_answered() {
    let mut harness = Harness::new(WAITS);
    let requests = harness.poll(0);
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(requests[0].start, Start::Spread, "not when an anchor moves");
    assert_eq!(harness.served(0), Vec::<String>::new());
    let next = harness.answer(requests[0].key, [3.0, 2.0], 5);
    assert_eq!(next, []);
    assert_eq!(harness.served(5), of_account(3, 5));
    assert_eq!(harness.served(304), of_account(3, 5));
    assert_eq!(harness.served(306), Vec::<String>::new(), "too old");
}

#[test]
fn the_requests_of_an_attempt_follow_each_other_at_once() {
    let mut harness = Harness::new(WAITS);
    harness.full_poll([3.0, 2.0], [0.0, 0.0], 0);
    let mut requests = harness.poll(60);
    assert!(matches!(requests[..], [PlannedRequest { start: Start::At(part), .. }] if part < 0.8));
    let mut young = Vec::new();
    while let Some(planned) = requests.pop() {
        let mark = harness.asked(planned.key, 60).unwrap().mark;
        young.push(harness.is_young(mark, 60));
        let numbers = if young[young.len() - 1] {
            [1.0, 1.0]
        } else {
            [3.0, 2.0]
        };
        requests = harness.answer(planned.key, numbers, 60);
        assert!(requests.iter().all(|next| next.start == Start::Now));
    }
    assert_eq!(young, [true, false, false, false, true]);
    assert_eq!(harness.served(60), of_account(3, 5));
}

#[test]
fn an_anchor_moves_once_it_is_saved_and_not_before() {
    let mut harness = Harness::new(WAITS);
    assert_eq!(harness.publisher.totals_need_saving(), SaveNeed::No);
    let mut needs = Vec::new();
    for seconds in [0, 60, 120] {
        harness.full_poll([3.0, 2.0], [1.0, 1.0], seconds);
        needs.push(harness.publisher.totals_need_saving());
        if seconds == 0 {
            // They began with this poll.
            let snapshot = harness.publisher.totals_snapshot(NOW);
            harness.publisher.totals_saved(&snapshot.moves);
        }
    }
    let expected = [SaveNeed::Soon, SaveNeed::Eventually, SaveNeed::Now];
    assert_eq!(needs, expected);
    let requests = harness.poll(180);
    let key = requests[0].key;
    let old = harness.asked(key, 180).unwrap().mark;
    let snapshot = harness.publisher.totals_snapshot(NOW);
    assert_eq!(harness.asked(key, 180).unwrap().mark, old, "not yet");
    harness.publisher.totals_saved(&snapshot.moves);
    let new = harness.asked(key, 180).unwrap().mark;
    assert!(new > old);
    assert_eq!(harness.publisher.totals_need_saving(), SaveNeed::No);
    // An answer to what was asked for the old anchor comes late.
    assert_eq!(harness.answer_from(old, key, [9.0, 9.0], 181), []);
    assert_eq!(harness.served(181), of_account(3, 5));
    // The base is what was counted between both: two, and one.
    harness.answer(key, [2.0, 1.0], 182);
    assert_eq!(harness.served(182), of_account(4, 6));
}

#[test]
fn skills_found_in_a_poll_get_requests_for_totals_in_it() {
    let mut harness = Harness::new(FOUND_SKILLS);
    let (task, now) = (harness.task("sla"), harness.at(0));
    let plan = harness.publisher.begin_poll(task, now).requests;
    assert_eq!(plan.len(), 1, "the question which skills there are");
    let added = harness.name_skills("sla", plan[0].key, &[4, 5], 1);
    assert_eq!(added.len(), 4, "a window and totals for each");
    let keys = added.iter().map(|planned| planned.key);
    let totals: Vec<RequestKey> = keys
        .filter(|key| harness.asked(*key, 1).is_some())
        .collect();
    assert_eq!(totals.len(), 2);
    for key in totals {
        harness.answer(key, [1.0, 0.0], 2);
    }
    let expected = [of_skill(4, 1, 1), of_skill(5, 1, 1)].concat();
    assert_eq!(harness.served(2), expected);
}

#[test]
fn quiet_skills_stay_served_while_others_do_not_name_them() {
    check_each(
        [(true, of_skill(4, 0, 0)), (false, Vec::new())],
        |(is_proven, expected)| {
            let mut harness = Harness::new(NAMED_SKILLS);
            harness.poll_names(&[4], 0);
            let requests = harness.poll(1);
            assert_eq!(requests.len(), 1);
            harness.answer(requests[0].key, [0.0, 0.0], 1);
            if is_proven {
                harness.poll_names(&[], 200);
            }
            assert_eq!(harness.served(400), expected, "{is_proven}");
        },
    );
}

#[test]
fn skills_with_chats_are_asked_for_though_not_named() {
    let mut harness = Harness::new(NAMED_SKILLS);
    harness.poll_names(&[4], 0);
    let requests = harness.poll(1);
    harness.answer(requests[0].key, [1.0, 0.0], 1);
    harness.poll_names(&[], 200);
    assert_eq!(harness.served(400), Vec::<String>::new(), "too old");
    let requests = harness.poll(401);
    assert_eq!(requests.len(), 1);
}

#[test]
fn a_reload_carries_totals_to_the_requests_that_feed_them_now() {
    let mut old = Harness::new(FOUND_SKILLS);
    let (task, now) = (old.task("sla"), old.at(0));
    let plan = old.publisher.begin_poll(task, now).requests;
    for planned in old.name_skills("sla", plan[0].key, &[4, 5], 1) {
        if old.asked(planned.key, 1).is_some() {
            old.answer(planned.key, [2.0, 1.0], 2);
        }
    }
    check_each(
        [
            (
                "buckets: [15], account: false, skills: [4]",
                of_skill(4, 2, 3),
            ),
            (
                "buckets: [15], account: false, skills: all",
                [of_skill(4, 2, 3), of_skill(5, 2, 3)].concat(),
            ),
            ("buckets: [15], skills: none", Vec::new()),
            ("buckets: [30], account: false, skills: all", Vec::new()),
        ],
        |(settings, expected)| {
            let settings = format!(
                "engagement_activity: {{enabled: false}}\nsla: {{windows: [10m], {settings}}}"
            );
            let mut new = publisher(&settings, &old.store);
            new.restore_from(&old.publisher, old.at(3));
            new.publish_all();
            assert_eq!(old.served(3), expected, "{settings}");
        },
    );
}

#[test]
fn saved_totals_are_served_but_not_at_once_after_a_crash() {
    let mut saved = Harness::new(WAITS);
    saved.full_poll([3.0, 2.0], [0.0, 0.0], 0);
    let state = saved.publisher.totals_snapshot(NOW).state;
    check_each(
        [(None, of_account(3, 5)), (Some(100), Vec::new())],
        |(withheld, expected)| {
            let mut harness = Harness::new(WAITS);
            harness.begin = saved.begin;
            let until = withheld.map(|seconds| harness.at(seconds).aged);
            let state = state.clone();
            harness
                .publisher
                .restore_totals(state, until, harness.at(50));
            harness.publisher.publish_all();
            assert_eq!(harness.served(50), expected, "{withheld:?}");
            let requests = harness.poll(50);
            harness.answer(requests[0].key, [3.0, 3.0], 99);
            let before: Vec<String> = withheld.map_or(of_account(3, 6), |_| Vec::new());
            assert_eq!(harness.served(99), before, "{withheld:?}");
            harness.answer(requests[0].key, [3.0, 3.0], 100);
            assert_eq!(harness.served(100), of_account(3, 6), "{withheld:?}");
        },
    );
}

#[test]
fn totals_wait_until_the_clock_of_liveperson_is_known() {
    let mut harness = Harness::new(WAITS);
    let (task, known) = (harness.task("sla"), harness.at(1));
    let wrong = Moment {
        liveperson: NOW - 86_400,
        is_known: false,
        ..harness.at(0)
    };
    let plan = harness.publisher.begin_poll(task, wrong).requests;
    assert_eq!(plan.len(), 1, "the window");
    let answer = Answer::Data {
        chunks: Vec::new(),
        skills: None,
        received_at: known.aged,
    };
    let added = harness.publisher.publish(task, plan[0].key, answer, known);
    assert_eq!(added.len(), 1);
    let mark = harness.asked(added[0].key, 1).unwrap().mark;
    assert!(
        (23 * 3600..24 * 3600).contains(&mark.age(NOW + 1)),
        "{mark:?}"
    );
    harness.answer(added[0].key, [3.0, 2.0], 2);
    assert_eq!(harness.served(2), of_account(3, 5));
}

#[test]
fn anchors_are_chosen_again_when_the_clock_was_wrong() {
    let mut harness = Harness::new(WAITS);
    let (task, year) = (harness.task("sla"), 365 * 86_400);
    let wrong = Moment {
        liveperson: NOW + year,
        ..harness.at(0)
    };
    let requests = harness.publisher.begin_poll(task, wrong).requests;
    let asked = requests
        .iter()
        .find_map(|planned| harness.asked(planned.key, 1).map(|asked| asked.mark));
    let age = asked.unwrap().age(NOW + 1);
    assert!((23 * 3600..24 * 3600).contains(&age), "{age}");
}
