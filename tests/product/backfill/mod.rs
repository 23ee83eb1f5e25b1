//! `backfill`: what it writes against what really happened, and what Prometheus makes of it.

mod exact;
mod program;
mod prometheus;

use std::collections::BTreeMap;

use crate::common::{COLLECTORS, only};

/// An account whose configuration has this at its end.
fn configuration(domain_api: &str, more: &str) -> String {
    format!(
        r#"
accounts:
  - id: "12345678"
    auth: {{oauth2: {{client_id: demo, client_secret: demo-secret}}}}
domain_api: "{domain_api}"
engagement_activity: {{totals: true, skill_agents: true}}
{}{more}
"#,
        only(&COLLECTORS)
    )
}

/// The samples of each series, by time in seconds.
type History = BTreeMap<String, BTreeMap<i64, f64>>;

fn history(text: &str) -> History {
    let mut history = History::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, sample) = line.rsplit_once("} ").unwrap();
        let (value, time) = sample.split_once(' ').unwrap();
        let points = history.entry(format!("{series}}}")).or_default();
        let before = points.insert(time.parse().unwrap(), value.parse().unwrap());
        assert_eq!(before, None, "twice: {line}");
    }
    history
}
