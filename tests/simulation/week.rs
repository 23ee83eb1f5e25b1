//! A simulated week: the period of the polls does not drift by a nanosecond, and nothing grows.

use std::time::{Duration, Instant};

use fastrand::Rng;
use liveperson_exporter::scheduler::{
    AccountScheduler, AccountSettings, Call, CollectorSettings, Outcome, PlanSource, RequestKey,
    SessionSettings, Step, first_phase,
};

const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// Gives the same plan always and notes when each collector's polls begin.
struct Noting {
    plans: [usize; 2],
    now: Instant,
    begun: [Vec<Instant>; 2],
}

impl PlanSource for Noting {
    fn begin_poll(&mut self, collector: usize) -> Vec<RequestKey> {
        self.begun[collector].push(self.now);
        (0..).map(RequestKey).take(self.plans[collector]).collect()
    }
}

#[test]
fn the_period_does_not_drift_and_memory_does_not_grow_over_a_week() {
    for seed in 0..3 {
        let mut rng = Rng::with_seed(seed);
        // Periods that no fraction of a second divides evenly.
        let intervals = [61_003, 90_007].map(Duration::from_millis);
        let phases = [first_phase(intervals[0], 0), first_phase(intervals[1], 1)];
        let collectors = std::iter::zip(intervals, phases).map(|(interval, phase)| {
            let service = Some(0);
            CollectorSettings {
                interval,
                phase,
                service,
            }
        });
        let settings = AccountSettings {
            max_in_flight: 1,
            min_spacing: Duration::from_millis(250),
            session: SessionSettings {
                services: 1,
                token: true,
                ..SessionSettings::default()
            },
            collectors: collectors.collect(),
            seed,
        };
        let start = Instant::now();
        let mut scheduler = AccountScheduler::new(settings, start);
        let mut plans = Noting {
            plans: [3, 2],
            now: start,
            begun: [Vec::new(), Vec::new()],
        };
        let mut under_way: Option<(Instant, Call)> = None;
        let mut biggest = 0;
        while plans.now < start + WEEK {
            let wake = loop {
                match scheduler.step(plans.now, &mut plans) {
                    Step::Start(call) => {
                        let latency = Duration::from_millis(rng.u64(1..1500));
                        under_way = Some((plans.now + latency, call));
                    }
                    Step::Wait(until) => break until,
                }
            };
            let _ = scheduler.take_events();
            biggest = biggest.max(scheduler.size());
            plans.now = under_way
                .map(|u| u.0)
                .into_iter()
                .chain(wake)
                .min()
                .unwrap();
            if let Some((_, call)) = under_way.take_if(|u| u.0 <= plans.now) {
                // One call in twenty fails; its retries must not shift anything.
                let outcome = match rng.u32(..20) {
                    0 => Outcome::Failed { connection: false },
                    _ => Outcome::SUCCESS,
                };
                scheduler.complete_call(plans.now, call, outcome.into());
            }
        }
        assert!(biggest <= 6, "{biggest} things kept for five requests");
        for (collector, begun) in plans.begun.iter().enumerate() {
            let due = |n: usize| {
                start + phases[collector] + intervals[collector] * u32::try_from(n).unwrap()
            };
            let grid: Vec<_> = (0..).map(due).take_while(|at| *at < start + WEEK).collect();
            let on_the_grid = begun[1..]
                .iter()
                .filter(|at| grid.binary_search(at).is_ok());
            // Retries make a poll late now and then; the one after it is on the grid again.
            let late = begun.len() - 1 - on_the_grid.count();
            assert!(late * 50 < begun.len(), "{late} late polls of {collector}");
            let on_time = |at: &Instant| grid.binary_search(at).is_ok();
            let mut pairs = begun[1..].windows(2);
            let drifted = pairs.find(|pair| !on_time(&pair[0]) && !on_time(&pair[1]));
            assert_eq!(drifted, None, "collector {collector} drifted");
            assert!(
                begun.len() * 100 > grid.len() * 98,
                "{} of {}",
                begun.len(),
                grid.len()
            );
        }
    }
}
