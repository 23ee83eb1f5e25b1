//! Running totals against a LivePerson whose list of chats is the truth, for three simulated days:
//! restarts and crashes between any two steps, throttling, outages, clocks that differ, nodes that lag,
//! late and corrected chats, reloads, full disks. Each chat must count exactly once.

mod config;
mod disk;
mod nodes;
mod scenario;
mod served;
mod truth;
mod world;

use std::collections::HashSet;

use liveperson_exporter::totals::{Row, SeriesKey};

use scenario::HOUR;
pub(crate) use world::Statistics;
use world::World;

/// Simulates a seed.
pub(crate) fn run(seed: u64) -> Statistics {
    let (mut world, events) = World::new(seed);
    if std::env::var_os("SIMULATION_TRACE").is_some() {
        eprintln!("{:#?}\n{events:#?}\n{:?}", world.kind, world.config);
    }
    world.run(&events);
    check(&world);
    world.counts
}

/// At the end every counter is the truth.
fn check(world: &World) {
    let mut seen = HashSet::new();
    for (_, query, ledger) in world.book.ledgers() {
        for row in ledger.rows() {
            assert!(seen.insert(row.key), "{:?} twice", row.key);
            assert_eq!(world.config.query_of(row.key).as_ref(), Some(query));
            check_row(world, row, &query.layout);
        }
    }
    for id in 0..i64::try_from(world.kind.skills).unwrap() {
        let key = SeriesKey::one(liveperson_exporter::vocabulary::Level::Skill, id);
        let (from, until) = (world.calm_from - 20 * HOUR, world.until);
        let from = from.max(world.reconfigured);
        let some = world
            .truth
            .all(Some(id), from, until)
            .chats
            .iter()
            .sum::<i64>()
            > 2;
        let fed = world.config.query_of(key).is_some() && !world.config.waits_for_names();
        let is_there = !some || !fed || !world.gaps.is_empty() || seen.contains(&key);
        assert!(is_there, "skill {id} has no totals");
    }
    check_lost(world);
}

fn check_row(world: &World, row: Row<'_>, layout: &[u32]) {
    let skill = World::skill(row.key);
    let (from, until) = (row.created.seconds(), world.until + HOUR);
    let most = world.truth.all(skill, from, until);
    let mut least = most.fields(layout);
    let corrected = world.truth.corrected(skill).fields(layout);
    least.iter_mut().zip(corrected).for_each(|(a, b)| *a -= b);
    for gap in merged(world) {
        let lost = world.truth.all(skill, gap.0.max(from), gap.1);
        let lost = lost.fields(layout);
        least.iter_mut().zip(lost).for_each(|(a, b)| *a -= b);
    }
    for (field, most) in most.fields(layout).into_iter().enumerate() {
        let served = row.served[field];
        assert!(
            served <= most && (served >= least[field] || world.counts.forced > 0),
            "field {field} of {:?}, counted since {from}, is {served}; the truth is {} to {most}",
            row.key,
            least[field]
        );
    }
}

/// The times that were declared lost, those that overlap as one.
fn merged(world: &World) -> Vec<(i64, i64)> {
    let mut gaps = world.gaps.clone();
    gaps.sort();
    let mut merged: Vec<(i64, i64)> = Vec::new();
    for gap in gaps {
        match merged.last_mut() {
            Some(last) if gap.from <= last.1 => last.1 = last.1.max(gap.until),
            _ => merged.push((gap.from, gap.until)),
        }
    }
    merged
}

/// All that was lost is declared; what is lost twice in different outages may be declared twice.
fn check_lost(world: &World) {
    let lost: i64 = merged(world).iter().map(|gap| gap.1 - gap.0).sum();
    let declared = world.book.lost_seconds();
    let longest = world.gaps.iter().map(|gap| gap.until - gap.from).sum();
    let is_right = (lost..=lost.max(longest) + 2 * HOUR).contains(&declared);
    assert!(
        is_right,
        "{declared} s declared, {lost} s lost: {:?}",
        world.gaps
    );
}
