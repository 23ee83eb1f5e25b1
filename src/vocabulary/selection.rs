//! Which ids of a level are requested.

/// Which ids of a level are requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Every id that LivePerson names.
    All,
    /// The level is not served.
    None,
    /// These ids, in the order of the file, without duplicates, never empty.
    Ids(Vec<i64>),
}
