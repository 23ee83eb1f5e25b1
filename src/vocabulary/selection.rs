//! Which ids of a level are requested.

use super::Id;

/// Which ids of a level are requested.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selection<I> {
    /// Every id that LivePerson names.
    All,
    /// The level is not served.
    None,
    /// These ids, in the order of the file, without duplicates, never empty.
    Ids(Vec<I>),
}

impl<I: Id> Selection<I> {
    /// Whether an id is selected, for answers that hold more ids than are wanted.
    pub fn contains(&self, id: I) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Ids(ids) => ids.contains(&id),
        }
    }
}
