//! The info families, one for each level whose ids have names.

use crate::metrics::{Family, Kind, Origin};
use crate::vocabulary::Level;

/// Names of skills.
pub static SKILL_INFO: Family = Family {
    name: "liveperson_skill_info",
    kind: Kind::Info,
    labels: &["account", "skill", "name"],
    help: "Name of a skill (LivePerson: le-users/skills name).",
    origin: Origin::Names(Level::Skill),
};

/// Names of agents.
pub static AGENT_INFO: Family = Family {
    name: "liveperson_agent_info",
    kind: Kind::Info,
    labels: &["account", "agent", "name"],
    help: "Name of an agent (LivePerson: le-users/users fullName, nickname or loginName).",
    origin: Origin::Names(Level::Agent),
};

/// Names of agent groups.
pub static GROUP_INFO: Family = Family {
    name: "liveperson_group_info",
    kind: Kind::Info,
    labels: &["account", "group", "name"],
    help: "Name of an agent group (LivePerson: le-users/agentGroups name).",
    origin: Origin::Names(Level::Group),
};

/// All of them, in the order of the page.
pub static ALL: [&Family; 3] = [&SKILL_INFO, &AGENT_INFO, &GROUP_INFO];
