//! The chats themselves: who arrives when, for which skill, and how patient they are. What becomes
//! of them is decided in [`super::queueing`], by the agents on duty.

use fastrand::Rng;

use super::rng::{Purpose, exponential, lognormal, poisson, rng, to_ms, whole};
use super::staffing::{Staff, UNASSIGNED};
use super::window::{DAY, HOUR, MINUTE};

/// One chat, whole: everything that LivePerson reports is counted from these.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chat {
    /// When the visitor began to wait.
    pub(crate) queued_at: i64,
    /// When the agent connected and replied; none when the visitor gave up before.
    pub(crate) answered_at: Option<i64>,
    /// When it ended, also by the visitor giving up.
    pub(crate) closed_at: i64,
    /// The skill; [`UNASSIGNED`] when it has none.
    pub(crate) skill: i64,
    /// The agent; none exactly when it was never answered.
    pub(crate) agent: Option<i64>,
    /// The agent's group.
    pub(crate) group: Option<i64>,
    /// Whether both sides wrote something.
    pub(crate) interactive: bool,
    /// Seconds from the answer to the end; 0 without an answer.
    pub(crate) handling_seconds: u32,
}

/// A visitor at the door.
pub(crate) struct Arrival {
    /// When the chat is queued.
    pub(crate) at: i64,
    /// The skill asked for.
    pub(crate) skill: i64,
    /// The line it queues in.
    pub(crate) line: usize,
    /// How long the visitor waits for an agent before giving up, milliseconds.
    pub(crate) patience: i64,
    /// How long the agent takes to reply once the chat is theirs, milliseconds.
    pub(crate) reply: i64,
    /// Whether the visitor writes anything.
    pub(crate) interactive: bool,
    /// How long the chat takes, seconds.
    pub(crate) handling_seconds: u32,
    /// How long the agent is busy with notes afterwards, milliseconds.
    pub(crate) wrap_up: i64,
}

/// The longest a chat can last from being queued to being closed, with room to spare.
pub(crate) const LONGEST_CHAT: i64 = 3 * HOUR;
const LONGEST_PATIENCE: f64 = 900.0;
const LONGEST_HANDLING: f64 = 7200.0;

/// Blocks begin at this time of day: the quietest hour, since each starts with idle agents.
const BLOCK_OFFSET: i64 = 4 * HOUR;
const SLOT: i64 = 5 * MINUTE;
/// Share of chats that come without a skill.
const UNASSIGNED_SHARE: f64 = 0.03;

/// The load of each hour of the UTC day, as a share of the peak.
const DAY_CURVE: [f64; 24] = [
    0.21, 0.19, 0.18, 0.18, 0.18, 0.19, 0.23, 0.36, 0.62, 0.86, 1.00, 0.97, 0.80, 0.84, 0.97, 0.95,
    0.84, 0.70, 0.60, 0.54, 0.47, 0.38, 0.29, 0.23,
];
/// The load of each day of the week, from Monday.
const WEEK_CURVE: [f64; 7] = [1.1, 1.0, 0.97, 0.98, 0.93, 0.55, 0.5];
/// Even a Sunday night has this share of the peak.
const QUIETEST: f64 = 0.18;

/// The block that holds `time`.
pub(crate) fn block_of(time: i64) -> i64 {
    (time - BLOCK_OFFSET).div_euclid(DAY)
}

/// Where `block` begins.
pub(crate) fn block_start(block: i64) -> i64 {
    block * DAY + BLOCK_OFFSET
}

/// Chats an hour at the busiest time of an ordinary day. Grows with the agents, but not without
/// bounds: three days of chats are kept in memory.
fn peak_per_hour(agents: usize) -> f64 {
    let agents = f64::from(u32::try_from(agents).unwrap_or(u32::MAX));
    (4.5 * agents).clamp(12.0, 20_000.0)
}

/// Everybody who arrives in `block`, in the order of arrival.
pub(crate) fn arrivals(staff: &Staff, block: i64) -> Vec<Arrival> {
    let start = block_start(block);
    let mut day_rng = rng(staff.seed, Purpose::Day, block);
    let peak = peak_per_hour(staff.agents.len());
    let mood = lognormal(&mut day_rng, 1.0, 0.06);
    let surges: Vec<Surge> = (0..day_rng.usize(1..4))
        .map(|_| Surge::draw(staff, start, peak, &mut day_rng))
        .collect();
    let mut arrivals = Vec::new();
    for slot in 0..DAY / SLOT {
        let from = start + slot * SLOT;
        let mut slot_rng = rng(staff.seed, Purpose::Arrivals, from / SLOT);
        let expected = peak * load(from) * mood * lognormal(&mut slot_rng, 1.0, 0.12) / 12.0;
        for _ in 0..poisson(&mut slot_rng, expected) {
            let unassigned = slot_rng.f64() < UNASSIGNED_SHARE;
            let share = (!unassigned).then(|| slot_rng.f64());
            arrivals.push(arrival(staff, from, share, &mut slot_rng));
        }
        for surge in surges.iter().filter(|surge| surge.at(from)) {
            for _ in 0..poisson(&mut slot_rng, surge.per_hour / 12.0) {
                arrivals.push(arrival(staff, from, Some(surge.share), &mut slot_rng));
            }
        }
    }
    arrivals.sort_by_key(|arrival| arrival.at);
    arrivals
}

/// The load at `time` as a share of an ordinary day's peak.
fn load(time: i64) -> f64 {
    let weekday = usize::try_from((time.div_euclid(DAY) + 3).rem_euclid(7)).unwrap_or(0);
    let of_day = time.rem_euclid(DAY);
    let hour = usize::try_from(of_day / HOUR).unwrap_or(0);
    let minutes = i32::try_from(of_day % HOUR / MINUTE).unwrap_or(0);
    let part = f64::from(minutes) / 60.0;
    let curve = DAY_CURVE[hour % 24] * (1.0 - part) + DAY_CURVE[(hour + 1) % 24] * part;
    (curve * WEEK_CURVE[weekday % 7]).max(QUIETEST)
}

/// Half an hour in which something is broken, and everybody asks the same skill about it.
struct Surge {
    from: i64,
    to: i64,
    share: f64,
    per_hour: f64,
}

impl Surge {
    fn draw(staff: &Staff, block_start: i64, peak: f64, rng: &mut Rng) -> Self {
        let from = block_start + 4 * HOUR + to_ms(rng.f64() * 12.0 * 3600.0);
        // The busiest skills own the first shares; a surge of an idle skill would be no story.
        let share = if staff.skills.is_empty() {
            0.0
        } else {
            rng.f64() * 0.7
        };
        Self {
            from,
            to: from + to_ms(rng.f64() * 1800.0) + 20 * MINUTE,
            share,
            per_hour: peak * (0.2 + 0.3 * rng.f64()),
        }
    }

    fn at(&self, time: i64) -> bool {
        self.from <= time && time < self.to
    }
}

/// One visitor in the slot that begins at `from`; `share` picks the skill.
fn arrival(staff: &Staff, from: i64, share: Option<f64>, rng: &mut Rng) -> Arrival {
    let skill = share.and_then(|share| staff.skill_at(share));
    let interactive = rng.f64() < 0.94;
    let handling = if interactive {
        lognormal(rng, 400.0, 0.6).clamp(25.0, LONGEST_HANDLING)
    } else {
        // The visitor says nothing; the agent asks twice and closes.
        (15.0 + exponential(rng, 60.0)).min(600.0)
    };
    Arrival {
        at: from + rng.i64(0..SLOT),
        skill: skill.map_or(UNASSIGNED, |skill| skill.id),
        line: skill.map_or(staff.unassigned_line(), |skill| skill.line),
        patience: to_ms((20.0 + lognormal(rng, 110.0, 0.8)).min(LONGEST_PATIENCE)),
        reply: to_ms(lognormal(rng, 6.0, 0.7).clamp(1.0, 60.0)),
        interactive,
        handling_seconds: u32::try_from(whole(handling)).unwrap_or(0),
        wrap_up: to_ms(15.0 + exponential(rng, 30.0)),
    }
}
