//! The `engagement_activity` section.

use std::time::Duration;

use crate::config::{CollectorSection, Key, SectionReader};
use crate::vocabulary::{AgentId, Selection, SkillId, Window};

/// The settings of the Engagement Activity collector.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Whether the collector runs.
    pub enabled: bool,
    /// Time between the starts of two polls.
    pub interval: Duration,
    /// Time frames that are requested, in the order of the file, without duplicates.
    pub windows: Vec<Window>,
    /// Skills to serve.
    pub skills: Selection<SkillId>,
    /// Agents to serve.
    pub agents: Selection<AgentId>,
    /// Whether to serve series per skill AND agent.
    pub skill_agents: bool,
    /// Whether to serve running totals, at the levels of the windows.
    pub totals: bool,
}

impl CollectorSection for Settings {
    const NAME: &'static str = "engagement_activity";
    const KEYS: &'static [Key] = &[
        Key::value("enabled"),
        Key::value("interval"),
        Key::list("windows"),
        Key::selection("skills"),
        Key::selection("agents"),
        Key::value("skill_agents"),
        Key::value("totals"),
    ];

    fn read(reader: &SectionReader<'_>) -> Self {
        let section = Self {
            enabled: reader.enabled(true),
            interval: reader.interval(Duration::from_secs(30)),
            windows: reader.windows("windows", &[Window::Minutes(5), Window::Minutes(60)]),
            skills: reader.selection("skills", Selection::All),
            agents: reader.selection("agents", Selection::All),
            skill_agents: reader.bool("skill_agents", false),
            totals: reader.bool("totals", true),
        };
        if section.enabled && section.skill_agents && section.skills == Selection::None {
            reader.contradiction(
                &["skill_agents", "skills"],
                "skill_agents: true requires skills, found skills: none; select skills or set skill_agents: false",
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
