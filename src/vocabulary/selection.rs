//! Which ids of a level are requested.

/// Which ids of a level are requested.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selection {
    /// Every id that LivePerson names.
    All,
    /// The level is not served.
    None,
    /// These ids, in the order of the file, without duplicates, never empty.
    Ids(Vec<i64>),
}

impl Selection {
    /// Whether an id is selected, for answers that hold more ids than are wanted.
    pub fn contains(&self, id: i64) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Ids(ids) => ids.contains(&id),
        }
    }
}
