//! The answer of the SLA Histogram to samples.
//!
//! LivePerson's buckets are own counts under LOWER limits; Prometheus's are cumulative counts
//! under UPPER limits: the count below a limit is the sum of the buckets that begin before it.

use super::answer::SlaAnswer;
use super::families;
use super::query::{SlaQuery, Subject};
use crate::metrics::{LabelValue, Sink};
use crate::vocabulary::Window;

/// Maps one answer.
pub fn map(account: &str, query: &SlaQuery, answer: &SlaAnswer, sink: &mut dyn Sink) {
    // An answer since an anchor has no series of its own.
    if query.window == Window::SinceAnchor {
        return;
    }
    let window = query.window.label();
    let (account, window) = (LabelValue::Text(account), LabelValue::Text(&window));
    let labels = match query.subject {
        Subject::Account => vec![account, window],
        Subject::Skill(id) => vec![account, id.into(), window],
        Subject::Group(id) => vec![account, id.into(), window],
    };
    let Some(families) = families::of_level(query.subject.level()) else {
        return;
    };
    let (buckets, count) = cumulative(&query.lower_limits, answer);
    sink.gauge_histogram(&families.wait_seconds, &labels, &buckets, count);
    sink.gauge(&families.waited_chats, &labels, count);
}

/// Upper limits with cumulative counts, and the total.
pub(super) fn cumulative(asked: &[u32], answer: &SlaAnswer) -> (Vec<(u32, f64)>, f64) {
    let answered = |limit: &u32| answer.buckets.iter().any(|b| b.lower_limit == *limit);
    let asked_for = |limit: &u32| asked.contains(limit);
    let mut limits: Vec<u32> = answer.buckets.iter().map(|b| b.lower_limit).collect();
    // A bucket left out of the answer is an empty one, as a skill left out has no chats. But in an
    // answer with limits of its own a missing limit means other, wider buckets: counts below the
    // limits asked for cannot be had from those, and none are invented.
    if limits.iter().all(asked_for) {
        limits.extend(asked.iter().filter(|limit| !answered(limit)));
        limits.sort_unstable();
    }
    let mut rest = answer.buckets.iter().peekable();
    let mut count = 0.0;
    let mut buckets = Vec::with_capacity(limits.len());
    for limit in limits.into_iter().filter(|limit| *limit > 0) {
        while let Some(bucket) = rest.next_if(|b| b.lower_limit < limit) {
            count += bucket.chats;
        }
        buckets.push((limit, count));
    }
    let total = rest.fold(count, |sum, bucket| sum + bucket.chats);
    (buckets, total)
}

#[cfg(test)]
mod tests {
    use crate::cases::check_each;
    use proptest::prelude::*;

    use super::super::tests::answer;
    use super::*;
    use crate::metrics::Recorder;

    #[test]
    fn the_contracts_example() {
        let got = cumulative(&[0, 15, 30], &answer(&[(0, 3.0), (15, 2.0), (30, 1.0)]));
        assert_eq!(got, (vec![(15, 3.0), (30, 5.0)], 6.0));
    }

    #[test]
    fn a_bucket_left_out_is_empty() {
        let got = cumulative(&[0, 15, 30], &answer(&[(30, 1.0)]));
        assert_eq!(got, (vec![(15, 0.0), (30, 0.0)], 1.0));
        assert_eq!(cumulative(&[0, 15], &answer(&[])), (vec![(15, 0.0)], 0.0));
    }

    #[test]
    fn an_answer_with_limits_of_its_own_is_taken_as_it_is() {
        let got = cumulative(&[0, 20, 40], &answer(&[(0, 1.0), (15, 2.0), (30, 4.0)]));
        assert_eq!(got, (vec![(15, 1.0), (30, 3.0)], 7.0));
    }

    #[test]
    fn each_subject_has_its_families() {
        let cases = [
            (
                Subject::Account,
                "liveperson_window_account_waited_chats{account=1,window=1h}",
            ),
            (
                Subject::Skill((-1).into()),
                "liveperson_window_skill_waited_chats{account=1,skill=-1,window=1h}",
            ),
            (
                Subject::Group(7.into()),
                "liveperson_window_group_waited_chats{account=1,group=7,window=1h}",
            ),
        ];
        check_each(cases, |(subject, series)| {
            let mut recorder = Recorder::default();
            let query = SlaQuery {
                window: Window::Minutes(60),
                subject,
                lower_limits: vec![0, 5],
            };
            let answer = answer(&[(0, 2.0), (5, 3.0)]);
            map("1", &query, &answer, &mut recorder);
            assert_eq!(recorder.value(series), Some(5.0), "{:?}", recorder.samples);
            assert_eq!(recorder.samples.len(), 3);
        });
    }

    proptest! {
        #[test]
        fn buckets_are_cumulative_and_end_in_the_total(
            counts in proptest::collection::btree_map((0_u32..200).prop_map(|n| n * 5), 0_u32..10_000, 0..20),
            asked in proptest::collection::btree_set((1_u32..200).prop_map(|n| n * 5), 0..20),
        ) {
            let pairs: Vec<_> = counts.iter().map(|(k, v)| (*k, f64::from(*v))).collect();
            let asked: Vec<u32> = std::iter::once(0).chain(asked).collect();
            let (buckets, total) = cumulative(&asked, &answer(&pairs));
            prop_assert_eq!(total, pairs.iter().map(|(_, n)| n).sum::<f64>());
            prop_assert!(buckets.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 <= w[1].1));
            for (limit, count) in buckets {
                let below: f64 = pairs.iter().filter(|(k, _)| *k < limit).map(|(_, n)| n).sum();
                prop_assert_eq!(count, below);
                prop_assert!(count <= total);
            }
        }
    }
}
