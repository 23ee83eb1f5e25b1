//! LivePerson's numbers of skills, agents and agent groups, each a type, so that none can be taken for
//! another.

use std::fmt::{Debug, Display};
use std::hash::Hash;

/// An id as LivePerson gives it. 64 bits, because one above 2^53 would not survive a float.
pub trait Id: Copy + Debug + Display + Eq + Hash + Ord + From<i64> + Into<i64> {
    /// The lowest that there is.
    const MIN: i64;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $id:ident from $min:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $id(i64);

        impl Id for $id {
            const MIN: i64 = $min;
        }

        impl From<i64> for $id {
            fn from(number: i64) -> Self {
                Self(number)
            }
        }

        impl From<$id> for i64 {
            fn from(id: $id) -> Self {
                id.0
            }
        }

        impl Display for $id {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                Display::fmt(&self.0, f)
            }
        }
    )*};
}

ids! {
    /// A skill's. LivePerson has -1 for chats without a skill.
    SkillId from -1;
    /// An agent's.
    AgentId from 0;
    /// An agent group's.
    GroupId from 0;
}
