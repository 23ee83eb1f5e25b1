//! How JSON is written where accounts differ: its numbers, and the name of a section.

use clap::ValueEnum;
use serde_json::{Value, json};

/// How numbers are written in the responses of the data APIs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Numbers {
    /// `12`, as documented.
    #[default]
    Integer,
    /// `12.0`.
    Double,
    /// `"12"`, as on old accounts.
    String,
}

impl Numbers {
    /// A count, a sum of seconds or a timestamp.
    pub fn whole(self, value: i64) -> Value {
        match self {
            Self::Integer => json!(value),
            // Timestamps and counts stay far below 2^53.
            Self::Double => json!(value as f64),
            Self::String => json!(value.to_string()),
        }
    }

    /// `part` of `total` as a ratio 0 to 1; 0 when the total is 0.
    pub fn ratio(self, part: i64, total: i64) -> Value {
        let ratio = if total == 0 {
            0.0
        } else {
            part as f64 / total as f64
        };
        match self {
            // The document writes 0 and 1 without a decimal point.
            Self::Integer if part == 0 || total == 0 => json!(0),
            Self::Integer if part == total => json!(1),
            Self::Integer | Self::Double => json!(ratio),
            Self::String => json!(ratio.to_string()),
        }
    }
}

/// The name of the skill section of Engagement Activity: the document's samples and its table differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SectionName {
    /// As in the samples.
    #[default]
    #[value(name = "skillsMetricsPerAgent")]
    SkillsMetricsPerAgent,
    /// As in the table.
    #[value(name = "skillsMetrics")]
    SkillsMetrics,
}

impl SectionName {
    /// The JSON key.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::SkillsMetricsPerAgent => "skillsMetricsPerAgent",
            Self::SkillsMetrics => "skillsMetrics",
        }
    }
}
