//! Adaptive spacing against a LivePerson that allows only so many calls a second, in every way a
//! limit can be kept.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use fastrand::Rng;
use liveperson_exporter::scheduler::{
    AccountScheduler, AccountSettings, Call, CollectorSettings, Outcome, PlanSource, RequestKey,
    SessionSettings, Step,
};

/// How LivePerson keeps its limit of so many calls a second.
#[derive(Clone, Copy, Debug)]
enum Limiter {
    /// Each call so long after the last accepted one.
    Strict,
    /// The same, and a refused call begins the wait anew.
    Unforgiving,
    /// Tokens come evenly; so many can be saved.
    Bucket(u32),
    /// So many in any window that holds this many.
    Sliding(u32),
    /// So many under way at once: with answers of one length that is a rate, too.
    Concurrent(u32),
}

const LIMITERS: [Limiter; 7] = [
    Limiter::Strict,
    Limiter::Unforgiving,
    Limiter::Bucket(1),
    Limiter::Bucket(3),
    Limiter::Bucket(5),
    Limiter::Sliding(3),
    Limiter::Concurrent(2),
];

struct Gate {
    limiter: Limiter,
    /// Calls a second.
    rate: f64,
    tokens: f64,
    last: Option<Instant>,
    recent: VecDeque<Instant>,
}

impl Gate {
    fn new(limiter: Limiter, rate: f64) -> Self {
        let tokens = match limiter {
            Limiter::Bucket(burst) => f64::from(burst),
            _ => 0.0,
        };
        Self {
            limiter,
            rate,
            tokens,
            last: None,
            recent: VecDeque::new(),
        }
    }

    /// Whether a call that arrives now is accepted. `under_way`: calls being answered.
    fn lets_in(&mut self, now: Instant, under_way: usize) -> bool {
        let since = self
            .last
            .map_or(f64::MAX, |last| (now - last).as_secs_f64());
        match self.limiter {
            Limiter::Strict | Limiter::Unforgiving => {
                let accepted = since * self.rate >= 1.0;
                if accepted || matches!(self.limiter, Limiter::Unforgiving) {
                    self.last = Some(now);
                }
                accepted
            }
            Limiter::Bucket(burst) => {
                let gained = if since == f64::MAX {
                    0.0
                } else {
                    since * self.rate
                };
                self.tokens = (self.tokens + gained).min(f64::from(burst));
                self.last = Some(now);
                let accepted = self.tokens >= 1.0;
                if accepted {
                    self.tokens -= 1.0;
                }
                accepted
            }
            Limiter::Sliding(count) => {
                let window = Duration::from_secs_f64(f64::from(count) / self.rate);
                while self.recent.front().is_some_and(|at| now - *at >= window) {
                    self.recent.pop_front();
                }
                let accepted = self.recent.len() < count as usize;
                if accepted {
                    self.recent.push_back(now);
                }
                accepted
            }
            Limiter::Concurrent(slots) => under_way < slots as usize,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Case {
    limiter: Limiter,
    rate: f64,
    /// The configured spacing allows so many times the rate.
    excess: f64,
    retry_after: bool,
    seed: u64,
}

#[derive(Clone, Copy, Debug)]
struct Verdict {
    /// Share of all calls that were refused, the search for the limit included.
    throttled: f64,
    /// The same once it was found.
    throttled_later: f64,
    /// Share of the allowed calls that were made, once the limit was found.
    used: f64,
    /// All calls made in that time, refused ones included, as a share of the allowed ones.
    made: f64,
}

struct More(usize);

impl PlanSource for More {
    fn begin_poll(&mut self, _: usize) -> Vec<RequestKey> {
        (0..).map(RequestKey).take(self.0).collect()
    }
}

const CALLS: u32 = 4000;

/// Calls in which the limit is found.
const SEARCH: u32 = 400;

fn try_out(case: Case) -> Verdict {
    let mut rng = Rng::with_seed(case.seed);
    let interval = Duration::from_secs(5);
    let collector = CollectorSettings {
        interval,
        phase: interval,
        service: None,
    };
    // An answer takes as long as the limit of concurrent calls says, or a little.
    let latency = match case.limiter {
        Limiter::Concurrent(slots) => f64::from(slots) / case.rate,
        _ => 0.05 + rng.f64() * 0.2,
    };
    let settings = AccountSettings {
        max_in_flight: 8,
        min_spacing: Duration::from_secs_f64(1.0 / (case.rate * case.excess)),
        session: SessionSettings::default(),
        collectors: vec![collector.clone(), collector],
        seed: case.seed,
    };
    let start = Instant::now();
    let mut now = start;
    let mut scheduler = AccountScheduler::new(settings, now);
    // Each of the two collectors alone wants more than is allowed.
    let mut plans = More((case.rate * 5.0 * 1.5).ceil() as usize + 1);
    let mut gate = Gate::new(case.limiter, case.rate);
    let mut under_way: Vec<(Instant, Call, Outcome)> = Vec::new();
    let (mut calls, mut refused, mut refused_early) = (0, 0, 0);
    let mut found = start;
    while calls < CALLS {
        let wake = loop {
            match scheduler.step(now, &mut plans) {
                Step::Start(call) => {
                    calls += 1;
                    let inside = under_way.iter().filter(|u| u.2 == Outcome::SUCCESS).count();
                    let accepted = gate.lets_in(now, inside);
                    let (takes, outcome) = if accepted {
                        (latency, Outcome::SUCCESS)
                    } else {
                        refused += 1;
                        let retry_after = case.retry_after.then_some(Duration::from_secs(1));
                        (0.02, Outcome::Throttled { retry_after })
                    };
                    under_way.push((now + Duration::from_secs_f64(takes), call, outcome));
                    if calls == SEARCH {
                        (found, refused_early) = (now, refused);
                    }
                }
                Step::Wait(until) => break until,
            }
        };
        let _ = scheduler.take_events();
        let ends = under_way.iter().map(|(at, ..)| *at);
        now = ends.chain(wake).min().unwrap();
        if let Some(place) = under_way.iter().position(|(at, ..)| *at <= now) {
            let (_, call, outcome) = under_way.swap_remove(place);
            scheduler.complete_call(now, call, outcome.into());
        }
    }
    let later = f64::from(CALLS - SEARCH);
    let refused_later = f64::from(refused - refused_early);
    let allowed = case.rate * (now - found).as_secs_f64();
    Verdict {
        throttled: f64::from(refused) / f64::from(calls),
        throttled_later: refused_later / later,
        used: (later - refused_later) / allowed,
        made: later / allowed,
    }
}

#[test]
fn the_spacing_settles_below_every_limit_and_uses_most_of_it() {
    let mut failures = Vec::new();
    let (mut most_throttled, mut least_used) = (0.0_f64, 1.0_f64);
    let mut seed = 0;
    for rate in [0.2, 0.35, 0.5, 1.0, 2.0, 3.7, 5.0, 10.0, 20.0] {
        for limiter in LIMITERS {
            for (excess, retry_after) in [
                (1.1, false),
                (2.0, true),
                (7.0, false),
                (20.0, true),
                (50.0, false),
            ] {
                seed += 1;
                let case = Case {
                    limiter,
                    rate,
                    excess,
                    retry_after,
                    seed,
                };
                let verdict = try_out(case);
                most_throttled = most_throttled.max(verdict.throttled);
                least_used = least_used.min(verdict.used);
                let calm = verdict.throttled < 0.01 && verdict.throttled_later < 0.01;
                if !calm || verdict.used < 0.7 || verdict.made >= 1.0 {
                    failures.push(format!("{case:?}: {verdict:?}"));
                }
            }
        }
    }
    eprintln!("{seed} cases: at most {most_throttled:.4} throttled, at least {least_used:.2} used");
    assert!(
        failures.is_empty(),
        "{} of {seed}\n{}",
        failures.len(),
        failures.join("\n")
    );
}
