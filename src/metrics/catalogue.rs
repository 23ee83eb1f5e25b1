//! Every family that the exporter serves, as data: name, type, labels, help and source.
//!
//! The README's metrics table is checked against this list by a test, and both exposition formats
//! are written from it.

use crate::scheduler::plan::Level;

/// One metric family.
#[derive(Debug, PartialEq)]
pub struct Family {
    /// The name, without the suffixes that its type brings.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// Label names in the order they are written, without `le`.
    pub labels: &'static [&'static str],
    /// What it says, with the LivePerson field it comes from.
    pub help: &'static str,
    /// Where its samples come from.
    pub origin: Origin,
}

/// A family's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A gauge that is always 1 and carries labels.
    Info,
    /// A histogram of a window, not of all time.
    GaugeHistogram,
    /// A count since the exporter started.
    Counter,
    /// A histogram since the exporter started.
    Histogram,
}

/// Where a family's samples come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// LivePerson's data about this level.
    Data(Level),
    /// Names for the ids of this level.
    Names(Level),
    /// The exporter itself.
    Exporter,
}

impl Origin {
    /// The level that it is about; `None` for the exporter itself.
    pub fn level(self) -> Option<Level> {
        match self {
            Self::Data(level) | Self::Names(level) => Some(level),
            Self::Exporter => None,
        }
    }
}

/// A family of [`FAMILIES`] by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FamilyId(usize);

impl FamilyId {
    /// The family.
    pub fn get(self) -> &'static Family {
        &FAMILIES[self.0]
    }

    /// Its place in [`FAMILIES`].
    pub fn index(self) -> usize {
        self.0
    }

    /// All families, in the order in which they are served.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..FAMILIES.len()).map(Self)
    }
}

/// All families: those with data and names in the order in which they are served, then the
/// exporter's own, which are served after them by name.
pub static FAMILIES: [Family; 38] = [
    Family {
        name: "liveperson_window_account_chats",
        kind: Kind::Gauge,
        labels: &["account", "window", "kind"],
        help: "Chats closed in the window over the whole account, interactive or not (LivePerson: totalInteractiveChats, totalNonInteractiveChats).",
        origin: Origin::Data(Level::Account),
    },
    Family {
        name: "liveperson_window_account_handling_seconds",
        kind: Kind::Gauge,
        labels: &["account", "window", "kind"],
        help: "Time spent handling the chats closed in the window over the whole account, in seconds (LivePerson: totalHandlingTime, nonInteractiveTotalHandlingTime).",
        origin: Origin::Data(Level::Account),
    },
    Family {
        name: "liveperson_window_account_connected_engagements",
        kind: Kind::Gauge,
        labels: &["account", "window"],
        help: "Chats connected to an agent in the window over the whole account (LivePerson: connectedEngagements).",
        origin: Origin::Data(Level::Account),
    },
    Family {
        name: "liveperson_window_skill_chats",
        kind: Kind::Gauge,
        labels: &["account", "skill", "window", "kind"],
        help: "Chats closed in the window by skill, interactive or not (LivePerson: totalInteractiveChats, totalNonInteractiveChats).",
        origin: Origin::Data(Level::Skill),
    },
    Family {
        name: "liveperson_window_skill_handling_seconds",
        kind: Kind::Gauge,
        labels: &["account", "skill", "window", "kind"],
        help: "Time spent handling the chats closed in the window by skill, in seconds (LivePerson: totalHandlingTime, nonInteractiveTotalHandlingTime).",
        origin: Origin::Data(Level::Skill),
    },
    Family {
        name: "liveperson_window_skill_connected_engagements",
        kind: Kind::Gauge,
        labels: &["account", "skill", "window"],
        help: "Chats connected to an agent in the window by skill (LivePerson: connectedEngagements).",
        origin: Origin::Data(Level::Skill),
    },
    Family {
        name: "liveperson_window_agent_chats",
        kind: Kind::Gauge,
        labels: &["account", "agent", "window", "kind"],
        help: "Chats closed in the window by agent, interactive or not (LivePerson: totalInteractiveChats, totalNonInteractiveChats).",
        origin: Origin::Data(Level::Agent),
    },
    Family {
        name: "liveperson_window_agent_handling_seconds",
        kind: Kind::Gauge,
        labels: &["account", "agent", "window", "kind"],
        help: "Time spent handling the chats closed in the window by agent, in seconds (LivePerson: totalHandlingTime, nonInteractiveTotalHandlingTime).",
        origin: Origin::Data(Level::Agent),
    },
    Family {
        name: "liveperson_window_agent_connected_engagements",
        kind: Kind::Gauge,
        labels: &["account", "agent", "window"],
        help: "Chats connected to an agent in the window by agent (LivePerson: connectedEngagements).",
        origin: Origin::Data(Level::Agent),
    },
    Family {
        name: "liveperson_window_skill_agent_chats",
        kind: Kind::Gauge,
        labels: &["account", "skill", "agent", "window", "kind"],
        help: "Chats closed in the window by skill and agent, interactive or not (LivePerson: totalInteractiveChats, totalNonInteractiveChats).",
        origin: Origin::Data(Level::SkillAgent),
    },
    Family {
        name: "liveperson_window_skill_agent_handling_seconds",
        kind: Kind::Gauge,
        labels: &["account", "skill", "agent", "window", "kind"],
        help: "Time spent handling the chats closed in the window by skill and agent, in seconds (LivePerson: totalHandlingTime, nonInteractiveTotalHandlingTime).",
        origin: Origin::Data(Level::SkillAgent),
    },
    Family {
        name: "liveperson_window_skill_agent_connected_engagements",
        kind: Kind::Gauge,
        labels: &["account", "skill", "agent", "window"],
        help: "Chats connected to an agent in the window by skill and agent (LivePerson: connectedEngagements).",
        origin: Origin::Data(Level::SkillAgent),
    },
    Family {
        name: "liveperson_window_account_wait_seconds",
        kind: Kind::GaugeHistogram,
        labels: &["account", "window"],
        help: "Time visitors waited for an agent's first reply in the window over the whole account, in seconds, accurate to 5 s (LivePerson: slaDataRange.*.chats).",
        origin: Origin::Data(Level::Account),
    },
    Family {
        name: "liveperson_window_account_waited_chats",
        kind: Kind::Gauge,
        labels: &["account", "window"],
        help: "Chats in the wait-time histogram of the window over the whole account (LivePerson: sum of slaDataRange.*.chats).",
        origin: Origin::Data(Level::Account),
    },
    Family {
        name: "liveperson_window_skill_wait_seconds",
        kind: Kind::GaugeHistogram,
        labels: &["account", "skill", "window"],
        help: "Time visitors waited for an agent's first reply in the window by skill, in seconds, accurate to 5 s (LivePerson: slaDataRange.*.chats).",
        origin: Origin::Data(Level::Skill),
    },
    Family {
        name: "liveperson_window_skill_waited_chats",
        kind: Kind::Gauge,
        labels: &["account", "skill", "window"],
        help: "Chats in the wait-time histogram of the window by skill (LivePerson: sum of slaDataRange.*.chats).",
        origin: Origin::Data(Level::Skill),
    },
    Family {
        name: "liveperson_window_group_wait_seconds",
        kind: Kind::GaugeHistogram,
        labels: &["account", "group", "window"],
        help: "Time visitors waited for an agent's first reply in the window by agent group, in seconds, accurate to 5 s (LivePerson: slaDataRange.*.chats).",
        origin: Origin::Data(Level::Group),
    },
    Family {
        name: "liveperson_window_group_waited_chats",
        kind: Kind::Gauge,
        labels: &["account", "group", "window"],
        help: "Chats in the wait-time histogram of the window by agent group (LivePerson: sum of slaDataRange.*.chats).",
        origin: Origin::Data(Level::Group),
    },
    Family {
        name: "liveperson_skill_info",
        kind: Kind::Info,
        labels: &["account", "skill", "name"],
        help: "Name of a skill (LivePerson: le-users/skills name).",
        origin: Origin::Names(Level::Skill),
    },
    Family {
        name: "liveperson_agent_info",
        kind: Kind::Info,
        labels: &["account", "agent", "name"],
        help: "Name of an agent (LivePerson: le-users/users fullName, nickname or loginName).",
        origin: Origin::Names(Level::Agent),
    },
    Family {
        name: "liveperson_group_info",
        kind: Kind::Info,
        labels: &["account", "group", "name"],
        help: "Name of an agent group (LivePerson: le-users/agentGroups name).",
        origin: Origin::Names(Level::Group),
    },
    Family {
        name: "liveperson_up",
        kind: Kind::Gauge,
        labels: &["account", "collector"],
        help: "Whether the last poll of the collector succeeded whole: 1 or 0.",
        origin: Origin::Exporter,
    },
    Family {
        name: "liveperson_last_success_timestamp_seconds",
        kind: Kind::Gauge,
        labels: &["account", "collector"],
        help: "When a poll of the collector last succeeded whole, in seconds since the epoch.",
        origin: Origin::Exporter,
    },
    Family {
        name: "liveperson_poll_duration_seconds",
        kind: Kind::Gauge,
        labels: &["account", "collector"],
        help: "How long the last poll of the collector took, in seconds; its requests are spread over the interval.",
        origin: Origin::Exporter,
    },
    Family {
        name: "liveperson_poll_stretch_ratio",
        kind: Kind::Gauge,
        labels: &["account", "collector"],
        help: "Time the last poll of the collector took over its interval, at least 1; more means that polls are late, because calls are slow, fail or may not start more often.",
        origin: Origin::Exporter,
    },
    Family {
        name: "liveperson_polls_skipped_total",
        kind: Kind::Counter,
        labels: &["account", "collector"],
        help: "Polls of the collector that were due while the last one was still running or backing off; a late one begins as soon as the one before is through.",
        origin: Origin::Exporter,
    },
    Family {
        name: "liveperson_series",
        kind: Kind::Gauge,
        labels: &["account", "collector"],
        help: "Data series of the collector that are served.",
        origin: Origin::Exporter,
    },
    Family {
        name: "liveperson_series_dropped",
        kind: Kind::Gauge,
        labels: &["account", "collector"],
        help: "Data series of the collector that are left out because of limits.max_series.",
        origin: Origin::Exporter,
    },
    Family {
        name: "liveperson_api_requests_total",
        kind: Kind::Counter,
        labels: &["account", "api", "code"],
        help: "Requests to LivePerson by outcome: HTTP status (or the envelope's meta.responseCode), timeout, connect, decode or too_large.",
        origin: Origin::Exporter,
    },
    Family {
        name: "liveperson_api_request_duration_seconds",
        kind: Kind::Histogram,
        labels: &["account", "api"],
        help: "Time from the start of a request to LivePerson to the end of its answer, in seconds.",
        origin: Origin::Exporter,
    },
    Family {
        name: "liveperson_api_response_bytes_total",
        kind: Kind::Counter,
        labels: &["account", "api"],
        help: "Bytes of LivePerson's answers, after decompression.",
        origin: Origin::Exporter,
    },
    Family {
        name: "liveperson_api_entries_ignored_total",
        kind: Kind::Counter,
        labels: &["account", "api"],
        help: "Entries of LivePerson's answers that could not be read and were left out.",
        origin: Origin::Exporter,
    },
    Family {
        name: "liveperson_api_backoff_seconds",
        kind: Kind::Gauge,
        labels: &["account"],
        help: "What is left of the present wait after a 429 or a failure, in seconds; 0 when there is none.",
        origin: Origin::Exporter,
    },
    Family {
        name: "liveperson_clock_offset_seconds",
        kind: Kind::Gauge,
        labels: &["account"],
        help: "LivePerson's clock (the Date header of its answers) less ours, in seconds.",
        origin: Origin::Exporter,
    },
    Family {
        name: "liveperson_exporter_build_info",
        kind: Kind::Info,
        labels: &["version", "revision", "rust_version"],
        help: "Version and revision of the exporter and the compiler it was built with.",
        origin: Origin::Exporter,
    },
    Family {
        name: "liveperson_exporter_config_last_reload_successful",
        kind: Kind::Gauge,
        labels: &[],
        help: "Whether the last load of the configuration succeeded: 1 or 0.",
        origin: Origin::Exporter,
    },
    Family {
        name: "liveperson_exporter_config_last_reload_success_timestamp_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "When the configuration was last loaded successfully, in seconds since the epoch.",
        origin: Origin::Exporter,
    },
    Family {
        name: "liveperson_exporter_web_config_last_reload_successful",
        kind: Kind::Gauge,
        labels: &[],
        help: "Whether the present web configuration file is in force: 1, also without one, or 0 when the last good state of it is.",
        origin: Origin::Exporter,
    },
];

/// The three families of Engagement Activity at one level.
#[derive(Clone, Copy, Debug)]
pub struct ActivityFamilies {
    /// `..._chats`.
    pub chats: FamilyId,
    /// `..._handling_seconds`.
    pub handling_seconds: FamilyId,
    /// `..._connected_engagements`.
    pub connected_engagements: FamilyId,
}

/// The families of Engagement Activity at a level; `None` where LivePerson has no such numbers.
pub fn activity(level: Level) -> Option<ActivityFamilies> {
    let first = match level {
        Level::Account => 0,
        Level::Skill => 3,
        Level::Agent => 6,
        Level::SkillAgent => 9,
        Level::Group => return None,
    };
    Some(ActivityFamilies {
        chats: FamilyId(first),
        handling_seconds: FamilyId(first + 1),
        connected_engagements: FamilyId(first + 2),
    })
}

/// The two families of the SLA Histogram at one level.
#[derive(Clone, Copy, Debug)]
pub struct WaitFamilies {
    /// `..._wait_seconds`.
    pub wait_seconds: FamilyId,
    /// `..._waited_chats`.
    pub waited_chats: FamilyId,
}

/// The families of the SLA Histogram at a level; `None` where LivePerson has no such numbers.
pub fn waits(level: Level) -> Option<WaitFamilies> {
    let first = match level {
        Level::Account => 12,
        Level::Skill => 14,
        Level::Group => 16,
        Level::Agent | Level::SkillAgent => return None,
    };
    Some(WaitFamilies {
        wait_seconds: FamilyId(first),
        waited_chats: FamilyId(first + 1),
    })
}

/// The family of names of a level; `None` where the ids have no names of their own.
pub fn info(level: Level) -> Option<FamilyId> {
    match level {
        Level::Skill => Some(FamilyId(18)),
        Level::Agent => Some(FamilyId(19)),
        Level::Group => Some(FamilyId(20)),
        Level::Account | Level::SkillAgent => None,
    }
}

/// A family by name.
pub fn find(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.name == name)
}

/// The help text of a family by name; empty for one that is not in the catalogue.
pub fn help(name: &str) -> &'static str {
    find(name).map_or("", |family| family.help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_well_formed() {
        let mut names: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAMILIES.len());
        for family in &FAMILIES {
            assert!(family.name.starts_with("liveperson_"));
            assert_eq!(
                family.kind == Kind::Counter,
                family.name.ends_with("_total")
            );
            assert_eq!(family.kind == Kind::Info, family.name.ends_with("_info"));
            assert!(family.help.ends_with('.') && !family.help.contains(['\n', '\\']));
        }
    }

    #[test]
    fn every_level_finds_its_families() {
        for (level, word) in [
            (Level::Account, "account"),
            (Level::Skill, "skill"),
            (Level::Agent, "agent"),
            (Level::SkillAgent, "skill_agent"),
            (Level::Group, "group"),
        ] {
            if let Some(families) = activity(level) {
                let name = |id: FamilyId| id.get().name.to_owned();
                let prefix = format!("liveperson_window_{word}_");
                assert_eq!(name(families.chats), format!("{prefix}chats"));
                assert_eq!(
                    name(families.handling_seconds),
                    format!("{prefix}handling_seconds")
                );
                assert_eq!(
                    name(families.connected_engagements),
                    format!("{prefix}connected_engagements")
                );
                assert_eq!(families.chats.get().origin, Origin::Data(level));
            }
            if let Some(families) = waits(level) {
                let prefix = format!("liveperson_window_{word}_");
                assert_eq!(
                    families.wait_seconds.get().name,
                    format!("{prefix}wait_seconds")
                );
                assert_eq!(
                    families.waited_chats.get().name,
                    format!("{prefix}waited_chats")
                );
            }
            if let Some(family) = info(level) {
                assert_eq!(family.get().name, format!("liveperson_{word}_info"));
                assert_eq!(family.get().origin, Origin::Names(level));
            }
        }
    }

    #[test]
    fn help_is_found_by_name() {
        assert!(help("liveperson_up").contains("succeeded whole"));
        assert_eq!(help("unknown"), "");
    }
}
