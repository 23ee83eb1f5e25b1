//! What a series is about.

/// What a series is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// The whole account.
    Account,
    /// One skill.
    Skill,
    /// One agent.
    Agent,
    /// One agent in one skill.
    SkillAgent,
    /// One agent group.
    Group,
}

impl Level {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Account,
        Self::Skill,
        Self::Agent,
        Self::SkillAgent,
        Self::Group,
    ];

    /// The level's word in series names and in the configuration.
    pub fn label(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Skill => "skill",
            Self::Agent => "agent",
            Self::SkillAgent => "skill_agent",
            Self::Group => "group",
        }
    }
}
