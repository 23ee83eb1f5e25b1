//! The document: what there is to know about the exporter and its accounts.
//!
//! Times are RFC 3339 in UTC, durations are seconds. What is not known yet is `null`, not left out.

use serde::Serialize;

/// The whole document.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// [`super::SHAPE`].
    pub shape: u32,
    /// When it was made.
    pub at: String,
    /// The worst of the accounts, in a word.
    pub state: State,
    /// The program.
    pub exporter: Exporter,
    /// How the configuration was last read.
    pub configuration: Configuration,
    /// Series of LivePerson's data.
    pub series: Series,
    /// The accounts, in the order of the configuration.
    pub accounts: Vec<Account>,
}

/// An account, or all of them, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Every collector is up and nothing fails.
    Ok,
    /// Some collectors have not ended their first poll, the others are up.
    Starting,
    /// Something fails, is throttled or late, but there is fresh data.
    Attention,
    /// No collector is up.
    Down,
}

/// The program.
#[derive(Clone, Debug, Serialize)]
pub struct Exporter {
    /// Its version.
    pub version: &'static str,
    /// The commit it was built from, or `unknown`.
    pub revision: &'static str,
    /// The compiler it was built with, or `unknown`.
    pub rust_version: &'static str,
    /// Which of the instances that share the accounts it is, such as `0/3`; `null` for the only one.
    pub shard: Option<String>,
    /// When it started.
    pub started_at: String,
    /// How long it has been running.
    pub uptime_seconds: f64,
}

/// How the configuration was last read.
#[derive(Clone, Debug, Serialize)]
pub struct Configuration {
    /// Whether the last time that it was read succeeded. If not, the previous one is in use.
    pub last_reload_successful: bool,
    /// When the one in use was read.
    pub last_reload_success_at: String,
    /// Whether the present web configuration file is in use.
    pub web_config_in_force: bool,
}

/// A number of series.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Series {
    /// On the metrics page.
    pub served: u64,
    /// Left out because of `limits.max_series`.
    pub dropped: u64,
}

/// One account.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// LivePerson's account id.
    pub id: String,
    /// Its name in the configuration.
    pub name: Option<String>,
    /// In a word.
    pub state: State,
    /// The outcome of the last contact with LivePerson's hosts.
    pub contact: Contact,
    /// The longest present wait after a 429 or a failure.
    pub backoff: Option<Backoff>,
    /// The least time between the starts of two calls now.
    pub spacing_seconds: f64,
    /// LivePerson's clock less ours.
    pub clock_offset_seconds: Option<f64>,
    /// Calls that have started and not ended.
    pub calls_under_way: usize,
    /// Calls since the start, by API and outcome.
    pub calls: Vec<Calls>,
    /// Its collectors.
    pub collectors: Vec<Collector>,
    /// Names for ids.
    pub names: Names,
    /// Chats, handling time and waits, as far as its collectors report them.
    pub activity: Activity,
}

/// The outcome of the last contact with LivePerson's hosts.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Contact {
    /// Whether the last call was answered at all; unknown before the first ended.
    pub answers: Option<bool>,
    /// When an answer last arrived.
    pub last_answer_at: Option<String>,
    /// How long ago that was.
    pub last_answer_age_seconds: Option<f64>,
}

/// A wait after a 429 or a failure.
#[derive(Clone, Debug, Serialize)]
pub struct Backoff {
    /// What is left of it.
    pub seconds: f64,
    /// What it is for.
    pub reason: BackoffReason,
}

/// What a wait is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BackoffReason {
    /// LivePerson answered 429.
    Throttled,
    /// Calls failed.
    Failed,
}

/// Calls of one API.
#[derive(Clone, Debug, Serialize)]
pub struct Calls {
    /// The label `api`.
    pub api: String,
    /// How they ended.
    pub outcomes: Vec<Outcome>,
}

/// How often calls ended in one way.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The label `code`: an HTTP status, or why there was none.
    pub code: String,
    /// How many calls.
    pub count: u64,
}

/// One collector of an account.
#[derive(Clone, Debug, Serialize)]
pub struct Collector {
    /// The label `collector`.
    pub name: &'static str,
    /// The API's name.
    pub title: &'static str,
    /// In a word.
    pub state: CollectorState,
    /// When a poll last succeeded whole.
    pub last_success_at: Option<String>,
    /// The age of the oldest data that is served.
    pub data_age_seconds: Option<f64>,
    /// Time until the first of its calls may start; unknown when it is due, as that depends on the
    /// calls under way.
    pub next_call_in_seconds: Option<f64>,
    /// The longest present wait of its requests that failed; others of its requests may start before.
    pub backoff: Option<Backoff>,
    /// Time that its last poll took; unknown before the end of the first.
    pub poll_seconds: Option<f64>,
    /// That time over its interval, at least 1.
    pub stretch: f64,
    /// Its series.
    pub series: Series,
    /// What fails.
    pub problem: Option<Problem>,
    /// Its running totals; `null` when it has none.
    pub totals: Option<Totals>,
}

/// A collector in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectorState {
    /// Its last poll succeeded whole.
    Up,
    /// Its last poll succeeded whole, but calls of the present one fail.
    Retrying,
    /// Its first poll has not ended.
    Starting,
    /// Part of its last poll failed.
    PartlyFailing,
    /// Its last poll failed.
    Failing,
    /// Its last poll succeeded, too long ago.
    Stale,
}

/// Names for ids.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Names {
    /// In a word.
    pub state: NamesState,
    /// Their series.
    pub series: Series,
    /// What fails.
    pub problem: Option<Problem>,
}

/// Names for ids in a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NamesState {
    /// They are not looked up: `names.lookup` is false.
    #[default]
    Off,
    /// The first look-up has not ended.
    Starting,
    /// The last look-up succeeded whole.
    Up,
    /// Calls for names fail; data is not affected.
    Failing,
}

/// A failure that lasts.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// What was asked and what came back.
    pub message: String,
    /// What to do about it.
    pub advice: String,
    /// When it began.
    pub since: String,
}

/// Running totals.
#[derive(Clone, Debug, Serialize)]
pub struct Totals {
    /// The oldest anchor.
    pub anchor_at: Option<String>,
    /// When they were last saved.
    pub saved_at: Option<String>,
    /// Seconds that could not be counted.
    pub lost_seconds: f64,
}

/// What an account's visitors and agents do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Activity {
    /// By window, the shortest first and `today` last: those that are configured.
    pub windows: Vec<WindowActivity>,
    /// The skills with most chats in the shortest window.
    pub busiest_skills: Vec<SkillActivity>,
    /// The skills that take longest in the shortest window: visitors' waits where they are known,
    /// handling time for each chat otherwise.
    pub slowest_skills: Vec<SkillActivity>,
}

/// One window of an account.
#[derive(Clone, Debug, Serialize)]
pub struct WindowActivity {
    /// The label `window`.
    pub window: String,
    /// Chats closed, interactive or not.
    pub chats: Option<f64>,
    /// Time spent handling them.
    pub handling_seconds: Option<f64>,
    /// How long visitors waited.
    pub waits: Option<Waits>,
}

/// How long visitors waited.
#[derive(Clone, Debug, Serialize)]
pub struct Waits {
    /// Chats in all buckets.
    pub chats: f64,
    /// The buckets, ascending.
    pub buckets: Vec<WaitBucket>,
}

/// Visitors who waited at most so long, and longer than the bucket before.
#[derive(Clone, Debug, Serialize)]
pub struct WaitBucket {
    /// The upper limit; `null` for the last bucket, which has none.
    pub within_seconds: Option<f64>,
    /// Chats in this bucket alone.
    pub chats: f64,
    /// Share of all chats answered within the limit, from 0 to 1; `null` without chats.
    pub share_within: Option<f64>,
}

/// One skill.
#[derive(Clone, Debug, Serialize)]
pub struct SkillActivity {
    /// LivePerson's id.
    pub skill: String,
    /// Its name.
    pub name: Option<String>,
    /// The window.
    pub window: String,
    /// Chats closed.
    pub chats: Option<f64>,
    /// Time spent on each of them, on average.
    pub handling_seconds_per_chat: Option<f64>,
    /// The wait that nine of ten visitors did not exceed, interpolated within its bucket; the last
    /// limit when it lies beyond.
    pub wait_seconds_p90: Option<f64>,
}

impl Account {
    /// What a reader calls it.
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

impl State {
    /// What several make together.
    pub fn of_all(states: impl Iterator<Item = Self> + Clone) -> Self {
        let mut all = states.clone();
        if states.clone().next().is_some() && all.all(|state| state == Self::Down) {
            return Self::Down;
        }
        states.max().unwrap_or(Self::Ok).min(Self::Attention)
    }

    /// An account's: of its collectors', and no better than `attention` without names or throttled.
    pub fn of_account(collectors: &[Collector], names: &Names, throttled: bool) -> Self {
        let collectors = collectors.iter().map(|collector| match collector.state {
            CollectorState::Up => Self::Ok,
            CollectorState::Starting if collector.problem.is_none() => Self::Starting,
            CollectorState::Retrying | CollectorState::PartlyFailing => Self::Attention,
            CollectorState::Starting | CollectorState::Failing | CollectorState::Stale => {
                Self::Down
            }
        });
        let state = Self::of_all(collectors);
        if throttled || names.state == NamesState::Failing {
            state.max(Self::Attention)
        } else {
            state
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn several_states_make_the_worst_but_down_only_together() {
        use State::{Attention, Down, Ok, Starting};
        let cases = [
            (&[][..], Ok),
            (&[Ok, Ok], Ok),
            (&[Ok, Starting], Starting),
            (&[Ok, Down], Attention),
            (&[Starting, Down], Attention),
            (&[Down, Down], Down),
            (&[Ok, Attention], Attention),
        ];
        check_each(cases, |(states, together)| {
            assert_eq!(State::of_all(states.iter().copied()), together);
        });
    }
}
