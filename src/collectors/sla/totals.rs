//! The SLA Histogram as running totals: the own counts of the buckets asked for, and what was made of
//! them to a cumulative histogram.

use super::answer::{SlaAnswer, SlaBucket};
use super::families;
use super::map::cumulative;
use super::query::{SlaQuery, Subject};
use crate::metrics::{LabelValue, Sink};
use crate::totals::{Counts, SeriesKey};

/// The own count of each bucket that a query asks for, by its lower limit. `None` for an answer with
/// limits of its own: its counts cannot be added to those of the buckets asked for.
pub fn counts(query: &SlaQuery, answer: &SlaAnswer) -> Option<Counts> {
    let limits = &query.lower_limits;
    let is_asked_for = |bucket: &SlaBucket| limits.contains(&bucket.lower_limit);
    if !answer.buckets.iter().all(is_asked_for) {
        return None;
    }
    // A bucket left out of the answer is an empty one.
    let chats = |limit: &u32| {
        let mut buckets = answer.buckets.iter();
        let bucket = buckets.find(|bucket| bucket.lower_limit == *limit);
        Some(bucket.map_or(0.0, |bucket| bucket.chats))
    };
    let mut counts = Counts::new(limits.len());
    counts.push(key(query.subject), limits.iter().map(chats));
    Some(counts.sorted())
}

/// Whose totals a histogram is.
pub(super) fn key(subject: Subject) -> SeriesKey {
    let level = subject.level();
    match subject {
        Subject::Account => SeriesKey::ACCOUNT,
        Subject::Skill(id) => SeriesKey::one(level, id.into()),
        Subject::Group(id) => SeriesKey::one(level, id.into()),
    }
}

/// Maps the running totals of an id. `values` are the numbers of a [`counts`], which count from
/// `created`, in seconds since the epoch.
pub(super) fn map(
    account: &str,
    query: &SlaQuery,
    key: SeriesKey,
    values: &[f64],
    created: i64,
    sink: &mut dyn Sink,
) {
    let limits = &query.lower_limits;
    // Every count enters into those of all wider buckets: where one is missing, there is no histogram.
    if values.len() != limits.len() || values.iter().any(|count| count.is_nan()) {
        return;
    }
    let Some(families) = families::of_level(key.level) else {
        return;
    };
    let pairs = limits.iter().zip(values);
    let buckets = pairs.map(|(lower_limit, chats)| SlaBucket {
        lower_limit: *lower_limit,
        chats: *chats,
    });
    let answer = SlaAnswer {
        buckets: buckets.collect(),
    };
    let (buckets, count) = cumulative(limits, &answer);
    let ids = key.ids().iter().map(|id| LabelValue::Id(*id));
    let labels: Vec<_> = std::iter::once(LabelValue::Text(account))
        .chain(ids)
        .collect();
    let family = &families.total_wait_seconds;
    sink.histogram(family, &labels, &buckets, count, created);
}

#[cfg(test)]
mod tests {
    use super::super::tests::answer;
    use super::*;
    use crate::metrics::Recorder;
    use crate::vocabulary::{Level, Window};

    fn query(subject: Subject) -> SlaQuery {
        SlaQuery {
            window: Window::SinceAnchor,
            subject,
            lower_limits: vec![0, 15, 30],
        }
    }

    fn rows(counts: &Counts) -> Vec<(SeriesKey, Vec<f64>)> {
        let rows = counts.iter();
        rows.map(|(key, row)| (key, row.to_vec())).collect()
    }

    #[test]
    fn own_counts_are_those_of_the_buckets_asked_for() {
        for (subject, key) in [
            (Subject::Account, SeriesKey::ACCOUNT),
            (
                Subject::Skill((-1).into()),
                SeriesKey::one(Level::Skill, -1),
            ),
            (Subject::Group(7.into()), SeriesKey::one(Level::Group, 7)),
        ] {
            for (buckets, own) in [
                (&[(0, 3.0), (15, 2.0), (30, 1.0)][..], vec![3.0, 2.0, 1.0]),
                (&[(30, 1.0)][..], vec![0.0, 0.0, 1.0]),
                (&[][..], vec![0.0; 3]),
            ] {
                let counts = counts(&query(subject), &answer(buckets)).unwrap();
                assert_eq!(rows(&counts), [(key, own)]);
            }
        }
    }

    #[test]
    fn an_answer_with_limits_of_its_own_is_not_counted() {
        let answer = answer(&[(0, 1.0), (20, 2.0)]);
        assert_eq!(counts(&query(Subject::Account), &answer), None);
    }

    #[test]
    fn own_counts_become_cumulative_under_upper_limits() {
        let mut recorder = Recorder::default();
        let (query, key) = (
            query(Subject::Skill(4.into())),
            SeriesKey::one(Level::Skill, 4),
        );
        map("1", &query, key, &[3.0, 2.0, 1.0], 300, &mut recorder);
        let series = |end: &str, le: &str| {
            format!("liveperson_skill_wait_seconds{end}{{account=1,skill=4{le}}}")
        };
        assert_eq!(
            recorder.samples,
            [
                (series("", ",le=15"), 3.0),
                (series("", ",le=30"), 5.0),
                (series("", ",le=+Inf"), 6.0),
                (series("_created", ""), 300.0),
            ]
        );
    }

    #[test]
    fn counts_that_do_not_fit_the_buckets_give_no_histogram() {
        for values in [&[3.0, f64::NAN, 1.0][..], &[3.0][..], &[][..]] {
            let mut recorder = Recorder::default();
            let query = query(Subject::Account);
            map("1", &query, SeriesKey::ACCOUNT, values, 0, &mut recorder);
            assert_eq!(recorder.samples, [], "{values:?}");
        }
    }
}
