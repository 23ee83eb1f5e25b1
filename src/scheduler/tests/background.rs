//! The task in the background: it comes last, and its failures change nothing for the others.

use super::super::test_driver::{
    DOWN, Driver, OK, PlainCall, UNREACHABLE, background_task, data_task, settings, with_token,
};
use super::super::{AccountSettings, Outcome, ServiceId};

/// The number of the task in the background; 0 is the one that matters.
const BACKGROUND: usize = 1;

/// Two tasks with different hosts; only the first one fetches tokens.
fn data_and_names() -> AccountSettings {
    let mut settings = with_token(settings(vec![data_task(30, 30), background_task()]));
    settings.session.token_service = None;
    settings.tasks[BACKGROUND].service = Some(ServiceId::new(1));
    settings
}

/// Runs both for so many seconds, with every call answered after 100 ms.
pub(super) fn run(
    seconds: f64,
    mut outcome: impl FnMut(f64, PlainCall) -> Outcome,
) -> Driver<impl FnMut(f64, PlainCall) -> (f64, Outcome)> {
    let answer = move |at, call| (0.1, outcome(at, call));
    Driver::run(data_and_names(), [2, 3], seconds, answer)
}

#[test]
fn it_starts_after_the_first_polls_of_data_at_the_spacing() {
    let run = run(3700.0, |_, _| OK);
    let first = run.ends_of(0).next().unwrap().at;
    let background = run.starts_of(BACKGROUND);
    assert!(
        background[0] > first && background[0] < first + 1.0,
        "{background:?}"
    );
    assert!(
        background[2] - background[0] < 1.0,
        "a burst the first time: {background:?}"
    );
    assert_eq!(
        background.len(),
        4,
        "and then every hour, spread: {background:?}"
    );
    let gaps = run.starts.windows(2).map(|pair| pair[1].at - pair[0].at);
    assert!(gaps.fold(f64::MAX, f64::min) > 0.249);
    assert_eq!(run.count(PlainCall::Host(1)), 1);
}

#[test]
fn its_failures_change_nothing_for_the_others() {
    let good = run(1800.0, |_, _| OK);
    let mut wrong = Vec::new();
    for outcome in [Outcome::Rejected, Outcome::Unauthorised, DOWN, UNREACHABLE] {
        for failing_look_up in [false, true] {
            let bad = run(1800.0, |_, call| match call {
                PlainCall::Host(1) if failing_look_up => outcome,
                PlainCall::Request {
                    task: BACKGROUND, ..
                } if !failing_look_up => outcome,
                _ => OK,
            });
            let same = [PlainCall::Token, PlainCall::Host(0)]
                .iter()
                .all(|call| good.count(*call) == bad.count(*call));
            let delay = longest_delay(&good.starts_of(0), &bad.starts_of(0));
            // A call under way and the spacing after it is the longest delay.
            if !same || !bad.backoffs.is_empty() || delay.is_none_or(|delay| delay >= 0.3) {
                wrong.push((outcome, failing_look_up, same, bad.backoffs, delay));
            }
        }
    }
    assert_eq!(wrong, []);
}

/// `None` when the number of starts differs.
fn longest_delay(good: &[f64], bad: &[f64]) -> Option<f64> {
    let delays = std::iter::zip(good, bad).map(|(good, bad)| (good - bad).abs());
    (good.len() == bad.len()).then(|| delays.fold(0.0, f64::max))
}

#[test]
fn transient_failures_are_retried_after_2_4_8_min_others_later() {
    let attempts = |outcome| {
        let run = run(3000.0, |_, call| match call {
            PlainCall::Request {
                task: BACKGROUND, ..
            } => outcome,
            _ => OK,
        });
        run.starts_of(BACKGROUND)
    };
    let failed = attempts(DOWN);
    let gaps: Vec<f64> = failed
        .windows(2)
        .map(|p| ((p[1] - p[0]) / 60.0).round())
        .collect();
    assert_eq!(
        gaps,
        [2.0, 4.0, 8.0, 16.0],
        "one call each time: {failed:?}"
    );
    let refused = attempts(Outcome::Rejected);
    assert_eq!(refused.len(), 3, "each list once: {refused:?}");
}

#[test]
fn a_failed_look_up_is_retried_after_2_4_8_minutes() {
    let waits = |outcome| -> Vec<Option<u64>> {
        let run = run(1900.0, |_, call| match call {
            PlainCall::Host(1) => outcome,
            _ => OK,
        });
        let waits = run.ends_of(BACKGROUND).map(|end| end.summary.backoff);
        waits.map(|wait| wait.map(|w| w.as_secs() / 60)).collect()
    };
    let failed = waits(DOWN);
    assert_eq!(failed, [2, 4, 8, 16].map(Some));
    let refused = waits(Outcome::Rejected);
    assert_eq!(refused, [None], "not before the interval is over");
}

#[test]
fn it_fetches_no_token_and_waits_for_that_of_the_others() {
    let run = run(300.0, |at, call| match call {
        PlainCall::Token if at < 100.0 => Outcome::Unauthorised,
        _ => OK,
    });
    // Refused at once, and again after the back-off of the data: nothing in between.
    assert_eq!(run.count(PlainCall::Token), 2, "{:?}", run.starts);
    let second = run.ends_of(0).nth(1).unwrap().at;
    assert!((120.0..137.0).contains(&second), "{second}");
    let background = run.starts_of(BACKGROUND);
    assert_eq!(background.len(), 3);
    assert!(background[0] > 119.0, "{background:?}");
}

#[test]
fn its_own_429_silences_the_account_only_once() {
    let run = run(600.0, |_, call| match call {
        PlainCall::Request {
            task: BACKGROUND, ..
        } => Outcome::Throttled { retry_after: None },
        _ => OK,
    });
    let background = run.starts_of(BACKGROUND);
    assert!(background.len() <= 3, "{background:?}");
    let refused = run.starts.iter().filter(|start| start.outcome != OK);
    assert_eq!(refused.count(), background.len());
    let mut starts = run.starts.iter().map(|start| start.at);
    let after = starts.find(|at| *at > background[0]).unwrap();
    assert!(after - background[0] >= 1.0);
    assert!(run.ends_of(0).all(|end| end.summary.is_success()));
}
