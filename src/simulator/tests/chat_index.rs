//! The index answers as the APIs do when they look at every chat, and its answers become the truth.

use crate::cases::check_each;
use serde_json::Value;

use crate::simulator::apis::{engagement_activity, sla};
use crate::simulator::params::Params;
use crate::simulator::world::{HOUR, MINUTE, View, Window};
use crate::simulator::{Changes, ChatIndex, Deployment, Numbers, Totals, Traffic};

/// A 5-minute mark.
const START: i64 = 1_750_000_200_000;
const UNSETTLED: i64 = 14 * MINUTE;

fn deployment(seed: u64, nodes: usize) -> Deployment {
    let changes = Changes {
        seed,
        late_share: 0.1,
        corrected_share: 0.05,
        settled_after_ms: UNSETTLED,
    };
    Deployment::draw(seed, nodes, 30_000, changes)
}

fn index(seed: u64, hours: i64, chats_per_second: f64, deployment: Deployment) -> ChatIndex {
    let traffic = Traffic {
        seed,
        from_ms: START,
        to_ms: START + hours * HOUR,
        chats_per_second,
        skills: 3,
        agents: 4,
        groups: 2,
        ids_come_and_go: true,
    };
    ChatIndex::new(traffic.chats(), deployment)
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The same from every chat.
fn activity(index: &ChatIndex, query: &str, now: i64, turn: usize) -> Value {
    let query = engagement_activity::Query::parse(&Params::parse(Some(query))).unwrap();
    let view = view(index, now, query.timeframe, turn);
    let style = engagement_activity::Style::default();
    query.body(view.window, view.activity(index.chats().iter()), style)
}

fn histogram(index: &ChatIndex, query: &str, now: i64, turn: usize) -> Value {
    let query = sla::Query::parse(&Params::parse(Some(query))).unwrap();
    let view = view(index, now, query.timeframe, turn);
    query.body(view.waits(index.chats().iter()), Numbers::Integer)
}

fn view(index: &ChatIndex, now: i64, timeframe: i64, turn: usize) -> View<'_> {
    View {
        window: Window::ending(now, timeframe, index.deployment().node(turn)),
        changes: &index.deployment().changes,
    }
}

#[test]
fn sums_of_buckets_answer_as_a_look_at_every_chat() {
    let queries = [
        "",
        "&skillIds=all",
        "&agentIds=all",
        "&skillIds=101,-1&agentIds=1001,1002",
    ];
    let histograms = ["", "&skillIds=102", "&groupIds=11&histogram=0,5,10,120"];
    let mut wrong = Vec::new();
    check_each([(1, 0.01), (2, 0.05), (3, 0.3)], |(seed, rate)| {
        let index = index(seed, 8, rate, deployment(seed, 3));
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..40 {
            let now = START - HOUR + rng.i64(0..12 * HOUR);
            let (minutes, turn) = (rng.i64(1..=1440), rng.usize(0..5));
            for rest in queries {
                let step = 5 * rng.i64(1..=12);
                for (minutes, interval) in [
                    (minutes, String::new()),
                    (step * 12, format!("&interval={step}")),
                ] {
                    let query = format!("v=1&timeframe={minutes}{rest}{interval}");
                    let body = index.engagement_activity(&query, now, turn).unwrap();
                    if value(&body) != activity(&index, &query, now, turn) {
                        wrong.push(format!("{seed}: {query} at {now} from {turn}"));
                    }
                }
            }
            for rest in histograms {
                let query = format!("v=1&timeframe={minutes}{rest}");
                let body = index.sla(&query, now, turn).unwrap();
                if value(&body) != histogram(&index, &query, now, turn) {
                    wrong.push(format!("{seed}: sla {query} at {now} from {turn}"));
                }
            }
        }
    });
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn an_empty_ledger_answers_with_zeros() {
    let index = ChatIndex::new(Vec::new(), Deployment::default());
    let body = index.engagement_activity("v=1&timeframe=60&interval=5", START, 0);
    assert_eq!(
        value(&body.unwrap())["metricsTotals"]["connectedEngagements"],
        0
    );
    let body = value(&index.sla("v=1&timeframe=1440", START, 0).unwrap());
    assert_eq!(body["slaDataRange"]["0"]["chats"], 0);
    assert_eq!(index.truth(0, START).account(), Totals::default());
    assert!(index.sla("v=2&timeframe=60", START, 0).is_err());
}

/// The window asked for begins at `anchor`.
fn since(anchor: i64, now: i64) -> String {
    let minutes = (now - anchor - 150_000).div_euclid(MINUTE);
    format!("v=1&timeframe={minutes}")
}

fn totals(index: &ChatIndex, query: &str, now: i64, turn: usize) -> [i64; 5] {
    let body = value(&index.engagement_activity(query, now, turn).unwrap());
    let totals = &body["metricsTotals"];
    [
        "totalInteractiveChats",
        "totalNonInteractiveChats",
        "totalHandlingTime",
        "nonInteractiveTotalHandlingTime",
        "connectedEngagements",
    ]
    .map(|name| totals[name].as_i64().unwrap())
}

fn numbers(totals: &Totals) -> [i64; 5] {
    let counts = totals.counts;
    [
        counts.interactive,
        counts.noninteractive,
        counts.handling_seconds,
        counts.noninteractive_handling_seconds,
        counts.connected,
    ]
}

#[test]
fn an_anchored_window_becomes_the_truth_when_settled() {
    let index = index(7, 6, 0.3, deployment(7, 3));
    let anchor = START + HOUR;
    // Nothing happens after the chats have ended; lag and refresh come on top.
    let now = START + 8 * HOUR + UNSETTLED + 45_000;
    let truth = numbers(&index.truth(anchor, now).account());
    for turn in 0..3 {
        assert_eq!(
            totals(&index, &since(anchor, now), now, turn),
            truth,
            "{turn}"
        );
    }
    let from_chats = crate::simulator::Truth::of(index.chats(), anchor, now);
    assert_eq!(from_chats, index.truth(anchor, now));
}

#[test]
fn numbers_of_an_anchored_window_appear_late_and_fall() {
    let index = index(7, 6, 0.05, deployment(7, 1));
    let anchor = START + HOUR;
    let mut last = [0; 5];
    let (mut fell, mut behind, mut ahead) = (0, 0, 0);
    for step in 0..1_000 {
        let now = anchor + HOUR + step * 10_000;
        let seen = totals(&index, &since(anchor, now), now, 0);
        let known = index.deployment().node(0).as_of(now);
        let truth = numbers(&index.truth(anchor, known).account());
        fell += i64::from(seen[4] < last[4]);
        behind += i64::from(seen[4] < truth[4]);
        ahead += i64::from(seen[4] > truth[4]);
        last = seen;
    }
    assert!(
        fell > 10 && behind > 10 && ahead > 10,
        "{fell}, {behind}, {ahead}"
    );
}

#[test]
fn nodes_that_lag_differ_only_in_what_is_new() {
    let index = index(
        3,
        6,
        1.0,
        Deployment::draw(3, 3, 30_000, Changes::default()),
    );
    let mut differ = 0;
    for step in 0..60 {
        let now = START + 3 * HOUR + step * 7_000;
        let query = since(START + HOUR, now);
        let seen = [0, 1, 2].map(|turn| totals(&index, &query, now, turn));
        for (turn, seen) in seen.iter().enumerate() {
            let known = index.deployment().node(turn).as_of(now);
            assert!(now - 40_000 <= known && known <= now);
            let truth = index.truth(START + HOUR, known).account();
            assert_eq!(*seen, numbers(&truth), "{turn} at {now}");
        }
        differ += i64::from(seen[0] != seen[1] || seen[1] != seen[2]);
    }
    assert!(differ > 30, "{differ}");
}

#[test]
fn a_busy_week_is_drawn_and_answered() {
    let index = index(1, 7 * 24, 1.0, Deployment::default());
    assert!(index.chats().len() > 580_000, "{}", index.chats().len());
    let end = START + 7 * 24 * HOUR;
    let mut asked = 0;
    for step in 0..2_000 {
        let query = "v=1&timeframe=1380&skillIds=all&agentIds=all";
        let body = index
            .engagement_activity(query, end - step * 60_000, 0)
            .unwrap();
        asked += i64::from(body.contains("metricsPerSkill"));
    }
    assert_eq!(asked, 2_000);
}
