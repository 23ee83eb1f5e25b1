//! The visitors: who arrives when, for which skill, and how long they are willing to wait. What
//! becomes of them is decided in [`super::queueing`], by the agents on duty.

use fastrand::Rng;

use super::block::Block;
use super::rng::{Purpose, exponential, lognormal, poisson, rng, round, to_ms};
use super::skills::{QueueIndex, Skill, UNASSIGNED_SKILL};
use super::staffing::Staff;
use super::window::{DAY, HOUR, MINUTE};

/// A visitor who asks for a chat.
pub(super) struct Arrival {
    /// When the chat is queued.
    pub(super) queued_at: i64,
    /// The skill asked for.
    pub(super) skill: i64,
    /// The queue it waits in.
    pub(super) queue: QueueIndex,
    /// How long the visitor waits for an agent before abandoning the queue, in milliseconds.
    pub(super) patience: i64,
    /// How long the agent takes to reply once the chat is assigned, in milliseconds.
    pub(super) reply_time: i64,
    /// Whether the visitor writes anything.
    pub(super) interactive: bool,
    /// How long the agent handles the chat, in seconds.
    pub(super) handling_seconds: u32,
    /// How long the agent is busy with notes afterwards, in milliseconds.
    pub(super) wrap_up_time: i64,
}

/// Upper bound of the time from a chat's being queued to its being closed, in milliseconds.
pub(crate) const LONGEST_CHAT: i64 = 3 * HOUR;
/// In seconds.
const LONGEST_PATIENCE: f64 = 900.0;
/// In seconds.
const LONGEST_HANDLING: f64 = 7200.0;

/// Arrivals are drawn for each slot of this length, in milliseconds.
const SLOT: i64 = 5 * MINUTE;
/// Share of chats without a skill.
const UNASSIGNED_SHARE: f64 = 0.03;

/// The load of each hour of the UTC day, as a share of the peak.
const HOURLY_LOAD: [f64; 24] = [
    0.21, 0.19, 0.18, 0.18, 0.18, 0.19, 0.23, 0.36, 0.62, 0.86, 1.00, 0.97, 0.80, 0.84, 0.97, 0.95,
    0.84, 0.70, 0.60, 0.54, 0.47, 0.38, 0.29, 0.23,
];
/// The load of each day of the week, from Monday.
const WEEKDAY_LOAD: [f64; 7] = [1.1, 1.0, 0.97, 0.98, 0.93, 0.55, 0.5];
/// The lowest load: a Sunday night, as a share of the peak.
const LOWEST_LOAD: f64 = 0.18;

/// Chats an hour at the busiest time of an ordinary day. Grows with the number of agents up to a
/// limit, because three days of chats are kept in memory.
fn peak_per_hour(agents: usize) -> f64 {
    let agents = f64::from(u32::try_from(agents).unwrap_or(u32::MAX));
    (4.5 * agents).clamp(12.0, 20_000.0)
}

/// Every visitor who arrives in `block`, in the order of arrival.
pub(super) fn arrivals(staff: &Staff, block: Block) -> Vec<Arrival> {
    let day = DayDemand::draw(staff, block);
    let mut arrivals = Vec::new();
    for slot in 0..DAY / SLOT {
        draw_slot(staff, &day, block.start() + slot * SLOT, &mut arrivals);
    }
    arrivals.sort_by_key(|arrival| arrival.queued_at);
    arrivals
}

/// How many visitors a block brings.
struct DayDemand {
    /// Chats an hour at the busiest time of an ordinary day.
    peak_per_hour: f64,
    /// This day's demand as a multiple of an ordinary day's.
    factor: f64,
    surges: Vec<Surge>,
}

impl DayDemand {
    fn draw(staff: &Staff, block: Block) -> Self {
        let mut rng = rng(staff.seed(), Purpose::Day, block.number());
        let peak_per_hour = peak_per_hour(staff.agents().len());
        let factor = lognormal(&mut rng, 1.0, 0.06);
        let surges = (0..rng.usize(1..4))
            .map(|_| Surge::draw(staff, block.start(), peak_per_hour, &mut rng))
            .collect();
        Self {
            peak_per_hour,
            factor,
            surges,
        }
    }
}

/// Adds the visitors of the slot that begins at `from`.
fn draw_slot(staff: &Staff, day: &DayDemand, from: i64, arrivals: &mut Vec<Arrival>) {
    let mut rng = rng(staff.seed(), Purpose::Arrivals, from / SLOT);
    let per_hour = day.peak_per_hour * load_at(from) * day.factor;
    let expected = per_hour * lognormal(&mut rng, 1.0, 0.12) / 12.0;
    for _ in 0..poisson(&mut rng, expected) {
        let unassigned = rng.f64() < UNASSIGNED_SHARE;
        let share = (!unassigned).then(|| rng.f64());
        arrivals.push(arrival(staff, from, share, &mut rng));
    }
    for surge in day.surges.iter().filter(|surge| surge.is_on_at(from)) {
        for _ in 0..poisson(&mut rng, surge.per_hour / 12.0) {
            arrivals.push(arrival(staff, from, Some(surge.share), &mut rng));
        }
    }
}

/// The load at `time` as a share of an ordinary day's peak.
fn load_at(time: i64) -> f64 {
    let weekday = usize::try_from((time.div_euclid(DAY) + 3).rem_euclid(7)).unwrap_or(0);
    let time_of_day = time.rem_euclid(DAY);
    let hour = usize::try_from(time_of_day / HOUR).unwrap_or(0);
    let minutes = i32::try_from(time_of_day % HOUR / MINUTE).unwrap_or(0);
    let fraction = f64::from(minutes) / 60.0;
    let curve = HOURLY_LOAD[hour % 24] * (1.0 - fraction) + HOURLY_LOAD[(hour + 1) % 24] * fraction;
    (curve * WEEKDAY_LOAD[weekday % 7]).max(LOWEST_LOAD)
}

/// Half an hour in which something is broken and many visitors ask the same skill about it.
struct Surge {
    from: i64,
    to: i64,
    /// Which skill, see [`Staff::skill_at`].
    share: f64,
    per_hour: f64,
}

impl Surge {
    fn draw(staff: &Staff, block_start: i64, peak: f64, rng: &mut Rng) -> Self {
        let from = block_start + 4 * HOUR + to_ms(rng.f64() * 12.0 * 3600.0);
        // The busiest skills own the first shares; a surge of an idle skill would not be seen.
        let share = if staff.skills().is_empty() {
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

    fn is_on_at(&self, time: i64) -> bool {
        (self.from..self.to).contains(&time)
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
        queued_at: from + rng.i64(0..SLOT),
        skill: skill.map_or(UNASSIGNED_SKILL, Skill::id),
        queue: skill.map_or(staff.unassigned_queue(), Skill::queue),
        patience: to_ms((20.0 + lognormal(rng, 110.0, 0.8)).min(LONGEST_PATIENCE)),
        reply_time: to_ms(lognormal(rng, 6.0, 0.7).clamp(1.0, 60.0)),
        interactive,
        handling_seconds: u32::try_from(round(handling)).unwrap_or(0),
        wrap_up_time: to_ms(15.0 + exponential(rng, 30.0)),
    }
}
