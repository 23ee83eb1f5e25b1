//! The numbers by which tasks, services and requests are known, each a type, so that none can be
//! taken for another.

/// What is polled: a collector of data, or the names. Its place among the account's tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(usize);

/// A service whose host has to be looked up. Its place among the account's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId(usize);

/// A request of a running poll. Its place in the poll's plan; requests that answers add come after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestIndex(usize);

/// Identifies a request of a task from one poll to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestKey(pub u64);

/// Counts the tokens of an account: distinguishes a 401 of an old one from one of the present one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TokenGeneration(u64);

macro_rules! index {
    ($($id:ident),*) => {$(
        impl $id {
            /// The id of what stands at this place.
            pub const fn new(index: usize) -> Self {
                Self(index)
            }

            /// The place of what has this id.
            pub const fn index(self) -> usize {
                self.0
            }
        }
    )*};
}

index!(TaskId, ServiceId, RequestIndex);

impl TokenGeneration {
    pub(super) fn advance(&mut self) {
        self.0 = self.0.wrapping_add(1);
    }
}
