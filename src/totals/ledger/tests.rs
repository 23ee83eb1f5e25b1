//! What is served of one request's totals.

use std::hint::black_box;

use super::*;
use crate::vocabulary::Level;

const ANCHOR: i64 = 1_700_000_100;
const DAY: i64 = 24 * 3600;

fn skill(id: i64) -> SeriesKey {
    SeriesKey::one(Level::Skill, id)
}

fn counts(rows: &[(i64, Option<f64>)]) -> Counts {
    let mut counts = Counts::new(1);
    for (id, value) in rows {
        counts.push(skill(*id), [*value]);
    }
    counts.sorted()
}

/// A ledger to which LivePerson answered these numbers of one skill, a minute apart.
fn after(numbers: &[f64]) -> (Ledger, u64) {
    let mut ledger = Ledger::new(Mark::at_or_before(ANCHOR));
    let mut corrections = 0;
    for (minute, number) in (1..).zip(numbers) {
        let answer = counts(&[(4, Some(*number))]);
        corrections += ledger.observe(&answer, |_| true, ANCHOR + 60 * minute);
    }
    (ledger, corrections)
}

fn served(ledger: &Ledger) -> Vec<f64> {
    ledger.rows().map(|row| row.served[0]).collect()
}

#[test]
fn a_total_is_held_until_it_is_passed() {
    let (ledger, corrections) = after(&[5.0, 4.0, 4.0]);
    assert_eq!((served(&ledger), corrections), (vec![5.0], 0), "a lag");
    let (ledger, corrections) = after(&[5.0, 4.0, 4.0, 4.0, 4.0]);
    assert_eq!((served(&ledger), corrections), (vec![5.0], 1));
    let (ledger, corrections) = after(&[5.0, 4.0, 4.0, 4.0, 5.0, 6.0]);
    assert_eq!((served(&ledger), corrections), (vec![6.0], 1));
    assert!(!ledger.is_below_served());
}

#[test]
fn a_restart_does_not_count_a_correction_again() {
    let (ledger, _) = after(&[5.0, 4.0, 4.0, 4.0, 4.0]);
    let mut restored = Ledger::restored(ledger.anchor(), ledger.answered());
    assert!(ledger.rows().all(|row| restored.push(row)));
    let mut corrections = 0;
    for minute in 10..20 {
        let answer = counts(&[(4, Some(4.0))]);
        corrections += restored.observe(&answer, |_| true, ANCHOR + 60 * minute);
    }
    assert_eq!((served(&restored), corrections), (vec![5.0], 0));
}

#[test]
fn ids_without_chats_go_after_thirty_days() {
    let (mut ledger, _) = after(&[5.0]);
    let mut at = |day: i64, rows: &[(i64, Option<f64>)]| {
        ledger.observe(&counts(rows), |_| true, ANCHOR + day * DAY);
        served(&ledger)
    };
    assert_eq!(at(29, &[(7, Some(1.0))]), [5.0, 1.0]);
    let named = [(4, Some(0.0)), (7, Some(1.0))];
    assert_eq!(at(31, &named), [5.0, 1.0], "still named");
    assert_eq!(at(32, &[]), [1.0]);
    assert_eq!(at(62, &[(7, Some(0.0))]), [0.0; 0], "no chats for anyone");
}

#[test]
fn what_liveperson_never_said_is_no_number() {
    let mut ledger = Ledger::new(Mark::at_or_before(ANCHOR));
    ledger.observe(&counts(&[(4, None)]), |_| true, ANCHOR + 60);
    assert!(served(&ledger)[0].is_nan());
    ledger.observe(&counts(&[]), |_| true, ANCHOR + 120);
    assert!(served(&ledger)[0].is_nan());
    ledger.observe(&counts(&[(4, Some(0.0))]), |_| true, ANCHOR + 180);
    assert_eq!(served(&ledger), [0.0]);
    ledger.observe(&counts(&[(4, None)]), |_| true, ANCHOR + 240);
    assert_eq!(served(&ledger), [0.0], "held");
    ledger.move_anchor(Mark::at_or_before(ANCHOR + 600), &counts(&[(4, Some(2.0))]));
    ledger.observe(&counts(&[]), |_| true, ANCHOR + 900);
    assert_eq!(served(&ledger), [2.0]);
}

#[test]
fn answers_of_another_layout_begin_again() {
    let (mut ledger, _) = after(&[5.0]);
    let mut answer = Counts::new(2);
    answer.push(skill(4), [Some(1.0), Some(2.0)]);
    ledger.observe(&answer, |_| true, ANCHOR + 120);
    let rows: Vec<_> = ledger.rows().map(|row| row.served.to_vec()).collect();
    assert_eq!(rows, [vec![1.0, 2.0]]);
}

/// What an answer and a snapshot of a large account cost; `cargo test --release -- --ignored`.
#[test]
#[ignore = "a measurement"]
fn measure_a_hundred_thousand_ids() {
    let mut answer = Counts::new(5);
    for id in 0..100_000 {
        let values = [1, 2, 3, 4, 5].map(|field| Some(f64::from(field) + id as f64));
        answer.push(SeriesKey::skill_agent(id / 100, id), values);
    }
    let answer = answer.sorted();
    let mut ledger = Ledger::new(Mark::at_or_before(ANCHOR));
    let mut measure = |what: &str, work: &mut dyn FnMut(&mut Ledger)| {
        let start = tokio::time::Instant::now();
        work(&mut ledger);
        eprintln!("{what}: {:?}", start.elapsed());
    };
    measure("first answer", &mut |ledger| {
        ledger.observe(&answer, |_| true, ANCHOR + 60);
    });
    measure("answer", &mut |ledger| {
        ledger.observe(&answer, |_| true, ANCHOR + 120);
    });
    measure("snapshot", &mut |ledger| {
        black_box(ledger.clone());
    });
    measure("difference", &mut |_| {
        black_box(answer.minus(&answer));
    });
    measure("move", &mut |ledger| {
        ledger.move_anchor(Mark::at_or_before(ANCHOR + 7200), &answer);
    });
}
