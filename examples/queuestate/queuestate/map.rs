//! The answer of Current Queue State to samples.

use liveperson_exporter::metrics::{LabelValue, Sink};

use super::answer::{Queue, QueueAnswer};
use super::families::{self, QueueFamilies};
use super::query::QueueQuery;

/// Maps one answer.
pub(super) fn map(account: &str, query: &QueueQuery, answer: &QueueAnswer, sink: &mut dyn Sink) {
    let account = LabelValue::Text(account);
    queue(&families::ACCOUNT, &[account], &answer.account, sink);
    for (id, skill) in &answer.skills {
        if query.skills.contains(*id) {
            queue(&families::SKILL, &[account, (*id).into()], skill, sink);
        }
    }
}

fn queue(
    families: &'static QueueFamilies,
    labels: &[LabelValue<'_>],
    queue: &Queue,
    sink: &mut dyn Sink,
) {
    for (family, value) in [
        (&families.queue_size, queue.waiting_chats),
        (&families.available_slots, queue.available_slots),
        (&families.longest_wait_seconds, queue.longest_wait_seconds()),
    ] {
        if let Some(value) = value {
            sink.gauge(family, labels, value);
        }
    }
}
