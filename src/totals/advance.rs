//! Moving an anchor: how what lies between two marks is measured while chats go on arriving.
//!
//! What was counted between the anchor A and a later, closed mark A' is a constant D = V(A) - V(A').
//! But the two answers come from different moments, and from nodes that may lag. Asked A', A, A, A' one
//! right after the other, equal answers for A and equal answers for A' say that nothing changed in
//! between and that the nodes agree. Two attempts in a row that pass and find the same D are a proof;
//! with less, anchors move wrongly: a model of several nodes is in the tests, and should be asked
//! before this is simplified.

use super::mark::Mark;
use super::tally::Tally;

/// An anchor moves when it is older, in seconds.
const MOVES_AFTER: i64 = 3600;
/// Chats appear up to so long after they happened: only what is older is closed. In seconds.
const CLOSED_AFTER: i64 = 15 * 60;
/// After so long an anchor that could not be moved is moved by force, in seconds.
const FORCED_AFTER: i64 = 23 * 3600;
/// After so many attempts a later target is chosen: chats that were late have come by then.
const ATTEMPTS_PER_TARGET: u32 = 6;

/// What one request of an attempt asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The mark that the anchor is to move to.
    Target,
    /// The anchor: this answer is served.
    Anchor,
    /// The anchor once more.
    AnchorAgain,
    /// The target once more.
    TargetAgain,
}

/// What an anchor that is to be moved has shown so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Advance {
    target: Option<Mark>,
    attempts: u32,
    running: Option<Attempt>,
    /// What the last attempt found, if it passed.
    found: Option<Tally>,
}

/// The answers of an attempt so far.
#[derive(Clone, Debug, Default, PartialEq)]
struct Attempt {
    target: Option<Tally>,
    anchor: Option<Tally>,
    anchor_again: Option<Tally>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Move {
    /// Where the anchor moves to.
    pub(super) to: Mark,
    /// What lies between it and where the anchor was.
    pub(super) difference: Tally,
    /// Whether that was not proven.
    pub(super) forced: bool,
}

/// Whether an anchor is old enough to move.
pub(super) fn is_due(anchor: Mark, now: i64) -> bool {
    anchor.age(now) > MOVES_AFTER
}

/// The latest mark that everything before it is closed at `now`.
pub(super) fn closed_mark(now: i64) -> Mark {
    Mark::at_or_before(now.saturating_sub(CLOSED_AFTER))
}

impl Advance {
    /// Begins an attempt, unless the last one was interrupted: then the data comes first once. `next`:
    /// the anchor of other totals of the same request, which these are to join. Returns the target.
    pub(super) fn begin(&mut self, anchor: Mark, next: Option<Mark>, now: i64) -> Option<Mark> {
        if self.running.take().is_some() {
            self.found = None;
            return None;
        }
        if self.target.is_none_or(|target| target <= anchor) || self.attempts >= ATTEMPTS_PER_TARGET
        {
            let closed = closed_mark(now);
            let join = next.filter(|next| *next > anchor && *next <= closed);
            self.target = Some(join.unwrap_or(closed)).filter(|target| *target > anchor);
            (self.attempts, self.found) = (0, None);
        }
        let target = self.target?;
        self.attempts += 1;
        self.running = Some(Attempt::default());
        Some(target)
    }

    /// Where the anchor is to move to.
    pub(super) fn target(&self) -> Option<Mark> {
        self.target
    }

    /// Takes in the answer of a step; returns what to ask next.
    pub(super) fn answered(&mut self, step: Step, answer: &Tally) -> Option<Step> {
        let attempt = self.running.as_mut()?;
        match step {
            Step::Target => {
                attempt.target = Some(answer.clone());
                Some(Step::Anchor)
            }
            Step::Anchor => {
                attempt.target.as_ref()?;
                attempt.anchor = Some(answer.clone());
                Some(Step::AnchorAgain)
            }
            Step::AnchorAgain => {
                attempt.anchor_again = Some(answer.clone());
                Some(Step::TargetAgain)
            }
            Step::TargetAgain => None,
        }
    }

    /// Ends the attempt with the answer of its last step; returns the move if it is proven, or forced.
    pub(super) fn finish(&mut self, anchor: Mark, last: &Tally, now: i64) -> Option<Move> {
        let attempt = self.running.take()?;
        let to = self.target?;
        let (first, a, b) = (attempt.target?, attempt.anchor?, attempt.anchor_again?);
        let passed = first.is_same(last) && a.is_same(&b);
        let found = a.minus(&first).filter(|_| passed);
        let before = self.found.take();
        let proven =
            matches!((&before, &found), (Some(before), Some(found)) if before.is_same(found));
        let forced = anchor.age(now) >= FORCED_AFTER;
        if !proven && !forced {
            self.found = found;
            return None;
        }
        let difference = found.unwrap_or_else(|| b.minus_or_zero(last));
        *self = Self::default();
        Some(Move {
            to,
            difference,
            forced: !proven,
        })
    }
}
