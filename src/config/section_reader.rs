//! What a collector reads its section of the configuration with.
//!
//! Every method takes the key and its default, reports what is wrong with the value and then
//! returns the default, so that reading continues and all mistakes are seen at once. Nothing
//! else of `config` is needed to read a section.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::node::{Node, Section};
use super::units::format_duration;
use super::values::{boolean, duration, id, integer, seconds, window};
use crate::vocabulary::{Id, Selection, Window};

/// Intervals of polls.
const INTERVALS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);
/// LivePerson refreshes its numbers about this often.
const REFRESH: Duration = Duration::from_secs(10);

/// A collector's section: the global one, or an account's with the global one behind it.
pub struct SectionReader<'a> {
    section: Section<'a>,
    /// Whether this is what an account ends up with, which must be complete.
    is_complete: bool,
}

/// What the numbers of a [`SectionReader::seconds_list`] must be.
#[derive(Clone, Copy, Debug)]
pub struct SecondsList {
    /// Every number is a multiple of this.
    pub multiple_of: u32,
    /// Largest number.
    pub max: u32,
    /// Most numbers, 0 not counted.
    pub max_items: usize,
}

impl<'a> SectionReader<'a> {
    /// Reads the section for all accounts, which may be incomplete.
    pub(super) fn global(section: Section<'a>) -> Self {
        Self {
            section,
            is_complete: false,
        }
    }

    /// Reads what one account ends up with.
    pub(super) fn of_account(section: Section<'a>) -> Self {
        Self {
            section,
            is_complete: true,
        }
    }

    /// `enabled`: whether the collector runs.
    pub fn enabled(&self, default: bool) -> bool {
        self.bool("enabled", default)
    }

    /// `interval`: the time between the starts of two polls, 1 s to 1 d.
    pub fn interval(&self, default: Duration) -> Duration {
        self.duration("interval", default, INTERVALS)
    }

    /// `true` or `false`.
    pub fn bool(&self, key: &str, default: bool) -> bool {
        self.section.read(key, default, boolean)
    }

    /// A whole number.
    pub fn integer(&self, key: &str, default: u64, range: RangeInclusive<u64>) -> u64 {
        self.section.read(key, default, integer(range))
    }

    /// A duration.
    pub fn duration(
        &self,
        key: &str,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        self.section.read(key, default, duration(range))
    }

    /// Windows in the order of the file, at least one, without duplicates.
    pub fn windows(&self, key: &str, default: &[Window]) -> Vec<Window> {
        let empty = "expected at least one window, found an empty list; write windows such as [5m, 1h], or set enabled: false";
        self.section
            .find(key)
            .and_then(|node| node.list(empty, window))
            .unwrap_or_else(|| default.to_vec())
    }

    /// `all`, `none` or a list of ids.
    pub fn selection<I: Id>(&self, key: &str, default: Selection<I>) -> Selection<I> {
        let Some(node) = self.section.find(key) else {
            return default;
        };
        match node.text() {
            Some("all") => return Selection::All,
            Some("none") => return Selection::None,
            None if node.is_list() => {
                return ids(&node).map_or(default, Selection::Ids);
            }
            _ => node.expected("all, none or a list of ids such as [4, 15]"),
        }
        default
    }

    /// `none` or a list of ids, for what LivePerson answers only one by one; `why_not_all` completes
    /// the message about `all`. Without the key: `none`.
    pub fn listed_ids<I: Id>(&self, key: &str, why_not_all: &str) -> Selection<I> {
        const EXPECTED: &str = "none or a list of ids such as [7, 8]";
        let Some(node) = self.section.find(key) else {
            return Selection::None;
        };
        match node.text() {
            Some("none") => {}
            Some("all") => node.error(format!("expected {EXPECTED}, found all; {why_not_all}")),
            None if node.is_list() => {
                return ids(&node).map_or(Selection::None, Selection::Ids);
            }
            _ => node.expected(EXPECTED),
        }
        Selection::None
    }

    /// Ascending numbers of seconds, at least one. A leading 0 is accepted and left out.
    pub fn seconds_list(&self, key: &str, default: &[u32], rules: SecondsList) -> Vec<u32> {
        let empty = "expected at least one number above 0; write seconds such as [15, 30, 60]";
        let Some(node) = self.section.find(key) else {
            return default.to_vec();
        };
        let Some(mut numbers) = node.list(empty, seconds(rules.multiple_of, rules.max)) else {
            return default.to_vec();
        };
        report_descents(&node, &numbers);
        numbers.retain(|number| *number != 0);
        if numbers.is_empty() {
            node.error(empty);
        }
        if numbers.len() > rules.max_items {
            let (max, count) = (rules.max_items, numbers.len());
            node.error(format!(
                "expected at most {max} numbers above 0, found {count}"
            ));
        }
        numbers
    }

    /// Reports that the values of some keys contradict each other. Only what an account ends up
    /// with is judged: the global section may be incomplete.
    pub fn contradiction(&self, keys: &[&str], message: &str) {
        if self.is_complete {
            self.section.error_at_keys(keys, message);
        }
    }

    /// Warns of an interval that does not fit LivePerson or `stale_after`.
    pub(super) fn check_interval(&self, interval: Duration, stale_after: Duration) {
        let path = self.section.path_of_source("interval");
        let length = format_duration(interval);
        let diagnostics = self.section.diagnostics();
        if interval < REFRESH {
            diagnostics.warning(format!(
                "{path}: {length} is shorter than LivePerson takes to refresh its numbers (about 10s); 10s or more gives the same data with fewer requests"
            ));
        }
        // An answer is as old as the interval, and its call, when the next one comes; a late poll
        // makes it older.
        if stale_after < interval * 2 {
            diagnostics.warning(format!(
                "stale_after: {} is less than twice {path} ({length}), so that data can disappear between two polls; make it at least twice as long",
                format_duration(stale_after)
            ));
        }
    }
}

fn report_descents(node: &Node<'_>, numbers: &[u32]) {
    for (index, pair) in (1..).zip(numbers.windows(2)) {
        if let [before, after] = pair
            && after < before
        {
            let message = format!("expected ascending numbers, found {after} after {before}");
            node.error_at(index, message);
        }
    }
}

fn ids<I: Id>(node: &Node<'_>) -> Option<Vec<I>> {
    let empty = "expected at least one id, found an empty list; write none to select nothing";
    node.list(empty, id)
}
