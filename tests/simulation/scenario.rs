//! The scenario of a seed: which calls fail, when and how, and what happens to machine and
//! configuration.

use std::time::Duration;

use fastrand::Rng;
use jiff::SignedDuration;
use liveperson_exporter::scheduler::SessionChange;

use super::setup::ConfigChange;

/// A scenario. Times are monotonic, since the beginning.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) faults: Vec<Fault>,
    pub(crate) disturbances: Vec<(Duration, Disturbance)>,
    /// No call fails from here on.
    pub(crate) ends: Duration,
}

/// LivePerson fails some calls for some time.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) from: Duration,
    pub(crate) to: Duration,
    pub(crate) target: Target,
    /// Share of the calls that fail.
    pub(crate) share: f64,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    All,
    Collector(usize),
    Session,
    /// The look-up of names.
    Names,
    /// One request of a collector.
    Request(usize, usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// 429.
    Throttle(RetryAfter),
    /// 500 to 599.
    Status(u16),
    Timeout,
    /// The connection is refused or dropped.
    Drop,
    /// An answer that cannot be read.
    Unreadable,
    /// Tokens are not accepted, not even new ones.
    Unauthorised,
    /// 403.
    Forbidden,
    /// Another 4xx.
    Rejected,
    /// Correct answers, late: after this share of the time limit.
    Slow(f64),
}

/// What a 429 says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RetryAfter {
    Nothing,
    Text(&'static str),
    /// An HTTP date so many seconds from LivePerson's now, with or without a `Date` beside it.
    Date(i64, bool),
}

/// What happens to the machine that the exporter runs on, or to its configuration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Disturbance {
    WallClockSteps(SignedDuration),
    /// The machine sleeps: the monotonic clock stands still and connections are gone after it.
    Suspend(Duration),
    /// The process gets no processor: time passes and nothing is done.
    Stall(Duration),
    /// LivePerson revokes the tokens.
    TokensRevoked,
    /// The configuration of an account changes: of which, how, and what that means for its client.
    Reload(usize, ConfigChange, SessionChange),
    /// An account is taken out of the configuration.
    Remove(usize),
    /// `stale_after` changes, in seconds.
    StaleAfter(u64),
    /// The skills with chats change.
    Skills(usize),
}

const YEAR: i64 = 365 * 86_400;

impl Scenario {
    pub(crate) fn generate(rng: &mut Rng, accounts: usize) -> Self {
        // Some long enough for all of 2, 4 and 8 minutes.
        let length = if rng.u32(..20) == 0 {
            rng.u64(900..2400)
        } else {
            rng.u64(20..150)
        };
        let random_time = |rng: &mut Rng| Duration::from_millis(rng.u64(..length * 1000));
        let faults = (0..rng.usize(1..5)).map(|_| {
            let (a, b) = (random_time(rng), random_time(rng));
            Fault {
                from: a.min(b),
                to: a.max(b),
                target: [
                    Target::All,
                    Target::All,
                    Target::Collector(0),
                    Target::Collector(1),
                    Target::Session,
                    Target::Names,
                    Target::Request(rng.usize(..2), rng.usize(..4)),
                ][rng.usize(..7)],
                share: [1.0, 1.0, 0.5, 0.1][rng.usize(..4)],
                kind: Kind::generate(rng),
            }
        });
        let mut faults: Vec<_> = faults.collect();
        let mut disturbances: Vec<_> = (0..rng.usize(..5))
            .map(|_| (random_time(rng), Disturbance::generate(rng, accounts)))
            .collect();
        if rng.u32(..3) == 0 {
            disturbances.push((random_time(rng), Disturbance::TokensRevoked));
        }
        if rng.u32(..3) == 0 {
            // One request always fails.
            let mut fault = Fault::of_everything(rng, Duration::from_secs(length));
            fault.from = random_time(rng);
            fault.target = Target::Request([0, 0, 1][rng.usize(..3)], rng.usize(..4));
            faults.insert(0, fault);
        }
        if rng.u32(..6) == 0 {
            // Nothing works from the beginning on, unless the configuration is repaired.
            let to = random_time(rng).max(random_time(rng));
            faults.insert(0, Fault::of_everything(rng, to));
            if rng.bool() {
                let account = rng.usize(..accounts);
                let at = to.mul_f64(rng.f64() * 2.0);
                let repair =
                    Disturbance::Reload(account, ConfigChange::Nothing, SessionChange::Repaired);
                disturbances.push((at.min(Duration::from_secs(length)), repair));
            }
        }
        disturbances.sort_by_key(|(at, _)| *at);
        let ends = Duration::from_secs(length) + stalled(&disturbances);
        Self {
            faults,
            disturbances,
            ends,
        }
    }
}

/// A stall moves everything after it; the faults end well before the end.
fn stalled(disturbances: &[(Duration, Disturbance)]) -> Duration {
    let stalls = disturbances
        .iter()
        .filter_map(|(_, disturbance)| match disturbance {
            Disturbance::Stall(time) => Some(*time),
            _ => None,
        });
    stalls.sum()
}

impl Fault {
    fn of_everything(rng: &mut Rng, to: Duration) -> Self {
        let kinds = [
            Kind::Rejected,
            Kind::Rejected,
            Kind::Forbidden,
            Kind::Status(500),
        ];
        Self {
            from: Duration::ZERO,
            to,
            target: [Target::All, Target::Collector(0), Target::Collector(1)][rng.usize(..3)],
            share: 1.0,
            kind: kinds[rng.usize(..4)],
        }
    }
}

impl Kind {
    fn generate(rng: &mut Rng) -> Self {
        match rng.u32(..13) {
            0..=3 => Self::Throttle(RetryAfter::generate(rng)),
            4 | 5 => Self::Status(rng.u16(500..600)),
            6 => Self::Timeout,
            7 => Self::Drop,
            8 => Self::Unreadable,
            9 => Self::Unauthorised,
            10 => Self::Rejected,
            11 => Self::Forbidden,
            _ => Self::Slow(rng.f64() * 0.95),
        }
    }
}

impl RetryAfter {
    fn generate(rng: &mut Rng) -> Self {
        match rng.u32(..14) {
            0..=3 => Self::Nothing,
            4 => Self::Text("0"),
            5 => Self::Text("-5"),
            6 => Self::Text("1"),
            7 => Self::Text("7"),
            8 => Self::Text("31536000"),
            9 => Self::Text("99999999999999999999999999"),
            10 => Self::Text("soon"),
            11 => Self::Date(rng.i64(1..20), rng.bool()),
            12 => Self::Date(-rng.i64(1..4000), rng.bool()),
            _ => Self::Date(YEAR, rng.bool()),
        }
    }
}

impl Disturbance {
    fn generate(rng: &mut Rng, accounts: usize) -> Self {
        let account = rng.usize(..accounts);
        match rng.u32(..16) {
            0 | 1 => Self::WallClockSteps(SignedDuration::from_secs(rng.i64(-43_200..43_200))),
            2 => Self::Suspend(Duration::from_secs(rng.u64(1..20_000))),
            // Of about an hour, too: hosts are looked up again then.
            3 if rng.bool() => Self::Stall(Duration::from_millis(rng.u64(3_500_000..3_640_000))),
            3 => Self::Stall(Duration::from_millis(rng.u64(1..1_000_000))),
            4 | 5 => Self::TokensRevoked,
            6..=8 => Self::Skills(account),
            9 if accounts > 1 => Self::Remove(account),
            10 => Self::StaleAfter([60, 120, 300][rng.usize(..3)]),
            _ => {
                let change = [
                    ConfigChange::Nothing,
                    ConfigChange::Requests,
                    ConfigChange::Intervals,
                    ConfigChange::Limits,
                    ConfigChange::Collectors,
                    ConfigChange::Names,
                    ConfigChange::Everything,
                ][rng.usize(..7)];
                let session = [
                    SessionChange::Unchanged,
                    SessionChange::Unchanged,
                    SessionChange::NewClient,
                    SessionChange::Repaired,
                ];
                Self::Reload(account, change, session[rng.usize(..4)])
            }
        }
    }
}
