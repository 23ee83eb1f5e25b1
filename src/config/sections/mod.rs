//! The sections of the collectors that there are.

mod engagement_activity;
mod sla;

pub use engagement_activity::EngagementActivity;
pub use sla::Sla;

use super::SectionType;

/// Every collector's section, in the order in which messages list them.
pub const SECTIONS: &[SectionType] = &[
    SectionType::of::<EngagementActivity>(),
    SectionType::of::<Sla>(),
];
