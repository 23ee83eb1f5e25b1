//! What answers of data APIs are made of without HTTP, for simulations that ask very often: the same
//! bodies as the running simulator's, from sums that are made once. Each API's file has its answer.

use std::collections::BTreeSet;

use super::truth::Truth;
use super::world::{
    Activity, BUCKET, Chat, Counts, Deployment, Event, EventChange, Key, Waits, Window, floor,
    wait_seconds,
};

/// Steps in which waits are added up, in seconds: every bucket of the histogram begins at one.
const WAIT_STEP: u32 = 5;

/// All chats of an account, and what each node answers about them at any moment: a pure function
/// of the query, the time and the node.
///
/// Sums of 5-minute buckets are made once. An answer costs a few sums per key (skill, agent and
/// group together), and a look at each event that is younger than `settled_after_ms`; it does not
/// depend on how many chats the window holds. The memory grows with keys times buckets.
///
/// ```
/// use liveperson_exporter::simulator::{Deployment, ChatIndex, Traffic};
///
/// let from_ms = 1_750_000_200_000;
/// let traffic = Traffic {
///     seed: 1,
///     from_ms,
///     to_ms: from_ms + 3_600_000,
///     chats_per_second: 0.2,
///     skills: 2,
///     agents: 3,
///     groups: 1,
///     ids_come_and_go: false,
/// };
/// let index = ChatIndex::new(traffic.chats(), Deployment::default());
/// let now_ms = from_ms + 3_600_000;
/// let query = "v=1&timeframe=60&skillIds=all";
/// let body = index.engagement_activity(query, now_ms, 0)?;
/// assert!(body.contains("metricsPerSkill"));
/// let connected = index.truth(from_ms, now_ms).skill(101).counts.connected;
/// assert!(connected > 0);
/// # Ok::<(), liveperson_exporter::simulator::InvalidParameter>(())
/// ```
pub struct ChatIndex {
    deployment: Deployment,
    chats: Vec<Chat>,
    keys: Vec<Key>,
    /// By time.
    entries: Vec<Entry>,
    /// When the first bucket begins, in milliseconds since the epoch.
    start: i64,
    /// The position of the first entry of each bucket, and the number of entries.
    bucket_entries: Vec<usize>,
    /// The counts before each bucket, by key: row after row.
    counts: Vec<Counts>,
    /// The waits before each bucket, by key and step: row after row.
    waits: Vec<u32>,
    wait_steps: usize,
}

/// One event of a chat.
#[derive(Clone, Copy)]
struct Entry {
    time: i64,
    chat: usize,
    event: Event,
    /// Position in [`ChatIndex::keys`].
    key: usize,
    change: EventChange,
}

impl ChatIndex {
    /// The index of these chats, answered about as `deployment` says.
    pub fn new(chats: Vec<Chat>, deployment: Deployment) -> Self {
        let keys = distinct_keys(&chats);
        let mut entries = entries(&chats, &keys, &deployment);
        entries.sort_unstable_by_key(|entry| (entry.time, entry.chat, entry.event));
        let time_of = |entry: Option<&Entry>| floor(entry.map_or(0, |entry| entry.time), BUCKET);
        let (start, last) = (time_of(entries.first()), time_of(entries.last()));
        let buckets = usize::try_from((last - start) / BUCKET + 1).unwrap_or(1);
        let longest = chats.iter().filter_map(wait_step).max().unwrap_or(0);
        let mut index = Self {
            deployment,
            chats,
            keys,
            entries,
            start,
            bucket_entries: Vec::with_capacity(buckets + 1),
            counts: Vec::new(),
            waits: Vec::new(),
            wait_steps: longest + 1,
        };
        index.add_up(buckets);
        index
    }

    /// All chats, in the order in which they were given.
    pub fn chats(&self) -> &[Chat] {
        &self.chats
    }

    /// The nodes, and what becomes of numbers after the event.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// The window of `timeframe` minutes that ends at `now_ms` on LivePerson's clock, as the node sees
    /// it that has turn `turn`.
    pub(super) fn window(&self, now_ms: i64, timeframe: i64, turn: usize) -> Window {
        Window::ending(now_ms, timeframe, self.deployment.node(turn))
    }

    /// What happened from `from_ms` until before `to_ms`, in milliseconds since the epoch: every
    /// chat counted once, whatever nodes lag and numbers change. Looks at every event in between.
    pub fn truth(&self, from_ms: i64, to_ms: i64) -> Truth {
        let mut truth = Truth::default();
        for entry in self.entries_between(from_ms, to_ms) {
            truth.count(&self.chats[entry.chat], entry.event);
        }
        truth
    }

    /// Sums up the buckets; `entries` are in order.
    fn add_up(&mut self, buckets: usize) {
        let mut counts = vec![Counts::default(); self.keys.len()];
        let mut waits = vec![0_u32; self.keys.len() * self.wait_steps];
        let mut position = 0;
        let mut end = self.start;
        for _ in 0..buckets {
            self.bucket_entries.push(position);
            self.counts.extend_from_slice(&counts);
            self.waits.extend_from_slice(&waits);
            end += BUCKET;
            while let Some(entry) = self.entries.get(position).filter(|entry| entry.time < end) {
                let chat = &self.chats[entry.chat];
                counts[entry.key] += Counts::of(chat, entry.event);
                if let Some(step) = wait_step(chat).filter(|_| entry.event == Event::Answered) {
                    waits[entry.key * self.wait_steps + step] += 1;
                }
                position += 1;
            }
        }
        self.bucket_entries.push(position);
        self.counts.extend_from_slice(&counts);
        self.waits.extend_from_slice(&waits);
    }

    /// What is counted of the window: sums where numbers are final, single events where not.
    pub(super) fn activity(&self, window: Window, by_bucket: bool) -> Vec<Activity> {
        let settled = self.settled_until(window);
        let mut activity = Vec::new();
        if by_bucket {
            let (first, last) = (self.bucket(window.start), self.bucket(settled));
            for bucket in first..last {
                self.add_counts(bucket, bucket + 1, &mut activity);
            }
        } else {
            self.add_counts(
                self.bucket(window.start),
                self.bucket(settled),
                &mut activity,
            );
        }
        for (entry, times) in self.unsettled(settled, window.as_of) {
            activity.push(Activity {
                time: entry.time,
                key: self.keys[entry.key],
                counts: Counts::of(&self.chats[entry.chat], entry.event) * times,
            });
        }
        activity
    }

    /// Adds the counts of the buckets from `first` until before `end`, as of the first of them.
    fn add_counts(&self, first: usize, end: usize, activity: &mut Vec<Activity>) {
        let time = self.start + i64::try_from(first).unwrap_or(0) * BUCKET;
        let keys = self.keys.len();
        for (position, &key) in self.keys.iter().enumerate() {
            let mut counts = self.counts[end.max(first) * keys + position];
            counts -= self.counts[first * keys + position];
            if counts != Counts::default() {
                activity.push(Activity { time, key, counts });
            }
        }
    }

    /// The waits of the window, by key.
    pub(super) fn waits(&self, window: Window) -> Vec<Waits> {
        let settled = self.settled_until(window);
        let (first, end) = (self.bucket(window.start), self.bucket(settled));
        let row = self.keys.len() * self.wait_steps;
        let before = &self.waits[first * row..(first + 1) * row];
        let after = &self.waits[end * row..(end + 1) * row];
        let mut waits = Vec::new();
        let mut seconds = (0..)
            .step_by(WAIT_STEP as usize)
            .take(self.wait_steps)
            .cycle();
        for (position, (before, after)) in before.iter().zip(after).enumerate() {
            let seconds = seconds.next().unwrap_or(0);
            if after > before {
                waits.push(Waits {
                    key: self.keys[position / self.wait_steps],
                    seconds,
                    chats: i64::from(after - before),
                });
            }
        }
        let unsettled = self.unsettled(settled, window.as_of);
        for (entry, chats) in unsettled.filter(|(entry, _)| entry.event == Event::Answered) {
            if let Some(seconds) = wait_seconds(&self.chats[entry.chat]) {
                waits.push(Waits {
                    key: self.keys[entry.key],
                    seconds,
                    chats,
                });
            }
        }
        waits
    }

    /// The 5-minute mark in the window before which every number is final.
    fn settled_until(&self, window: Window) -> i64 {
        let unsettled_for = self.deployment.changes.unsettled_for();
        floor(window.as_of - unsettled_for, BUCKET).max(window.start)
    }

    /// The events from the mark `from` on that are counted by who knows everything before `as_of`,
    /// and how often.
    fn unsettled(&self, from: i64, as_of: i64) -> impl Iterator<Item = (&Entry, i64)> {
        let entries = self.entries_between(from, as_of).iter();
        entries
            .map(move |entry| (entry, entry.change.times_counted(entry.time, as_of)))
            .filter(|(_, times)| *times > 0)
    }

    fn entries_between(&self, from: i64, to: i64) -> &[Entry] {
        let position = |time: i64| {
            // The search is within the bucket, so that it does not grow with the index.
            let bucket = self.bucket(time);
            let first = self.bucket_entries[bucket];
            let end = self.bucket_entries.get(bucket + 1).copied();
            let entries = &self.entries[first..end.unwrap_or(first)];
            first + entries.partition_point(|entry| entry.time < time)
        };
        let (first, end) = (position(from), position(to));
        &self.entries[first..end.max(first)]
    }

    /// The bucket that holds `time`, or the first or the end when it lies outside.
    fn bucket(&self, time: i64) -> usize {
        let last = self.bucket_entries.len() - 1;
        let bucket = usize::try_from((time - self.start).div_euclid(BUCKET));
        bucket.unwrap_or(0).min(last)
    }
}

/// In ascending order; there are few of them.
fn distinct_keys(chats: &[Chat]) -> Vec<Key> {
    let mut keys = BTreeSet::new();
    for chat in chats {
        keys.insert(Key::of(chat));
    }
    keys.into_iter().collect()
}

fn entries(chats: &[Chat], keys: &[Key], deployment: &Deployment) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(chats.len() * 2);
    for (position, chat) in chats.iter().enumerate() {
        let key = keys.partition_point(|key| *key < Key::of(chat));
        entries.extend(chat.events().map(|(time, event)| Entry {
            time,
            chat: position,
            event,
            key,
            change: deployment.changes.change_of(chat, event),
        }));
    }
    entries
}

fn wait_step(chat: &Chat) -> Option<usize> {
    usize::try_from(wait_seconds(chat)? / WAIT_STEP).ok()
}
