//! The running totals of a page in OpenMetrics.

use std::collections::BTreeMap;

use liveperson_exporter::simulator::Truth;

use crate::common::{Exporter, http};

/// What a series counts at its level.
const SUFFIXES: [&str; 4] = [
    "_chats_total",
    "_handling_seconds_total",
    "_connected_engagements_total",
    "_wait_seconds_bucket",
];

/// A series of running totals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series {
    name: String,
    labels: BTreeMap<String, String>,
}

/// What a page says of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Total {
    pub(super) value: f64,
    /// In seconds since the epoch.
    pub(super) created: i64,
}

/// The running totals of a page.
pub(super) type Totals = BTreeMap<Series, Total>;

/// The page in OpenMetrics: there totals have a `_created`.
pub(super) async fn openmetrics(exporter: &Exporter) -> String {
    let request = http().get(format!("{}/metrics", exporter.base_url));
    let request = request.header("accept", "application/openmetrics-text;version=1.0.0");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

/// Finds the running totals of a page.
pub(super) fn totals(page: &str) -> Totals {
    let (mut values, mut created) = (BTreeMap::new(), BTreeMap::new());
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let Some(series) = Series::parse(series) else {
            continue;
        };
        let value: f64 = value.parse().unwrap();
        if series.name.ends_with("_created") {
            created.insert(series, value as i64);
        } else if series.level().is_some() {
            values.insert(series, value);
        }
    }
    let total = |(series, value): (Series, f64)| {
        let created = created[&series.created()];
        (series, Total { value, created })
    };
    values.into_iter().map(total).collect()
}

impl Series {
    /// Reads a series as it is written on a page.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, labels) = text.strip_suffix('}')?.split_once('{')?;
        let labels = labels.split(',').filter_map(|label| {
            let (name, value) = label.split_once("=\"")?;
            Some((name.to_owned(), value.trim_end_matches('"').to_owned()))
        });
        Some(Self {
            name: name.to_owned(),
            labels: labels.collect(),
        })
    }

    /// The series that says when it began.
    fn created(&self) -> Self {
        let family = self.name.trim_end_matches("_total");
        let family = family.trim_end_matches("_bucket");
        let mut labels = self.labels.clone();
        labels.remove("le");
        Self {
            name: format!("{family}_created"),
            labels,
        }
    }

    /// Its level; `None` when it is not a running total.
    pub(super) fn level(&self) -> Option<&str> {
        let rest = self.name.strip_prefix("liveperson_")?;
        let level = SUFFIXES
            .iter()
            .find_map(|suffix| rest.strip_suffix(suffix))?;
        let is_level = ["account", "skill", "agent", "skill_agent", "group"].contains(&level);
        is_level.then_some(level)
    }

    fn is_of_waits(&self) -> bool {
        self.name.ends_with("_wait_seconds_bucket")
    }

    /// The collector that it comes from.
    pub(super) fn collector(&self) -> &'static str {
        if self.is_of_waits() {
            "sla"
        } else {
            "engagement_activity"
        }
    }

    /// What comes from one answer, and so from one moment: a level of Engagement Activity, or the waits
    /// of one subject.
    pub(super) fn answer(&self) -> String {
        let level = self.level().unwrap();
        if self.is_of_waits() {
            format!("waits of {level} {:?}", self.id(level))
        } else {
            level.to_owned()
        }
    }

    fn id(&self, label: &str) -> Option<i64> {
        self.labels
            .get(label)?
            .parse()
            .ok()
            .filter(|_| label != "account")
    }

    /// The ids that it is about.
    pub(super) fn ids(&self) -> [Option<i64>; 3] {
        ["skill", "agent", "group"].map(|label| self.id(label))
    }

    /// What it should say.
    pub(super) fn expected(&self, truth: &Truth) -> i64 {
        let totals = match self.ids() {
            [Some(skill), Some(agent), None] => truth.skill_agent(skill, agent),
            [Some(skill), None, None] => truth.skill(skill),
            [None, Some(agent), None] => truth.agent(agent),
            [None, None, Some(group)] => truth.group(group),
            _ => truth.account(),
        };
        let interactive = self
            .labels
            .get("kind")
            .is_some_and(|kind| kind == "interactive");
        let counts = totals.counts;
        match self.labels.get("le").map(String::as_str) {
            Some("+Inf") => totals.answered_within(u32::MAX),
            Some(limit) => totals.answered_within(limit.parse::<f64>().unwrap() as u32),
            None if self.name.ends_with("connected_engagements_total") => counts.connected,
            None if self.name.ends_with("_chats_total") => match interactive {
                true => counts.interactive,
                false => counts.noninteractive,
            },
            None if interactive => counts.handling_seconds,
            None => counts.noninteractive_handling_seconds,
        }
    }
}
