//! Compares the totals of one page after the other with what really happened.

use std::collections::BTreeMap;

use liveperson_exporter::simulator::{Chat, Simulator, SystemClock, Truth, WallClock as _};

use super::ACCOUNT;
use super::page::{Series, Total, Totals, totals};
use crate::common::{COLLECTORS, sample};

/// Longest time by which an answer may be behind LivePerson's clock: a refresh and the lag, in
/// milliseconds.
const BEHIND: i64 = 40_000;
/// How long an answer may be on its way into a page, in seconds: a busy machine is no mistake.
const SLACK: f64 = 20.0;

/// What was served so far, and what is compared.
#[derive(Debug, Default)]
pub(super) struct Judge {
    /// LivePerson's seconds per second.
    speed: u32,
    seen: Totals,
    /// By answer: the latest moment of LivePerson's at which it was right.
    right_at: BTreeMap<String, i64>,
    /// Levels whose totals may begin again.
    pub(super) changeable: &'static [&'static str],
    pub(super) scrapes: u64,
    pub(super) comparisons: u64,
}

impl Judge {
    /// A judge of answers of a LivePerson whose clock has so many seconds per second.
    pub(super) fn new(speed: u32) -> Self {
        Self {
            speed,
            ..Self::default()
        }
    }

    /// Judges a page that was just read: every total is what LivePerson had counted at one moment, a recent one if there
    /// was a successful poll; none is lower than before, and none began again. Returns how many totals
    /// there are.
    pub(super) fn judge(&mut self, simulator: &Simulator, page: &str) -> Result<usize, String> {
        self.judge_totals(simulator, page, totals(page))
    }

    /// The same with other totals than those of the page.
    pub(super) fn judge_totals(
        &mut self,
        simulator: &Simulator,
        page: &str,
        found: Totals,
    ) -> Result<usize, String> {
        let until = simulator.now_ms();
        self.scrapes += 1;
        self.compare_with_seen(&found)?;
        let mut answers: BTreeMap<String, Vec<(&Series, Total)>> = BTreeMap::new();
        for (series, total) in &found {
            answers
                .entry(series.answer())
                .or_default()
                .push((series, *total));
        }
        for (answer, rows) in &answers {
            let collector = rows[0].0.collector();
            let from = self.earliest(answer, collector, page, until);
            let right_at = moment(simulator, rows, from, until)
                .map_err(|error| format!("{answer}: {error}"))?;
            self.comparisons += rows.len() as u64;
            self.right_at.insert(answer.clone(), right_at);
        }
        for collector in COLLECTORS {
            let lost = format!(
                "liveperson_totals_lost_seconds_total{{account=\"{ACCOUNT}\",collector=\"{collector}\"}}"
            );
            if sample(page, &lost).unwrap_or(0.0) != 0.0 {
                return Err(format!("{collector}: time was lost"));
            }
        }
        let count = found.len();
        self.seen.extend(found);
        Ok(count)
    }

    fn compare_with_seen(&self, found: &Totals) -> Result<(), String> {
        for (series, total) in found {
            let Some(before) = self.seen.get(series) else {
                continue;
            };
            if total.created != before.created {
                if self.is_changeable(series) {
                    continue;
                }
                return Err(format!("{series:?} began again: {before:?}, now {total:?}"));
            }
            if total.value < before.value {
                return Err(format!("{series:?} fell: {before:?}, now {total:?}"));
            }
        }
        // Totals of one answer come together.
        let kept = self
            .seen
            .keys()
            .filter(|series| !self.is_changeable(series));
        let missing = kept.filter(|series| !found.contains_key(series));
        let is_served = |answer: String| found.keys().any(|series| series.answer() == answer);
        match missing
            .map(Series::answer)
            .find(|answer| is_served(answer.clone()))
        {
            Some(answer) => Err(format!("some totals of {answer} are gone")),
            None => Ok(()),
        }
    }

    fn is_changeable(&self, series: &Series) -> bool {
        self.changeable
            .iter()
            .any(|level| series.level() == Some(level))
    }

    /// The earliest moment at which an answer may have been right, in milliseconds since the epoch.
    fn earliest(&self, answer: &str, collector: &str, page: &str, until: i64) -> i64 {
        let before = self.right_at.get(answer).copied();
        let now = SystemClock.now().as_millisecond() as f64 / 1000.0;
        let last = format!(
            "liveperson_last_success_timestamp_seconds{{account=\"{ACCOUNT}\",collector=\"{collector}\"}}"
        );
        // Before the first poll of a process what is served was saved by the one before.
        let fresh = sample(page, &last).filter(|last| *last > 0.0).map(|last| {
            let age = (now - last).max(0.0) + SLACK;
            until - BEHIND - (age * 1000.0) as i64 * i64::from(self.speed)
        });
        before.max(fresh).unwrap_or(until - 3_600_000)
    }
}

/// The moment of LivePerson's at which these totals were right, from `from` until `until`, in
/// milliseconds since the epoch.
fn moment(
    simulator: &Simulator,
    rows: &[(&Series, Total)],
    from: i64,
    until: i64,
) -> Result<i64, String> {
    let oldest = rows.iter().map(|(_, total)| total.created).min().unwrap() * 1000;
    let chats = simulator.chats_between(oldest, until);
    // The numbers change at events, and only there.
    let times = chats
        .iter()
        .flat_map(Chat::events)
        .map(|(time, _)| time + 1);
    let mut moments: Vec<i64> = times.filter(|time| (from..=until).contains(time)).collect();
    moments.push(from);
    moments.sort_unstable();
    moments.dedup();
    // The page is as of shortly before `until`.
    let mut wrong = Vec::new();
    for moment in moments.iter().rev() {
        match wrong_rows(&chats, rows, *moment, 3) {
            found if found.is_empty() => return Ok(*moment),
            found => wrong.push((*moment, found)),
        }
    }
    Err(format!(
        "its {} totals were right at no moment from {from} to {until} (all from {oldest}): {:?} ... {:?}",
        rows.len(),
        wrong.first(),
        wrong.last()
    ))
}

/// Some of the totals that are not right at a moment, with what they should be.
fn wrong_rows(chats: &[Chat], rows: &[(&Series, Total)], moment: i64, most: usize) -> Vec<String> {
    let mut truths: BTreeMap<i64, Truth> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (series, total) in rows {
        let from = total.created * 1000;
        let truth = truths
            .entry(from)
            .or_insert_with(|| Truth::of(chats, from, moment));
        let expected = series.expected(truth);
        if total.value != expected as f64 {
            wrong.push(format!("{series:?}: {total:?} should be {expected}"));
        }
        if wrong.len() >= most {
            return wrong;
        }
    }
    let level = rows[0].0.level().unwrap();
    if rows[0].0.collector() == "engagement_activity"
        && let Some((_, truth)) = truths.first_key_value()
    {
        wrong.extend(missing_ids(level, rows, truth));
    }
    wrong
}

/// Ids of a level that have numbers but no totals.
fn missing_ids(level: &str, rows: &[(&Series, Total)], truth: &Truth) -> Vec<String> {
    let named: std::collections::BTreeSet<_> =
        rows.iter().map(|(series, _)| series.ids()).collect();
    let wanted = truth.keys().filter_map(|(key, _)| match level {
        "skill" => Some([Some(key.skill), None, None]),
        "agent" => Some([None, Some(key.agent?), None]),
        "skill_agent" => Some([Some(key.skill), Some(key.agent?), None]),
        _ => None,
    });
    let missing = wanted.filter(|ids| !named.contains(ids));
    missing
        .map(|ids| format!("nothing is said of {ids:?}"))
        .collect()
}
