//! The chats of a simulated LivePerson: what the totals are compared with.

use fastrand::Rng;

use super::scenario::Kind;

/// Chats by their time to answer.
pub(crate) const CLASSES: usize = 4;

/// What some chats add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    pub(crate) chats: [i64; CLASSES],
    pub(crate) handling: i64,
}

impl Sums {
    fn add(&mut self, other: Self, sign: i64) {
        for (own, other) in self.chats.iter_mut().zip(other.chats) {
            *own += sign * other;
        }
        self.handling += sign * other.handling;
    }

    /// As the fields of a request: chats and handling time, or chats by limits of their wait.
    pub(crate) fn fields(&self, layout: &[u32]) -> Vec<f64> {
        let number = |value: i64| value as f64;
        let all = self.chats.iter().sum();
        match layout.len() {
            0 => vec![number(all), number(self.handling)],
            1 => vec![number(self.chats[0]), number(all - self.chats[0])],
            _ => self.chats.iter().copied().map(number).collect(),
        }
    }
}

/// A chat that LivePerson shows later than others.
#[derive(Clone, Copy)]
struct Late {
    closed: i64,
    appears: i64,
    sums: Sums,
}

/// LivePerson no longer counts a chat, for good or for a while.
#[derive(Clone, Copy)]
struct Correction {
    closed: i64,
    sums: Sums,
    from: i64,
    until: i64,
}

/// The chats of a skill.
#[derive(Default)]
struct Skill {
    /// Ascending.
    closed: Vec<i64>,
    /// The sums of all chats before each.
    before: Vec<Sums>,
    late: Vec<Late>,
    corrections: Vec<Correction>,
}

/// All chats.
pub(crate) struct Truth {
    skills: Vec<Skill>,
}

impl Truth {
    pub(crate) fn generate(rng: &mut Rng, kind: &Kind, from: i64, until: i64) -> Self {
        let skills = (0..kind.skills)
            .map(|_| Skill::generate(rng, kind, from, until))
            .collect();
        Self { skills }
    }

    pub(crate) fn chats(&self) -> usize {
        self.skills.iter().map(|skill| skill.closed.len()).sum()
    }

    fn of(&self, skill: Option<i64>) -> &[Skill] {
        match skill {
            None => &self.skills,
            Some(id) => {
                let place = usize::try_from(id).unwrap();
                &self.skills[place..=place]
            }
        }
    }

    /// What a node that knows everything until `known` answers for a window since `from`.
    pub(crate) fn answer(&self, skill: Option<i64>, from: i64, known: i64) -> Sums {
        let mut sums = Sums::default();
        for skill in self.of(skill) {
            sums.add(skill.answer(from, known), 1);
        }
        sums
    }

    /// All chats in a time, whatever LivePerson says of them.
    pub(crate) fn all(&self, skill: Option<i64>, from: i64, until: i64) -> Sums {
        let mut sums = Sums::default();
        for skill in self.of(skill) {
            sums.add(skill.between(from, until), 1);
        }
        sums
    }

    /// What LivePerson corrects.
    pub(crate) fn corrected(&self, skill: Option<i64>) -> Sums {
        let mut sums = Sums::default();
        let skills = self.of(skill).iter();
        for correction in skills.flat_map(|skill| &skill.corrections) {
            sums.add(correction.sums, 1);
        }
        sums
    }
}

impl Skill {
    fn generate(rng: &mut Rng, kind: &Kind, from: i64, until: i64) -> Self {
        let mut skill = Self::default();
        let mut sum = Sums::default();
        let mut at = from as f64;
        // Skills come and go.
        let mut changes = at;
        loop {
            at -= (1.0 - rng.f64()).ln() / kind.rate;
            while at > changes {
                changes += 3600.0 * (1.0 + 30.0 * rng.f64());
                if kind.skills > 1 && rng.u32(..3) == 0 {
                    at = at.max(changes);
                }
            }
            let closed = at as i64;
            if closed >= until {
                break;
            }
            let mut one = Sums::default();
            one.chats[rng.usize(..CLASSES)] = 1;
            one.handling = rng.i64(1..900);
            skill.closed.push(closed);
            skill.before.push(sum);
            sum.add(one, 1);
            if rng.f64() < kind.late {
                let appears = closed + rng.i64(1..900);
                skill.late.push(Late {
                    closed,
                    appears,
                    sums: one,
                });
            }
            if rng.f64() < kind.corrected {
                let from = closed + rng.i64(1000..40_000);
                let for_good = rng.bool();
                let until = from + rng.i64(20..20_000);
                skill.corrections.push(Correction {
                    closed,
                    sums: one,
                    from,
                    until: if for_good { i64::MAX } else { until },
                });
            }
        }
        skill.before.push(sum);
        skill
    }

    fn between(&self, from: i64, until: i64) -> Sums {
        let before = |time| self.before[self.closed.partition_point(|closed| *closed < time)];
        let mut sums = before(until.max(from));
        sums.add(before(from), -1);
        sums
    }

    fn answer(&self, from: i64, known: i64) -> Sums {
        let mut sums = self.between(from, known + 1);
        let late = self.late.partition_point(|late| late.closed <= known - 900);
        for late in &self.late[late..] {
            if late.closed > known {
                break;
            }
            if late.closed >= from && late.appears > known {
                sums.add(late.sums, -1);
            }
        }
        for correction in &self.corrections {
            let is_now = (correction.from..correction.until).contains(&known);
            if is_now && correction.closed >= from {
                sums.add(correction.sums, -1);
            }
        }
        sums
    }
}
