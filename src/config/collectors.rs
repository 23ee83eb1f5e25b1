//! The `engagement_activity` and `sla` sections: defaults, limits, and what must fit together.
//!
//! Each value is checked wherever it stands. What must fit together is checked on what an account
//! ends up with, its own values laid over the global ones: a global section may be incomplete.

use std::time::Duration;

use super::node::Section;
use super::units::format_duration;
use super::values::{boolean, bucket, duration, id, window};
use super::{EngagementActivity, Selection, Sla, Window};

/// LivePerson refreshes its numbers about this often.
const REFRESH: Duration = Duration::from_secs(10);
const DAY: Duration = Duration::from_secs(86_400);
/// More would multiply into more series than a histogram is worth.
const MOST_BUCKETS: usize = 100;
/// What to say of an empty list of ids.
const NO_IDS: &str = "an empty list selects nothing; write none";

/// Reads `engagement_activity`.
pub(super) fn activity(section: &Section<'_>) -> EngagementActivity {
    EngagementActivity {
        enabled: section.read("enabled", true, boolean),
        interval: section.read("interval", Duration::from_secs(30), interval()),
        windows: windows(section),
        skills: selection(section, "skills", Selection::All, -1),
        agents: selection(section, "agents", Selection::All, 0),
        skill_agents: section.read("skill_agents", false, boolean),
    }
}

/// Reads `sla`.
pub(super) fn sla(section: &Section<'_>) -> Sla {
    Sla {
        enabled: section.read("enabled", true, boolean),
        interval: section.read("interval", Duration::from_secs(60), interval()),
        windows: windows(section),
        buckets: buckets(section),
        account: section.read("account", true, boolean),
        skills: selection(section, "skills", Selection::None, -1),
        groups: groups(section),
    }
}

/// `engagement_activity` as one account has it.
pub(super) fn checked_activity(section: &Section<'_>, stale_after: Duration) -> EngagementActivity {
    let read = activity(section);
    if read.enabled {
        check_interval(section, read.interval, stale_after);
        if read.skill_agents && read.skills == Selection::None {
            section.error_at_keys(&["skill_agents", "skills"], "skill_agents: true needs skills, which are none; select skills or set skill_agents: false");
        }
    }
    read
}

/// `sla` as one account has it.
pub(super) fn checked_sla(section: &Section<'_>, stale_after: Duration) -> Sla {
    let read = sla(section);
    if read.enabled {
        check_interval(section, read.interval, stale_after);
        if !read.account && read.skills == Selection::None && read.groups == Selection::None {
            section.error_at_keys(&["account", "skills", "groups"], "account: false, skills: none and groups: none leave nothing to ask; select one of them or set enabled: false");
        }
    }
    read
}

fn interval() -> impl Fn(&str) -> Result<Duration, String> {
    duration(Duration::from_secs(1), DAY)
}

fn check_interval(section: &Section<'_>, interval: Duration, stale_after: Duration) {
    let path = section.path_of_source("interval");
    let length = format_duration(interval);
    if interval < REFRESH {
        section.diagnostics().warning(format!(
            "{path}: {length} asks more often than LivePerson refreshes its numbers (about every 10s); 10s or more gives the same data with fewer requests"
        ));
    }
    // An answer is as old as the interval, and its call, when the next one comes; a late poll makes
    // it older.
    if stale_after < interval * 2 {
        section.diagnostics().warning(format!(
            "stale_after: {} is less than twice {path} ({length}), so that data can vanish between two polls; make it at least twice as long",
            format_duration(stale_after)
        ));
    }
}

fn windows(section: &Section<'_>) -> Vec<Window> {
    let default = [Window::Minutes(5), Window::Minutes(60)];
    section.list(
        "windows",
        &default,
        "an empty list asks nothing; give windows such as [5m, 1h], or set enabled: false",
        window,
    )
}

fn buckets(section: &Section<'_>) -> Vec<u32> {
    let default = || vec![15, 30, 45, 60, 90, 120];
    let empty = "no bucket but 0 is given; give upper limits in seconds, as in [15, 30, 60]";
    let Some(node) = section.find("buckets") else {
        return default();
    };
    let Some(mut buckets) = node.list(empty, bucket) else {
        return default();
    };
    for (index, pair) in buckets.windows(2).enumerate() {
        if let [before, after] = pair
            && after < before
        {
            let path = format!("{}[{}]", node.path, index + 1);
            let message = format!("{after} is smaller than {before} before it; buckets ascend");
            section.diagnostics().error(path, message);
        }
    }
    // LivePerson's own histograms begin with 0, so it is often copied; it is implied here.
    buckets.retain(|limit| *limit != 0);
    if buckets.is_empty() {
        node.error(empty);
    }
    if buckets.len() > MOST_BUCKETS {
        node.error(format!(
            "{} buckets are more than the {MOST_BUCKETS} allowed",
            buckets.len()
        ));
    }
    buckets
}

fn selection(section: &Section<'_>, key: &str, default: Selection, min: i64) -> Selection {
    let Some(node) = section.find(key) else {
        return default;
    };
    match node.text() {
        Some("all") => Selection::All,
        Some("none") => Selection::None,
        None if node.is_list() => node.list(NO_IDS, id(min)).map_or(default, Selection::Ids),
        _ => {
            node.invalid("is not all, none or a list of ids such as [4, 15]");
            default
        }
    }
}

fn groups(section: &Section<'_>) -> Selection {
    let Some(node) = section.find("groups") else {
        return Selection::None;
    };
    match node.text() {
        Some("none") => {}
        Some("all") => node.invalid(
            "is not possible: LivePerson wants one request per group; list them, as in [7, 8]",
        ),
        None if node.is_list() => {
            return node
                .list(NO_IDS, id(0))
                .map_or(Selection::None, Selection::Ids);
        }
        _ => node.invalid("is not none or a list of ids such as [7, 8]"),
    }
    Selection::None
}
