//! Adaptive spacing against a LivePerson that allows only so many calls a second, for every usual
//! kind of rate limiter.

use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;
use liveperson_exporter::scheduler::Outcome;

use crate::scheduler::test_driver::{CallStart, Driver, OK, data_task, settings};

/// How LivePerson enforces its limit of so many calls a second.
#[derive(Clone, Copy, Debug)]
enum Limiter {
    /// Each call so long after the last accepted one.
    Strict,
    /// The same, and a refused call restarts the wait.
    Unforgiving,
    /// A token bucket of this size.
    Bucket(u32),
    /// A sliding window that allows this many.
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

/// LivePerson's side of a limit. Times are in seconds since the start.
struct RateLimit {
    limiter: Limiter,
    /// Calls a second.
    rate: f64,
    tokens: f64,
    last: Option<f64>,
    recent: VecDeque<f64>,
    /// When the accepted calls under way end.
    under_way: Vec<f64>,
}

impl RateLimit {
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
            under_way: Vec::new(),
        }
    }

    /// Whether a call that arrives now is accepted; it takes so many seconds then.
    fn accepts(&mut self, now: f64, latency: f64) -> bool {
        self.under_way.retain(|end| *end > now);
        let accepted = self.allows(now);
        if accepted {
            self.under_way.push(now + latency);
        }
        accepted
    }

    fn allows(&mut self, now: f64) -> bool {
        let since = self.last.map_or(f64::MAX, |last| now - last);
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
                let window = f64::from(count) / self.rate;
                while self.recent.front().is_some_and(|at| now - *at >= window) {
                    self.recent.pop_front();
                }
                let accepted = self.recent.len() < count as usize;
                if accepted {
                    self.recent.push_back(now);
                }
                accepted
            }
            Limiter::Concurrent(slots) => self.under_way.len() < slots as usize,
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

const CALLS: usize = 4000;

/// Calls in which the limit is found.
const SEARCH: usize = 400;

fn measure(case: Case) -> Verdict {
    let mut rng = Rng::with_seed(case.seed);
    // An answer takes as long as the limit of concurrent calls says, or a little.
    let latency = match case.limiter {
        Limiter::Concurrent(slots) => f64::from(slots) / case.rate,
        _ => 0.05 + rng.f64() * 0.2,
    };
    let mut settings = settings(vec![data_task(5, 5), data_task(5, 5)]);
    settings.max_in_flight = 8;
    settings.min_spacing = Duration::from_secs_f64(1.0 / (case.rate * case.excess));
    settings.seed = case.seed;
    // Each of the two tasks alone needs more than is allowed.
    let plan = (case.rate * 5.0 * 1.5).ceil() as usize + 1;
    let mut limit = RateLimit::new(case.limiter, case.rate);
    let mut driver = Driver::new(settings, [plan, plan], |at, _| {
        if limit.accepts(at, latency) {
            (latency, OK)
        } else {
            let retry_after = case.retry_after.then_some(Duration::from_secs(1));
            (0.02, Outcome::Throttled { retry_after })
        }
    });
    while driver.starts.len() < CALLS {
        driver.advance(None);
    }
    let (search, later) = driver.starts.split_at(SEARCH);
    let refused = |starts: &[CallStart]| starts.iter().filter(|s| s.outcome != OK).count() as f64;
    let found = search[SEARCH - 1].at;
    let allowed = case.rate * (driver.seconds_since_start(driver.now) - found);
    let (made, refused_later) = (later.len() as f64, refused(later));
    Verdict {
        throttled: refused(&driver.starts) / driver.starts.len() as f64,
        throttled_later: refused_later / made,
        used: (made - refused_later) / allowed,
        made: made / allowed,
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
                let verdict = measure(case);
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
