//! The families of Current Queue State. They hold a moment and not a window, so that they have no
//! `window` label.

use liveperson_exporter::data_family;
use liveperson_exporter::metrics::Family;

/// The families of one level.
#[derive(Debug)]
pub(super) struct QueueFamilies {
    /// `..._queue_size`.
    pub(super) queue_size: Family,
    /// `..._available_slots`.
    pub(super) available_slots: Family,
    /// `..._queue_longest_wait_seconds`.
    pub(super) longest_wait_seconds: Family,
}

macro_rules! of_level {
    ($level:ident) => {
        QueueFamilies {
            queue_size: data_family!($level: "liveperson_", "queue_size",
                Gauge [], "Chats that wait in the queue now", " (LivePerson: currentQueueSize)."),
            available_slots: data_family!($level: "liveperson_", "available_slots",
                Gauge [], "Further chats that agents could take now",
                "; an agent of several skills counts for each (LivePerson: currentAvailableSlots)."),
            longest_wait_seconds: data_family!($level: "liveperson_", "queue_longest_wait_seconds",
                Gauge [], "Longest wait of the chats in the queue now",
                ", in seconds, 0 when the queue is empty (LivePerson: currentMaxWaitTimeInQueue / 1000)."),
        }
    };
}

pub(super) static ACCOUNT: QueueFamilies = of_level!(Account);
pub(super) static SKILL: QueueFamilies = of_level!(Skill);

/// All of them, in the order of the page.
pub(super) fn all() -> Vec<&'static Family> {
    let families = [&ACCOUNT, &SKILL].map(|level| {
        [
            &level.queue_size,
            &level.available_slots,
            &level.longest_wait_seconds,
        ]
    });
    families.concat()
}
