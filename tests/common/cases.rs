//! Tables of cases: every case is checked, and the failure shows all that failed.

#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::any::Any;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Characters of a case that a failure shows; some cases are whole documents.
const LONGEST_CASE: usize = 200;

/// Checks each case by assertions. Panics at the end, with every case that failed and why.
#[track_caller]
pub(crate) fn check_each<C: Debug>(cases: impl IntoIterator<Item = C>, mut check: impl FnMut(C)) {
    let mut results = Results::default();
    for case in cases {
        let name = format!("{case:?}");
        let outcome = catch_unwind(AssertUnwindSafe(|| check(case)));
        results.add(&name, outcome);
    }
    results.finish();
}

/// The same for checks that wait, one after the other.
pub(crate) async fn check_each_async<C: Debug>(
    cases: impl IntoIterator<Item = C>,
    mut check: impl AsyncFnMut(C),
) {
    let mut results = Results::default();
    for case in cases {
        let name = format!("{case:?}");
        let mut checking = pin!(check(case));
        let outcome = std::future::poll_fn(|context| {
            let poll = || checking.as_mut().poll(context).map(Ok);
            catch_unwind(AssertUnwindSafe(poll)).unwrap_or_else(|panic| Poll::Ready(Err(panic)))
        });
        results.add(&name, outcome.await);
    }
    results.finish();
}

#[derive(Default)]
struct Results {
    checked: usize,
    failures: Vec<String>,
}

impl Results {
    fn add(&mut self, case: &str, outcome: Result<(), Box<dyn Any + Send>>) {
        self.checked += 1;
        let Err(panic) = outcome else { return };
        let text = match panic.downcast_ref::<String>() {
            Some(text) => text,
            None => panic.downcast_ref::<&str>().copied().unwrap_or("a panic"),
        };
        let case: String = case.chars().take(LONGEST_CASE).collect();
        let number = self.checked;
        self.failures
            .push(format!("case {number}, {case}:\n{text}"));
    }

    #[track_caller]
    fn finish(self) {
        let Self { checked, failures } = self;
        assert!(
            failures.is_empty(),
            "{} of {checked} cases failed\n{}",
            failures.len(),
            failures.join("\n")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_even(number: u32) {
        assert!(number.is_multiple_of(2), "{number} is odd");
    }

    fn failure(outcome: Result<(), Box<dyn Any + Send>>) -> String {
        *outcome.unwrap_err().downcast::<String>().unwrap()
    }

    const EXPECTED: &str = "2 of 3 cases failed\ncase 1, 1:\n1 is odd\ncase 3, 3:\n3 is odd";

    #[test]
    fn a_table_reports_every_case_that_fails() {
        let outcome = catch_unwind(|| check_each([1, 2, 3], is_even));
        assert_eq!(failure(outcome), EXPECTED);
        check_each([2, 4], is_even);
    }

    #[tokio::test]
    async fn a_table_of_waiting_checks_reports_every_case_that_fails() {
        let checks = check_each_async([1, 2, 3], async |number| {
            tokio::task::yield_now().await;
            is_even(number);
        });
        let outcome = tokio::task::LocalSet::new()
            .run_until(async { tokio::task::spawn_local(checks).await })
            .await;
        assert_eq!(
            failure(outcome.map_err(|error| error.into_panic())),
            EXPECTED
        );
    }
}
