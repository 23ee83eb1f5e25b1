//! The families of Engagement Activity: chats, handling time and connected engagements, for each
//! level.

use crate::data_family;
use crate::metrics::Family;
use crate::vocabulary::Level;

/// The families of one level.
#[derive(Debug)]
pub struct ActivityFamilies {
    /// `..._chats`.
    pub chats: Family,
    /// `..._handling_seconds`.
    pub handling_seconds: Family,
    /// `..._connected_engagements`.
    pub connected_engagements: Family,
}

macro_rules! of_level {
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

static ACCOUNT: ActivityFamilies = of_level!(Account);
static SKILL: ActivityFamilies = of_level!(Skill);
static AGENT: ActivityFamilies = of_level!(Agent);
static SKILL_AGENT: ActivityFamilies = of_level!(SkillAgent);

/// All of them, in the order of the page.
pub(super) fn all() -> Vec<&'static Family> {
    let levels = [&ACCOUNT, &SKILL, &AGENT, &SKILL_AGENT];
    let families = levels.map(|level| {
        [
            &level.chats,
            &level.handling_seconds,
            &level.connected_engagements,
        ]
    });
    families.concat()
}

/// The families of the account and of its skills, which the page at `/` shows.
pub(super) fn highlighted() -> (&'static ActivityFamilies, &'static ActivityFamilies) {
    (&ACCOUNT, &SKILL)
}

/// The families at a level; `None` where LivePerson has no such numbers.
pub fn of_level(level: Level) -> Option<&'static ActivityFamilies> {
    match level {
        Level::Account => Some(&ACCOUNT),
        Level::Skill => Some(&SKILL),
        Level::Agent => Some(&AGENT),
        Level::SkillAgent => Some(&SKILL_AGENT),
        Level::Group => None,
    }
}
