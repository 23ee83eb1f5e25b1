//! The families of Engagement Activity: chats, handling time and connected engagements, of a window
//! and as running totals, for each level.

use crate::data_family;
use crate::metrics::Family;
use crate::vocabulary::Level;

/// The families of one level.
#[derive(Debug)]
pub struct ActivityFamilies {
    /// `..._chats`, or `..._chats_total`.
    pub chats: Family,
    /// `..._handling_seconds`, with `_total` for a running total.
    pub handling_seconds: Family,
    /// `..._connected_engagements`, with `_total` for a running total.
    pub connected_engagements: Family,
}

macro_rules! of_window {
    ($level:ident) => {
        ActivityFamilies {
            chats: data_family!($level: "liveperson_window_", "chats",
                Gauge ["window", "kind"], "Chats closed in the window",
                ", interactive or not (LivePerson: totalInteractiveChats, totalNonInteractiveChats)."),
            handling_seconds: data_family!($level: "liveperson_window_", "handling_seconds",
                Gauge ["window", "kind"], "Time spent handling the chats closed in the window",
                ", in seconds (LivePerson: totalHandlingTime, nonInteractiveTotalHandlingTime)."),
            connected_engagements: data_family!($level: "liveperson_window_", "connected_engagements",
                Gauge ["window"], "Chats connected to an agent in the window",
                " (LivePerson: connectedEngagements)."),
        }
    };
}

macro_rules! running_total {
    ($level:ident) => {
        ActivityFamilies {
            chats: data_family!($level: "liveperson_", "chats_total",
                Counter ["kind"], "Chats closed",
                ", interactive or not, running total since created (LivePerson: totalInteractiveChats, totalNonInteractiveChats)."),
            handling_seconds: data_family!($level: "liveperson_", "handling_seconds_total",
                Counter ["kind"], "Time spent handling the chats that were closed",
                ", in seconds, running total since created (LivePerson: totalHandlingTime, nonInteractiveTotalHandlingTime)."),
            connected_engagements: data_family!($level: "liveperson_", "connected_engagements_total",
                Counter [], "Chats connected to an agent",
                ", running total since created (LivePerson: connectedEngagements)."),
        }
    };
}

/// The families of one level.
struct OfLevel {
    window: ActivityFamilies,
    total: ActivityFamilies,
}

macro_rules! of_level {
    ($level:ident) => {
        OfLevel {
            window: of_window!($level),
            total: running_total!($level),
        }
    };
}

static ACCOUNT: OfLevel = of_level!(Account);
static SKILL: OfLevel = of_level!(Skill);
static AGENT: OfLevel = of_level!(Agent);
static SKILL_AGENT: OfLevel = of_level!(SkillAgent);

/// All of them, in the order of the page.
pub(super) fn all() -> Vec<&'static Family> {
    let levels = [&ACCOUNT, &SKILL, &AGENT, &SKILL_AGENT];
    let (windows, totals) = (
        levels.map(|level| &level.window),
        levels.map(|level| &level.total),
    );
    let families = windows.into_iter().chain(totals).map(|level| {
        [
            &level.chats,
            &level.handling_seconds,
            &level.connected_engagements,
        ]
    });
    families.flatten().collect()
}

/// The families of the account and of its skills, which the page at `/` shows.
pub(super) fn highlighted() -> (&'static ActivityFamilies, &'static ActivityFamilies) {
    (&ACCOUNT.window, &SKILL.window)
}

/// The families of windows at a level; `None` where LivePerson has no such numbers.
pub fn of_level(level: Level) -> Option<&'static ActivityFamilies> {
    of(level).map(|families| &families.window)
}

/// The families of running totals at a level; `None` where LivePerson has no such numbers.
pub fn total_of_level(level: Level) -> Option<&'static ActivityFamilies> {
    of(level).map(|families| &families.total)
}

fn of(level: Level) -> Option<&'static OfLevel> {
    match level {
        Level::Account => Some(&ACCOUNT),
        Level::Skill => Some(&SKILL),
        Level::Agent => Some(&AGENT),
        Level::SkillAgent => Some(&SKILL_AGENT),
        Level::Group => None,
    }
}
