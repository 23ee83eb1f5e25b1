use super::super::test_driver;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn keys(count: u64) -> Vec<PlannedRequest> {
    (0..count).map(|n| RequestKey(n).into()).collect()
}

fn request(index: usize) -> RequestIndex {
    RequestIndex::new(index)
}

fn begin(now: Instant, count: u64) -> Poll {
    Poll::begin(now, 60 * SECOND, keys(count), &History::default())
}

#[test]
fn a_request_is_given_up_after_four_refusals_of_its_own() {
    let now = test_driver::start();
    let mut poll = begin(now, 2);
    poll.succeeded(request(1));
    for refusal in 1..=4 {
        assert_eq!(poll.result(), None, "before refusal {refusal}");
        poll.started(request(0));
        let given_up = poll.refused(request(0), now);
        assert_eq!(given_up, (refusal == 4).then_some(NextAction::GiveUp));
    }
    let result = PollResult {
        succeeded: 1,
        given_up: 1,
        transient_failure: false,
    };
    assert_eq!(poll.result(), Some(result));
}

#[test]
fn a_request_given_up_last_time_gets_one_attempt() {
    let now = test_driver::start();
    let mut poll = begin(now, 2);
    poll.started(request(1));
    poll.succeeded(request(1));
    for _ in 0..3 {
        poll.started(request(0));
        assert!(matches!(
            poll.failed(request(0), now),
            NextAction::RetryAfter(_)
        ));
    }
    poll.started(request(0));
    assert_eq!(poll.failed(request(0), now), NextAction::GiveUp);
    let mut history = History::default();
    poll.record(&mut history);
    let mut next = Poll::begin(now, SECOND, keys(2), &history);
    assert!(next.is_known_to_fail(request(0)) && !next.is_known_to_fail(request(1)));
    next.started(request(0));
    assert_eq!(next.failed(request(0), now), NextAction::GiveUp);
    next.started(request(1));
    assert_eq!(
        next.failed(request(1), now),
        NextAction::RetryAfter(5 * SECOND)
    );
}

#[test]
fn three_failures_without_answer_end_the_poll_and_probe_next() {
    let now = test_driver::start();
    let mut poll = begin(now, 5);
    for index in 0..3 {
        assert_eq!(poll.result(), None);
        for _ in 0..4 {
            poll.started(request(index));
            poll.failed(request(index), now);
        }
    }
    assert_eq!(poll.result().map(|result| result.given_up), Some(5));
    let mut history = History::default();
    poll.record(&mut history);
    let mut next = Poll::begin(now, 5 * SECOND, keys(5), &history);
    let at = |index: usize| match next.requests[index].progress {
        Progress::Pending { not_before } => not_before - now,
        _ => unreachable!(),
    };
    assert_eq!([3, 4, 0, 1, 2].map(at), [0, 1, 2, 3, 4].map(|n| n * SECOND));
    next.started(request(3));
    assert_eq!(
        next.failed(request(3), now),
        NextAction::GiveUp,
        "one attempt each"
    );
    next.started(request(4));
    next.succeeded(request(4));
    next.started(request(0));
    assert_eq!(
        next.failed(request(0), now),
        NextAction::RetryAfter(5 * SECOND),
        "the API answers again"
    );
}

#[test]
fn twenty_rejections_in_a_row_end_the_poll_unless_expected() {
    let now = test_driver::start();
    let mut history = History::default();
    let mut poll = begin(now, 50);
    for index in 0..19 {
        poll.started(request(index));
        poll.rejected(request(index));
    }
    poll.started(request(19));
    poll.succeeded(request(19));
    for index in 20..40 {
        assert_eq!(poll.result(), None, "before {index}");
        poll.started(request(index));
        poll.rejected(request(index));
    }
    assert_eq!(poll.result().map(|result| result.succeeded), Some(1));
    poll.record(&mut history);
    let mut next = Poll::begin(now, SECOND, keys(50), &history);
    for index in (0..19).chain(20..40) {
        next.started(request(index));
        next.rejected(request(index));
        assert_eq!(next.result(), None, "after {index}");
    }
}
