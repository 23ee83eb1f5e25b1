//! What is drawn for a seed: how much happens, and what goes wrong when.

use fastrand::Rng;

pub(crate) const HOUR: i64 = 3600;
/// When each simulation begins, in seconds since the epoch: a moment of no meaning.
pub(crate) const START: i64 = 1_700_000_123;

/// How much happens.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) skills: usize,
    /// Chats a second of each skill.
    pub(crate) rate: f64,
    /// The part of them that LivePerson shows late.
    pub(crate) late: f64,
    /// The part of them that LivePerson corrects.
    pub(crate) corrected: f64,
    /// Between two polls, in seconds.
    pub(crate) interval: i64,
    /// After so many polls there is a pause, as after a 429.
    pub(crate) polls_in_a_row: i64,
    /// The part of requests that fail.
    pub(crate) failing: f64,
    /// Whether the requests are for histograms, whose layout can change.
    pub(crate) histograms: bool,
}

impl Kind {
    pub(crate) fn draw(seed: u64, rng: &mut Rng) -> Self {
        let heavy = seed % 5000 == 4999;
        let medium = !heavy && seed % 100 == 99;
        let pick = |rng: &mut Rng, of: &[f64]| of[rng.usize(..of.len())];
        Self {
            skills: if heavy { 12 } else { 1 + rng.usize(..4) },
            rate: match (heavy, medium) {
                (true, _) => 0.1,
                (_, true) => pick(rng, &[0.02, 0.1]),
                _ => pick(rng, &[0.0001, 0.0005, 0.003]),
            },
            late: pick(rng, &[0.0, 0.03, 0.3]),
            corrected: pick(rng, &[0.0, 0.0, 0.0, 0.01]) / if heavy { 100.0 } else { 1.0 },
            interval: if heavy || medium {
                60
            } else {
                [60, 120, 300][rng.usize(..3)]
            },
            polls_in_a_row: if heavy || medium { 1000 } else { rng.i64(4..9) },
            failing: pick(rng, &[0.0, 0.02, 0.3]),
            histograms: rng.bool(),
        }
    }
}

/// What happens at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Event {
    /// The exporter ends and is started again after so many seconds.
    Restart { clean: bool, down: i64 },
    /// Another configuration.
    Reload,
    /// LivePerson answers nothing for so many seconds.
    Outage(i64),
    /// Nothing can be saved for so many seconds.
    FullDisk(i64),
}

/// Events and their times, and when the chats end.
pub(crate) fn draw(rng: &mut Rng) -> (Vec<(i64, Event)>, i64) {
    let mut until = START + 72 * HOUR;
    let mut events = Vec::new();
    for _ in 0..rng.usize(..5) {
        let down = match rng.u32(..4) {
            0 => rng.i64(1..40),
            1 => rng.i64(60..1800),
            2 => rng.i64(1800..4 * HOUR),
            _ => rng.i64(4 * HOUR..20 * HOUR),
        };
        events.push(Event::Restart {
            clean: rng.bool(),
            down,
        });
    }
    for _ in 0..rng.usize(..4) {
        events.push(Event::Reload);
    }
    for _ in 0..rng.usize(..3) {
        let longest = [HOUR, 8 * HOUR, 20 * HOUR][rng.usize(..3)];
        events.push(Event::Outage(rng.i64(60..longest)));
    }
    if rng.u32(..4) == 0 {
        events.push(Event::FullDisk(rng.i64(600..30 * HOUR)));
    }
    if rng.u32(..5) == 0 {
        // Longer than LivePerson keeps.
        let long = rng.i64(24 * HOUR..40 * HOUR);
        until += long;
        let clean = rng.bool();
        events.push(if rng.bool() {
            Event::Outage(long)
        } else {
            Event::Restart { clean, down: long }
        });
    }
    let time = |rng: &mut Rng| rng.i64(START..until - 4 * HOUR);
    let mut events: Vec<_> = events.into_iter().map(|event| (time(rng), event)).collect();
    events.sort_by_key(|(at, _)| *at);
    (events, until)
}
