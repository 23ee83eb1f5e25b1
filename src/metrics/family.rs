//! What a metric family is: name, type, labels, help and source, as data.
//!
//! Each family is a `static` where its samples are made: a collector's in its folder, those of names
//! in `names`, the exporter's own in `exporter_families`. It is known by its address, so that two
//! families cannot be mixed up and no number has to be kept in step with a list.

use crate::vocabulary::Level;

/// One metric family.
#[derive(Debug)]
pub struct Family {
    /// The name of its samples: with `_total` for a counter and `_info` for an info, without
    /// `_bucket` for a histogram.
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

impl PartialEq for Family {
    /// The same static: every family is declared once.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
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
    /// A count that only grows, from a time that each sample names: of what the exporter did, since
    /// it started; of LivePerson's data, since its running total began.
    Counter,
    /// A histogram that only grows, like a counter.
    Histogram,
}

impl Kind {
    /// Whether its samples only grow, and OpenMetrics says since when (`_created`).
    pub fn is_cumulative(self) -> bool {
        matches!(self, Self::Counter | Self::Histogram)
    }
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

/// A [`Family`] of LivePerson's data at one level, with the level's word in the name, its id labels,
/// and the level in the help text:
///
/// `data_family!(Skill: "liveperson_window_", "chats", Gauge ["window"], "Chats closed", " (LivePerson: field).")`
/// is `liveperson_window_skill_chats{account,skill,window}`, "Chats closed by skill (LivePerson: field)."
/// A counter's name ends with `_total`: `"liveperson_", "chats_total", Counter ["kind"]` is
/// `liveperson_skill_chats_total{account,skill,kind}`.
#[macro_export]
macro_rules! data_family {
    (Account: $($rest:tt)*) => {
        $crate::data_family!(@ Account, "account", [], "over the whole account", $($rest)*)
    };
    (Skill: $($rest:tt)*) => {
        $crate::data_family!(@ Skill, "skill", ["skill"], "by skill", $($rest)*)
    };
    (Agent: $($rest:tt)*) => {
        $crate::data_family!(@ Agent, "agent", ["agent"], "by agent", $($rest)*)
    };
    (SkillAgent: $($rest:tt)*) => {
        $crate::data_family!(@ SkillAgent, "skill_agent", ["skill", "agent"], "by skill and agent", $($rest)*)
    };
    (Group: $($rest:tt)*) => {
        $crate::data_family!(@ Group, "group", ["group"], "by agent group", $($rest)*)
    };
    (@ $level:ident, $word:literal, [$($id:literal),*], $of:literal,
     $prefix:literal, $name:literal, $kind:ident [$($label:literal),*], $help:literal, $rest:literal) => {
        $crate::metrics::Family {
            name: concat!($prefix, $word, "_", $name),
            kind: $crate::metrics::Kind::$kind,
            labels: &["account", $($id,)* $($label),*],
            help: concat!($help, " ", $of, $rest),
            origin: $crate::metrics::Origin::Data($crate::vocabulary::Level::$level),
        }
    };
}
