//! The `sla` section.

use std::time::Duration;

use crate::config::{CollectorSection, Key, SecondsList, SectionReader};
use crate::vocabulary::{GroupId, Selection, SkillId, Window};

const BUCKETS: SecondsList = SecondsList {
    multiple_of: 5,
    max: 86_400,
    // More would multiply into more series than a histogram is worth.
    max_items: 100,
};

/// The settings of the SLA Histogram collector.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Whether the collector runs.
    pub enabled: bool,
    /// Time between the starts of two polls.
    pub interval: Duration,
    /// Time frames that are requested, in the order of the file, without duplicates.
    pub windows: Vec<Window>,
    /// Upper limits in seconds, ascending multiples of 5, without the 0 that LivePerson's own
    /// histograms begin with.
    pub buckets: Vec<u32>,
    /// Whether to serve the histogram of the whole account.
    pub account: bool,
    /// Skills with a histogram each.
    pub skills: Selection<SkillId>,
    /// Groups with a histogram each: `None` or `Ids`, never `All`.
    pub groups: Selection<GroupId>,
    /// Whether to serve running totals, at the levels of the windows.
    pub totals: bool,
}

impl CollectorSection for Settings {
    const NAME: &'static str = "sla";
    const KEYS: &'static [Key] = &[
        Key::value("enabled"),
        Key::value("interval"),
        Key::list("windows"),
        Key::list("buckets"),
        Key::value("account"),
        Key::selection("skills"),
        Key::selection("groups"),
        Key::value("totals"),
    ];

    fn read(reader: &SectionReader<'_>) -> Self {
        let section = Self {
            enabled: reader.enabled(true),
            interval: reader.interval(Duration::from_secs(60)),
            windows: reader.windows("windows", &[Window::Minutes(5), Window::Minutes(60)]),
            buckets: reader.seconds_list("buckets", &[15, 30, 45, 60, 90, 120], BUCKETS),
            account: reader.bool("account", true),
            skills: reader.selection("skills", Selection::None),
            groups: reader.listed_ids("groups", "LivePerson needs one request per group"),
            totals: reader.bool("totals", true),
        };
        if section.enabled && section.requests_nothing() {
            reader.contradiction(
                &["account", "skills", "groups"],
                "account: false, skills: none and groups: none leave nothing to request; select one of them or set enabled: false",
            );
        }
        section
    }

    fn enabled(&self) -> bool {
        self.enabled
    }

    fn interval(&self) -> Duration {
        self.interval
    }
}

impl Settings {
    fn requests_nothing(&self) -> bool {
        !self.account && self.skills == Selection::None && self.groups == Selection::None
    }
}
