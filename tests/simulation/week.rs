//! A simulated week: the period of the polls does not drift by a nanosecond, and nothing grows.

use std::time::Duration;

use fastrand::Rng;
use liveperson_exporter::scheduler::{Ordinal, first_phase};

use crate::scheduler::test_driver::{DOWN, Driver, OK, data_task, settings, with_token};

const WEEK: Duration = Duration::from_secs(7 * 86_400);

#[test]
fn over_a_week_no_period_drifts_and_memory_does_not_grow() {
    for seed in 0..3 {
        let mut rng = Rng::with_seed(seed);
        // Periods that no fraction of a second divides evenly.
        let intervals = [61_003, 90_007].map(Duration::from_millis);
        let phase = |place: usize| first_phase(intervals[place], Ordinal::of_account(place, 1));
        let phases = [phase(0), phase(1)];
        let mut settings = with_token(settings(vec![data_task(0, 0), data_task(0, 0)]));
        settings.seed = seed;
        for (index, task) in settings.tasks.iter_mut().enumerate() {
            (task.interval, task.phase) = (intervals[index], phases[index]);
        }
        let driver = Driver::run(settings, [3, 2], WEEK.as_secs_f64(), |_, _| {
            // One call in twenty fails; its retries must not shift anything.
            let outcome = if rng.u32(..20) == 0 { DOWN } else { OK };
            (0.001 + 1.5 * rng.f64(), outcome)
        });
        let largest = driver.largest_size;
        assert!(largest <= 6, "{largest} things kept for five requests");
        for task in 0..2 {
            keeps_to_its_grid(&driver.begins_of(task), phases[task], intervals[task], task);
        }
    }
}

/// All but a few polls begin on the grid, and none of two in a row begins late.
fn keeps_to_its_grid(begins: &[Duration], phase: Duration, interval: Duration, task: usize) {
    let due = |n: u32| phase + interval * n;
    let grid: Vec<_> = (0..).map(due).take_while(|at| *at < WEEK).collect();
    let on_time = |at: &Duration| grid.binary_search(at).is_ok();
    let regular = &begins[1..];
    // Retries make a poll late now and then; the one after it is on the grid again.
    let late = regular.iter().filter(|at| !on_time(at)).count();
    assert!(late * 50 < begins.len(), "{late} late polls of {task}");
    let mut pairs = regular.windows(2);
    let drifted = pairs.find(|pair| !on_time(&pair[0]) && !on_time(&pair[1]));
    assert_eq!(drifted, None, "task {task} drifted");
    assert!(
        begins.len() * 100 > grid.len() * 98,
        "{} of {}",
        begins.len(),
        grid.len()
    );
}
