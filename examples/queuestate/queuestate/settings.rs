//! The `queuestate` section.

use std::time::Duration;

use liveperson_exporter::config::{CollectorSection, Key, SectionReader};
use liveperson_exporter::vocabulary::{Selection, SkillId};

/// The settings of the Current Queue State collector.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// Whether the collector runs.
    pub(crate) enabled: bool,
    /// Time between the starts of two polls.
    pub(crate) interval: Duration,
    /// Skills that are served beside the account.
    pub(crate) skills: Selection<SkillId>,
}

impl CollectorSection for Settings {
    const NAME: &'static str = "queuestate";
    const KEYS: &'static [Key] = &[
        Key::value("enabled"),
        Key::value("interval"),
        Key::selection("skills"),
    ];

    fn read(reader: &SectionReader<'_>) -> Self {
        Self {
            enabled: reader.enabled(true),
            interval: reader.interval(Duration::from_secs(30)),
            skills: reader.selection("skills", Selection::All),
        }
    }

    fn enabled(&self) -> bool {
        self.enabled
    }

    fn interval(&self) -> Duration {
        self.interval
    }
}
