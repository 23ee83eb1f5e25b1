//! A model of LivePerson's nodes, and what the rule and its shortcuts find in it.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "simulated times are small"
)]

use fastrand::Rng;

use super::*;
use crate::totals::counts::SeriesKey;

/// What lies between the anchor and the target, in every model.
const TRUTH: f64 = 100.0;
const ANCHOR: i64 = 1_700_000_100;
const NOW: i64 = ANCHOR + 5000;

/// Which node answers a request.
#[derive(Clone, Copy, Debug)]
enum Balancing {
    /// The same for all requests of an attempt, which keep a connection.
    Sticky,
    InTurn,
}

/// LivePerson: chats that arrive, and nodes that show them later.
struct Model {
    rng: Rng,
    /// When each chat after the target becomes known, ascending.
    chats: Vec<f64>,
    /// When a node last refreshed, and until when it knows everything.
    nodes: Vec<(f64, f64)>,
    lags: Vec<f64>,
    balancing: Balancing,
    node: usize,
    /// A chat before the target is missing in these times.
    missing: Vec<(f64, f64)>,
}

impl Model {
    fn new(seed: u64, span: f64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let rate = [0.01, 0.03, 0.05, 0.2, 1.0, 5.0][rng.usize(..6)];
        let mut at = 0.0;
        let chats = std::iter::from_fn(|| {
            at -= (1.0 - rng.f64()).ln() / rate;
            (at < span).then_some(at)
        });
        let chats = chats.collect();
        let count = 1 + rng.usize(..3);
        let worst = [0.0, 5.0, 30.0][rng.usize(..3)];
        let nodes = (0..count).map(|_| (10.0 * rng.f64() - 10.0, 0.0)).collect();
        let lags = (0..count).map(|_| worst * rng.f64()).collect();
        let balancing = match rng.bool() {
            true => Balancing::Sticky,
            false => Balancing::InTurn,
        };
        // Each hour LivePerson leaves a chat out for a moment.
        let hours = (0..6).map(|hour| 3600.0 * (f64::from(hour) + 0.9 * rng.f64()));
        let missing = hours.map(|from| (from, from + 50.0)).collect();
        Self {
            rng,
            chats,
            nodes,
            lags,
            balancing,
            node: 0,
            missing,
        }
    }

    /// What the next node answers at `now`.
    fn answer(&mut self, is_anchor: bool, now: f64) -> Counts {
        if matches!(self.balancing, Balancing::InTurn) {
            self.node += 1;
        }
        let node = self.node % self.nodes.len();
        let (refreshed, knows) = &mut self.nodes[node];
        let ticks = ((now - *refreshed) / 10.0).floor();
        if ticks > 0.0 {
            *refreshed += 10.0 * ticks;
            // The lag differs by a little from refresh to refresh.
            let lag = self.lags[node] * (0.9 + 0.1 * self.rng.f64());
            *knows = knows.max(*refreshed - lag);
        }
        let knows = *knows;
        let arrived = self.chats.partition_point(|chat| *chat <= knows) as f64;
        let is_missing = self.missing.iter().any(|(a, b)| (*a..*b).contains(&now));
        let since_anchor = TRUTH - f64::from(u8::from(is_missing));
        let mut counts = Counts::new(1);
        let value = if is_anchor {
            since_anchor + arrived
        } else {
            arrived
        };
        counts.push(SeriesKey::ACCOUNT, [Some(value)]);
        counts
    }

    /// A kept connection ends between two attempts, other requests are made.
    fn others_ask(&mut self, requests: usize) {
        match self.balancing {
            Balancing::Sticky => self.node = self.rng.usize(..3),
            Balancing::InTurn => self.node += requests,
        }
    }
}

/// How a move is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    /// As the product does it.
    Product,
    /// These answers once (`true` for the anchor), all for the same mark equal, so many times in a row.
    Shortcut(&'static [bool], usize),
}

const SHORTCUTS: [(&str, Rule); 4] = [
    ("A', A", Rule::Shortcut(&[false, true], 2)),
    ("A', A, A'", Rule::Shortcut(&[false, true, false], 2)),
    (
        "A', A, A, A'",
        Rule::Shortcut(&[false, true, true, false], 2),
    ),
    (
        "one attempt",
        Rule::Shortcut(&[false, true, true, true, false], 1),
    ),
];

/// What is found, and after how many attempts; `None` when nothing in the time there was.
fn measure(rule: Rule, model: &mut Model, span: f64) -> Option<(f64, usize)> {
    let interval = [30.0, 60.0, 300.0][model.rng.usize(..3)];
    // So many that in the worst case the same node begins each time.
    let others = model.rng.usize(..6);
    let mut advance = Advance::default();
    let mut found = Vec::new();
    let polls = ((span - 60.0) / interval) as usize;
    for poll in 1..polls {
        model.others_ask(others);
        let poll_at = NOW + (interval * poll as f64) as i64;
        let mut now = interval * (poll as f64 + 0.8 * model.rng.f64());
        let mut ask = |is_anchor| {
            now += 0.25 + 0.5 * model.rng.f64();
            (model.answer(is_anchor, now), NOW + now as i64)
        };
        let difference = match rule {
            Rule::Product => attempt(&mut advance, poll_at, &mut ask),
            Rule::Shortcut(pattern, times) => {
                found.push(shortcut(pattern, &mut ask));
                let last = found.iter().rev().take(times);
                let is_proof = found.len() >= times && last.clone().all(|d| *d == found[poll - 1]);
                found[poll - 1].filter(|_| is_proof)
            }
        };
        if let Some(difference) = difference {
            return Some((difference, poll));
        }
    }
    None
}

fn attempt(
    advance: &mut Advance,
    poll_at: i64,
    ask: &mut impl FnMut(bool) -> (Counts, i64),
) -> Option<f64> {
    let anchor = Mark::at_or_before(ANCHOR);
    advance.begin(anchor, None, poll_at)?;
    let mut step = Step::Target;
    loop {
        let is_anchor = !matches!(step, Step::Target | Step::TargetAgain);
        let (answer, now) = ask(is_anchor);
        match advance.answered(step, &answer, anchor, now) {
            Some(next) => step = next,
            None => {
                let proven = advance.finish(anchor, false, now)?;
                assert!(!proven.forced);
                return Some(proven.difference.row(0)[0]);
            }
        }
    }
}

fn shortcut(pattern: &[bool], ask: &mut impl FnMut(bool) -> (Counts, i64)) -> Option<f64> {
    let mut seen: [Option<Counts>; 2] = [None, None];
    let mut passed = true;
    for is_anchor in pattern {
        let (answer, _) = ask(*is_anchor);
        match &mut seen[usize::from(*is_anchor)] {
            Some(known) => passed &= known.is_same(&answer),
            unknown => *unknown = Some(answer),
        }
    }
    let [target, anchor] = seen.map(Option::unwrap);
    let difference = anchor.minus(&target).filter(|_| passed)?;
    Some(difference.row(0)[0])
}

/// Wrong moves, moves and attempts of a rule in so many models.
fn totals(rule: Rule, models: u64) -> (u64, u64, usize) {
    let span = 5.0 * 3600.0;
    let (mut wrong, mut moves, mut attempts) = (0, 0, 0);
    for seed in 0..models {
        let mut model = Model::new(seed, span);
        if let Some((difference, tries)) = measure(rule, &mut model, span) {
            wrong += u64::from(difference != TRUTH);
            moves += 1;
            attempts += tries;
        }
    }
    (wrong, moves, attempts)
}

#[test]
fn no_anchor_moves_wrongly_in_a_model_of_nodes() {
    let models = 1500;
    let (wrong, moves, attempts) = totals(Rule::Product, models);
    eprintln!("{wrong} of {moves} moves wrong, {attempts} attempts in {models} models");
    assert_eq!(wrong, 0, "of {moves} moves");
}

#[test]
fn shortcuts_would_move_anchors_wrongly() {
    for (name, rule) in SHORTCUTS {
        let (wrong, moves, attempts) = totals(rule, 1000);
        eprintln!("{name}: {wrong} of {moves} moves wrong, {attempts} attempts");
        assert!(wrong > 0, "{name}: nothing wrong in {moves} moves");
    }
}
