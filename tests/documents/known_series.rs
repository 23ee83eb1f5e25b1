//! Which series there are, by the catalogue, and which labels they have.

use std::collections::BTreeSet;

use liveperson_exporter::collectors::Registry;
use liveperson_exporter::metrics::{Family, Kind, Origin};

use super::promql::Selector;

/// The series of a family that a document may use: those that are the same in both formats and
/// in every version of Prometheus.
pub(crate) fn series(family: &Family) -> Vec<String> {
    let suffixes: &[&str] = match family.kind {
        Kind::Gauge | Kind::Info | Kind::Counter => &[""],
        // `_count` in one format is `_gcount` in the other.
        Kind::GaugeHistogram => &["_bucket"],
        // LivePerson gives no sum of the waits, and then there is no count either.
        Kind::Histogram if family.origin != Origin::Exporter => &["_bucket"],
        Kind::Histogram => &["_bucket", "_sum", "_count"],
    };
    let name = family.name;
    suffixes.iter().map(|s| format!("{name}{s}")).collect()
}

pub(crate) const PROCESS: [&str; 7] = [
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
    "process_virtual_memory_bytes",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
];

/// What Prometheus itself writes about alerts, and labels that they may have.
const ALERTS: [&str; 2] = ["ALERTS", "ALERTS_FOR_STATE"];

/// A canonical float, where a variable may stand for the number before the point.
fn is_spelt_as_on_the_page(limit: &str) -> bool {
    limit == "+Inf"
        || limit
            .split_once('.')
            .is_some_and(|(_, digits)| digits.parse::<u32>().is_ok())
}

/// Every family that the exporter serves, in the order of the page.
pub(crate) fn families() -> Vec<&'static Family> {
    let catalogue = liveperson_exporter::daemon::catalogue(&Registry::standard());
    catalogue.all().collect()
}

/// Checks that a selector names a series, and labels that this series has.
pub(crate) fn check(selector: &Selector, recorded: &BTreeSet<String>, place: &str) {
    let name = selector.name.as_str();
    let family = families()
        .into_iter()
        .find(|family| series(family).iter().any(|series| series == name));
    let mut labels = vec!["job", "instance"];
    match family {
        Some(family) => {
            labels.extend(family.labels);
            if name.ends_with("_bucket") {
                labels.push("le");
            }
        }
        None if ALERTS.contains(&name) => {
            labels.extend([
                "alertname",
                "alertstate",
                "severity",
                "account",
                "collector",
            ]);
        }
        None if name == "up" || PROCESS.contains(&name) => {}
        None if recorded.contains(name) => {
            labels.extend(["account", "collector", "api", "code", "window", "within"])
        }
        None => panic!("{place}: there is no series {name}"),
    }
    for matcher in &selector.matchers {
        assert!(
            labels.contains(&matcher.label.as_str()),
            "{place}: {name} has no label {}",
            matcher.label
        );
        assert!(
            matcher.label != "le" || is_spelt_as_on_the_page(&matcher.value),
            "{place}: le=\"{}\" is spelt 30.0 on the page",
            matcher.value
        );
    }
    if name.starts_with("liveperson_window_") {
        // How a window was at some time says something; how it grew says nothing.
        let looks_back = selector.function == "last_over_time";
        assert!(
            !selector.range || looks_back,
            "{place}: {name} is a sliding window, not for rate() and its like"
        );
    }
}
