//! The families of the SLA Histogram: the waits and their number in a window, and the waits as running
//! totals, for each level.

use crate::data_family;
use crate::metrics::Family;
use crate::vocabulary::Level;

/// The families of one level.
#[derive(Debug)]
pub struct WaitFamilies {
    /// `..._wait_seconds` of a window.
    pub wait_seconds: Family,
    /// `..._waited_chats`.
    pub waited_chats: Family,
    /// The running total of `..._wait_seconds`.
    pub total_wait_seconds: Family,
}

macro_rules! of_level {
    ($level:ident) => {
        WaitFamilies {
            wait_seconds: data_family!($level: "liveperson_window_", "wait_seconds",
                GaugeHistogram ["window"], "Time visitors waited for an agent's first reply in the window",
                ", in seconds, accurate to 5 s (LivePerson: slaDataRange.*.chats)."),
            waited_chats: data_family!($level: "liveperson_window_", "waited_chats",
                Gauge ["window"], "Chats in the wait-time histogram of the window",
                " (LivePerson: sum of slaDataRange.*.chats)."),
            total_wait_seconds: data_family!($level: "liveperson_", "wait_seconds",
                Histogram [], "Time visitors waited for an agent's first reply",
                ", in seconds, accurate to 5 s, running total since created (LivePerson: slaDataRange.*.chats)."),
        }
    };
}

static ACCOUNT: WaitFamilies = of_level!(Account);
static SKILL: WaitFamilies = of_level!(Skill);
static GROUP: WaitFamilies = of_level!(Group);

/// All of them, in the order of the page.
pub(super) fn all() -> Vec<&'static Family> {
    let levels = [&ACCOUNT, &SKILL, &GROUP];
    let windows = levels.map(|level| [&level.wait_seconds, &level.waited_chats]);
    let totals = levels.map(|level| &level.total_wait_seconds);
    windows.into_iter().flatten().chain(totals).collect()
}

/// The families of the account and of its skills, which the page at `/` shows.
pub(super) fn highlighted() -> (&'static WaitFamilies, &'static WaitFamilies) {
    (&ACCOUNT, &SKILL)
}

/// The families at a level; `None` where LivePerson has no such numbers.
pub fn of_level(level: Level) -> Option<&'static WaitFamilies> {
    match level {
        Level::Account => Some(&ACCOUNT),
        Level::Skill => Some(&SKILL),
        Level::Group => Some(&GROUP),
        Level::Agent | Level::SkillAgent => None,
    }
}
