//! Moving an anchor: how what lies between two marks is measured while chats keep arriving.
//!
//! What was counted between the anchor A and a later, settled mark A' is a constant D = V(A) - V(A').
//! But the two answers come from different moments, and from nodes that may lag. Asked A', A, A, A, A'
//! one right after the other, equal answers for A and equal answers for A' say that nothing changed in
//! between and that the nodes agree: with one to three nodes that answer in turn, one of them answered
//! A' before A, and so knew no more then, and one A before A'. (A', A, A, A' is enough for two nodes,
//! but of three one would answer only A', and the others only A.) Two attempts in a row that pass and
//! find the same D are a proof, also when LivePerson leaves something out for a moment. With less,
//! anchors move wrongly: the tests have a model of such nodes, and the shortcuts that fail in it.

use super::counts::Counts;
use super::mark::Mark;

/// An anchor moves when it is older, in seconds.
const MOVES_AFTER: i64 = 3600;
/// After so long an anchor that could not be moved is moved by force, in seconds: shortly before
/// LivePerson can no longer be asked from it. The first anchor is 23 h old, one after a long outage
/// 10 minutes less than a day, and both deserve some attempts before that.
pub(super) const FORCED_AFTER: i64 = 24 * 3600 - 300;
/// The second attempt begins at least so long after the first, in seconds: nodes have refreshed since,
/// and what was missing for a moment is there again.
const ATTEMPTS_APART: i64 = 60;
/// After so many attempts a later target is chosen: what is odd about this one may not be about that.
const ATTEMPTS_PER_TARGET: u32 = 6;

/// What one request of an attempt asks for, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The mark that the anchor is to move to.
    Target,
    /// The anchor: this answer is served, and the next two.
    Anchor,
    /// The anchor once more.
    AnchorAgain,
    /// The anchor for the third time.
    AnchorLast,
    /// The target once more.
    TargetAgain,
}

impl Step {
    fn next(self) -> Option<Self> {
        match self {
            Self::Target => Some(Self::Anchor),
            Self::Anchor => Some(Self::AnchorAgain),
            Self::AnchorAgain => Some(Self::AnchorLast),
            Self::AnchorLast => Some(Self::TargetAgain),
            Self::TargetAgain => None,
        }
    }
}

/// What an anchor that is to be moved has shown so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Advance {
    target: Option<Mark>,
    attempts: u32,
    running: Option<Attempt>,
    /// What the last attempt found, if it passed, and when, in seconds since the epoch.
    found: Option<(i64, Counts)>,
}

/// The answers of an attempt so far.
#[derive(Clone, Debug, PartialEq)]
struct Attempt {
    expected: Step,
    target: Option<Counts>,
    anchor: Option<Counts>,
    /// Whether all answers for the same mark were equal.
    passed: bool,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Move {
    /// Where the anchor moves to.
    pub(super) to: Mark,
    /// What lies between it and where the anchor was.
    pub(super) difference: Counts,
    /// Whether that was not proven.
    pub(super) forced: bool,
}

/// Whether an anchor is old enough to move.
pub(super) fn is_due(anchor: Mark, now: i64) -> bool {
    anchor.age(now) > MOVES_AFTER
}

fn is_to_be_forced(anchor: Mark, now: i64) -> bool {
    anchor.age(now) >= FORCED_AFTER
}

impl Advance {
    /// Begins an attempt, unless it is too early for the second one or the last one was interrupted:
    /// then the data comes first once. `next`: the anchor of other totals of the same request, which
    /// these are to join. Returns the target.
    pub(super) fn begin(&mut self, anchor: Mark, next: Option<Mark>, now: i64) -> Option<Mark> {
        if self.running.take().is_some() {
            self.found = None;
            return None;
        }
        let is_too_early = |found: &(i64, Counts)| now.saturating_sub(found.0) < ATTEMPTS_APART;
        if self.found.as_ref().is_some_and(is_too_early) {
            return None;
        }
        if self.target.is_none_or(|target| target <= anchor) || self.attempts >= ATTEMPTS_PER_TARGET
        {
            let settled = Mark::settled(now);
            let join = next.filter(|next| *next > anchor && *next <= settled);
            self.target = Some(join.unwrap_or(settled)).filter(|target| *target > anchor);
            (self.attempts, self.found) = (0, None);
        }
        let target = self.target?;
        self.attempts += 1;
        self.running = Some(Attempt {
            expected: Step::Target,
            target: None,
            anchor: None,
            passed: true,
        });
        Some(target)
    }

    /// Where the anchor is to move to.
    pub(super) fn target(&self) -> Option<Mark> {
        self.target
    }

    /// Whether another attempt that finds the same is a proof.
    pub(super) fn is_half_proven(&self) -> bool {
        self.found.is_some()
    }

    /// Takes in the answer of a step; returns what to ask next, nothing if the attempt is over or has
    /// failed. Answers of an attempt that was interrupted say nothing.
    pub(super) fn answered(
        &mut self,
        step: Step,
        answer: &Counts,
        anchor: Mark,
        now: i64,
    ) -> Option<Step> {
        let attempt = self.running.as_mut()?;
        if attempt.expected != step {
            return None;
        }
        let known = match step {
            Step::Target | Step::TargetAgain => &mut attempt.target,
            Step::Anchor | Step::AnchorAgain | Step::AnchorLast => &mut attempt.anchor,
        };
        match known {
            None => *known = Some(answer.clone()),
            Some(known) if known.is_same(answer) => (),
            Some(known) => {
                // If nothing can be proven, the least is what cannot have been made up.
                *known = match step {
                    Step::TargetAgain => known.max(answer),
                    _ => known.min(answer),
                };
                attempt.passed = false;
            }
        }
        if !attempt.passed && !is_to_be_forced(anchor, now) {
            (self.running, self.found) = (None, None);
            return None;
        }
        let next = step.next()?;
        attempt.expected = next;
        Some(next)
    }

    /// Ends the attempt; returns the move if it is proven, or forced. `doubtful`: what was answered for
    /// the anchor cannot be trusted yet.
    pub(super) fn finish(&mut self, anchor: Mark, doubtful: bool, now: i64) -> Option<Move> {
        let attempt = self.running.take()?;
        let before = self.found.take();
        let (to, first, a) = (self.target?, attempt.target?, attempt.anchor?);
        let passed = attempt.passed && !doubtful;
        let found = a.minus(&first).filter(|_| passed);
        let proven = matches!((&before, &found),
            (Some((_, before)), Some(found)) if before.is_same(found));
        let forced = is_to_be_forced(anchor, now);
        if !proven && !forced {
            // After two that contradict each other both are doubtful, and others get their turn.
            self.found = found.filter(|_| before.is_none()).map(|found| (now, found));
            return None;
        }
        let difference = found.unwrap_or_else(|| a.minus_or_zero(&first));
        *self = Self::default();
        Some(Move {
            to,
            difference,
            forced: !proven,
        })
    }
}

#[cfg(test)]
mod tests;
