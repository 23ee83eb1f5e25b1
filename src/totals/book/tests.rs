//! Decisions about all totals of a collector; `tests/simulation/totals` has them all together.

use proptest::prelude::*;

use super::*;
use crate::totals::counts::SeriesKey;
use crate::totals::mark::SETTLED_AFTER;
use crate::totals::resume::Gap;
use crate::vocabulary::Level;

const HOUR: i64 = 3600;
const NOW: i64 = 1_700_000_100;

/// Some skills, and the limits of buckets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Query(&'static [i64], u32);

impl TotalsQuery for Query {
    fn layout(&self) -> Vec<u32> {
        vec![self.1]
    }
}

const FOUR: Query = Query(&[4], 15);
const SEVEN: Query = Query(&[7], 15);
const BOTH: Query = Query(&[4, 7], 15);

fn skill(id: i64) -> SeriesKey {
    SeriesKey::one(Level::Skill, id)
}

fn counts(rows: &[(i64, f64)]) -> Counts {
    let mut counts = Counts::new(1);
    for (id, value) in rows {
        counts.push(skill(*id), [Some(*value)]);
    }
    counts.sorted()
}

/// What is served of each skill.
fn served(book: &Book<Query>) -> Vec<(i64, f64)> {
    let rows = book.rows().map(|row| (row.key.ids[0], row.served[0]));
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|(id, _)| *id);
    rows
}

/// A poll in which every window since an anchor has these numbers, and later ones less by `moved`.
fn poll(book: &mut Book<Query>, wanted: &[Query], rows: &[(i64, f64)], moved: f64, now: i64) {
    let (calls, _) = book.plan(wanted, now);
    for call in calls {
        let mut next = Some(call);
        while let Some(call) = next {
            let mark = book.mark(call).unwrap();
            let less = if call.is_served() { 0.0 } else { moved };
            let ids = book.query(call.ledger).unwrap().0;
            let named = rows.iter().filter(|(id, _)| ids.contains(id));
            let named: Vec<_> = named.map(|(id, value)| (*id, value - less)).collect();
            next = book.answered(call, mark, &counts(&named), now).next;
        }
    }
}

fn save(book: &mut Book<Query>) {
    let (_, moves) = book.snapshot();
    book.saved(&moves);
}

fn anchors(book: &Book<Query>) -> Vec<i64> {
    let ledgers = book.ledgers();
    ledgers
        .map(|(_, _, ledger)| ledger.anchor().seconds())
        .collect()
}

#[test]
fn a_saved_move_changes_no_total() {
    let mut book = Book::default();
    poll(&mut book, &[FOUR], &[(4, 50.0)], 40.0, NOW);
    assert!(!book.has_ready_moves(), "one attempt is not a proof");
    poll(&mut book, &[FOUR], &[(4, 50.0)], 40.0, NOW + 300);
    assert!(book.has_ready_moves());
    let before = anchors(&book);
    poll(&mut book, &[FOUR], &[(4, 51.0)], 40.0, NOW + 600);
    assert_eq!(anchors(&book), before, "not before it is saved");
    save(&mut book);
    assert_eq!(anchors(&book), [Mark::settled(NOW).seconds()]);
    poll(&mut book, &[FOUR], &[(4, 12.0)], 0.0, NOW + 900);
    assert_eq!(served(&book), [(4, 52.0)]);
}

#[test]
fn attempts_that_find_something_else_prove_nothing() {
    let mut book = Book::default();
    for (step, moved) in [40.0, 41.0, 40.0, 41.0].into_iter().enumerate() {
        let at = NOW + 300 * i64::try_from(step).unwrap();
        poll(&mut book, &[FOUR], &[(4, 50.0)], moved, at);
        assert!(!book.has_ready_moves(), "attempt {step}");
    }
}

#[test]
fn a_crash_between_saving_and_moving_loses_nothing() {
    let mut book = Book::default();
    poll(&mut book, &[FOUR], &[(4, 50.0)], 40.0, NOW);
    poll(&mut book, &[FOUR], &[(4, 50.0)], 40.0, NOW + 300);
    let (saved, _) = book.snapshot();
    let mut book = Book::restore(saved, |_| Some(FOUR), NOW + 600);
    assert_eq!(anchors(&book), [Mark::settled(NOW).seconds()]);
    poll(&mut book, &[FOUR], &[(4, 11.0)], 0.0, NOW + 600);
    assert_eq!(served(&book), [(4, 51.0)]);
}

#[test]
fn an_answer_for_an_older_anchor_says_nothing() {
    let mut book = Book::default();
    poll(&mut book, &[FOUR], &[(4, 50.0)], 40.0, NOW);
    poll(&mut book, &[FOUR], &[(4, 50.0)], 40.0, NOW + 300);
    let (calls, _) = book.plan(&[FOUR], NOW + 600);
    let mark = book.mark(calls[0]).unwrap();
    save(&mut book);
    let answered = book.answered(calls[0], mark, &counts(&[(4, 55.0)]), NOW + 601);
    assert_eq!(answered, Answered::default());
    assert_eq!(served(&book), [(4, 50.0)]);
}

#[test]
fn answers_of_an_older_configuration_say_nothing() {
    let mut book = Book::default();
    poll(&mut book, &[FOUR, SEVEN], &[(4, 5.0), (7, 9.0)], 0.0, NOW);
    let (calls, _) = book.plan(&[FOUR, SEVEN], NOW + 60);
    let marks: Vec<_> = calls.iter().map(|call| book.mark(*call).unwrap()).collect();
    let only_seven = |key| (key == skill(7)).then_some(SEVEN);
    let mut book = Book::restore(book.state(), only_seven, NOW + 60);
    for (call, mark) in calls.into_iter().zip(marks) {
        let answered = book.answered(call, mark, &counts(&[(4, 99.0)]), NOW + 61);
        assert!(!answered.served);
    }
    assert_eq!(served(&book), [(7, 9.0)]);
}

#[test]
fn totals_that_come_together_count_each_id_once() {
    let mut book = Book::default();
    poll(&mut book, &[FOUR], &[(4, 50.0)], 40.0, NOW);
    poll(&mut book, &[FOUR], &[(4, 50.0)], 40.0, NOW + 300);
    save(&mut book);
    poll(
        &mut book,
        &[FOUR, SEVEN],
        &[(4, 10.0), (7, 3.0)],
        0.0,
        NOW + 600,
    );
    let mut book = Book::restore(book.state(), |_| Some(BOTH), NOW + 900);
    assert_eq!(book.ledgers().count(), 2, "with different anchors");
    for step in 3..40 {
        let named = [(4, 12.0), (7, 4.0), (8, 1.0)];
        // Nothing lies between the two anchors but one chat of skill 7.
        let (calls, _) = book.plan(&[BOTH], NOW + 300 * step);
        for call in calls {
            let mut next = Some(call);
            while let Some(call) = next {
                let mark = book.mark(call).unwrap();
                let is_older = mark.seconds() < NOW - 20 * HOUR;
                let four = if is_older { 52.0 } else { 12.0 };
                let answer = counts(&[(4, four), named[1], named[2]]);
                next = book.answered(call, mark, &answer, NOW + 300 * step).next;
            }
        }
        save(&mut book);
        assert_eq!(
            served(&book),
            [(4, 52.0), (7, 4.0), (8, 1.0)],
            "poll {step}"
        );
    }
    assert_eq!(book.ledgers().count(), 1, "one request for both");
}

#[test]
fn other_buckets_begin_again() {
    let mut book = Book::default();
    poll(&mut book, &[FOUR, SEVEN], &[(4, 5.0), (7, 9.0)], 0.0, NOW);
    let wider = Query(&[4], 30);
    let query_of = |key| {
        Some(if key == skill(4) {
            wider.clone()
        } else {
            SEVEN
        })
    };
    let now = NOW + 600;
    let mut book = Book::restore(book.state(), query_of, now);
    assert_eq!(served(&book), [(7, 9.0)]);
    poll(
        &mut book,
        &[wider.clone(), SEVEN],
        &[(4, 1.0), (7, 9.0)],
        0.0,
        now + 300,
    );
    assert_eq!(served(&book), [(4, 1.0), (7, 9.0)]);
    let created = book.rows().find(|row| row.key == skill(4)).unwrap().created;
    assert_eq!(created, Mark::at_or_before(now));
}

#[test]
fn more_than_a_day_away_is_declared_lost_once() {
    let mut book = Book::default();
    poll(&mut book, &[FOUR, SEVEN], &[(4, 5.0), (7, 9.0)], 0.0, NOW);
    let later = NOW + 40 * HOUR;
    let (_, gaps) = book.plan(&[FOUR, SEVEN], later);
    let gap = Gap {
        from: NOW - SETTLED_AFTER,
        until: Mark::oldest(later).seconds(),
    };
    assert_eq!(gaps, [gap]);
    assert_eq!(book.lost_seconds(), gap.until - gap.from);
    let (_, gaps) = book.plan(&[FOUR, SEVEN], later + HOUR);
    assert!(gaps.is_empty(), "it only grows");
    assert_eq!(book.lost_seconds(), gap.until - gap.from + HOUR);
    poll(&mut book, &[FOUR, SEVEN], &[(4, 1.0)], 0.0, later + HOUR);
    assert_eq!(served(&book), [(4, 6.0), (7, 9.0)]);
}

#[test]
fn a_first_anchor_is_not_moved_by_force_at_once() {
    let mut book = Book::default();
    poll(&mut book, &[FOUR], &[(4, 50.0)], 40.0, NOW);
    assert!(!book.has_ready_moves());
    assert_eq!(book.corrections(), 0);
}

#[test]
fn what_cannot_be_proven_for_a_day_is_a_correction() {
    let mut book = Book::default();
    let mut now = NOW;
    while !book.has_ready_moves() {
        assert!(now < NOW + HOUR, "never");
        // What lies in between differs from attempt to attempt.
        poll(&mut book, &[FOUR], &[(4, 50.0)], (now % 7) as f64, now);
        now += 120;
    }
    save(&mut book);
    assert_eq!(book.corrections(), 1);
    assert_eq!(served(&book), [(4, 50.0)], "held");
}

#[test]
fn one_that_never_moves_does_not_hold_up_others() {
    let ids: Vec<&'static [i64]> = vec![&[1], &[2], &[3], &[4], &[5], &[6]];
    let queries: Vec<Query> = ids.into_iter().map(|ids| Query(ids, 15)).collect();
    let mut book = Book::default();
    let mut moved = 0;
    for step in 0..12 {
        let now = NOW + 60 * step;
        let (calls, _) = book.plan(&queries, now);
        for call in calls {
            let mut next = Some(call);
            while let Some(call) = next {
                let id = book.query(call.ledger).unwrap().0[0];
                // The first three never say the same.
                let (busy, mark) = (id <= 3, book.mark(call).unwrap());
                let value = if busy { 50.0 + now as f64 } else { 50.0 };
                let less = if call.is_served() {
                    0.0
                } else {
                    7.0 + (now % 11) as f64
                };
                let less = if busy { less } else { less.min(7.0) };
                next = book
                    .answered(call, mark, &counts(&[(id, value - less)]), now)
                    .next;
            }
        }
        let (_, moves) = book.snapshot();
        moved += moves.len();
        book.saved(&moves);
    }
    assert_eq!(moved, 3);
}

#[test]
fn totals_without_chats_are_asked_for_now_and_then() {
    let mut book = Book::default();
    poll(&mut book, &[FOUR], &[(4, 0.0)], 0.0, NOW);
    let calls = |book: &mut Book<Query>, at| book.plan(&[], at).0.len();
    assert_eq!(calls(&mut book, NOW + 300), 0, "proven a moment ago");
    assert_eq!(calls(&mut book, NOW + 700), 1);
    let proven = book.confirm_zero_since(|_| true, NOW - HOUR, NOW + 700);
    assert_eq!(proven.len(), 1);
    assert_eq!(calls(&mut book, NOW + 900), 0);
    let proven = book.confirm_zero_since(|_| true, NOW + 600, NOW + 900);
    assert!(proven.is_empty(), "chats may have come late before that");
}

#[test]
fn requests_without_totals_go_when_nothing_wants_them() {
    let mut book = Book::default();
    poll(&mut book, &[FOUR], &[], 0.0, NOW);
    book.plan(&[], NOW + 60);
    assert_eq!(book.ledgers().count(), 0);
}

#[test]
fn totals_of_a_new_layout_never_begin_with_the_last_day() {
    // Our clock was ahead by an hour when they began.
    let mut book = Book::default();
    book.insert_beginning(FOUR, NOW + HOUR);
    book.plan(&[FOUR], NOW);
    let (_, _, ledger) = book.ledgers().next().unwrap();
    assert_eq!(ledger.anchor(), Mark::at_or_before(NOW));
}

#[test]
fn what_is_gone_again_is_not_zero() {
    let mut book = Book::default();
    poll(&mut book, &[FOUR], &[(4, 3.0)], 0.0, NOW);
    let before = anchors(&book);
    poll(&mut book, &[FOUR], &[], 0.0, NOW + 60);
    book.plan(&[FOUR], NOW + 120);
    assert_eq!(anchors(&book), before);
    assert_eq!(served(&book), [(4, 3.0)]);
}

#[test]
fn a_save_that_failed_is_still_due() {
    let mut book = Book::default();
    poll(&mut book, &[FOUR], &[(4, 50.0)], 40.0, NOW);
    poll(&mut book, &[FOUR], &[(4, 50.0)], 40.0, NOW + 300);
    book.snapshot();
    assert!(!book.has_changed());
    book.move_without_state(false, NOW + 301);
    assert!(book.has_changed());
    assert!(!book.has_ready_moves(), "its anchor was too old to wait");
}

proptest! {
    #[test]
    fn totals_of_no_history_ever_fall(
        answers in prop::collection::vec((0_u8..60, 0_u8..60, 1_i64..900), 1..40),
    ) {
        let mut book = Book::default();
        let (mut now, mut before) = (NOW, Vec::<(i64, f64)>::new());
        for (four, seven, pause) in answers {
            now += pause;
            let rows = [(4, f64::from(four)), (7, f64::from(seven))];
            poll(&mut book, &[BOTH], &rows, f64::from(four.min(seven) / 2), now);
            save(&mut book);
            let after = served(&book);
            for (before, after) in std::iter::zip(&before, &after) {
                prop_assert!(before.0 == after.0 && before.1 <= after.1);
            }
            before = after;
        }
    }
}
