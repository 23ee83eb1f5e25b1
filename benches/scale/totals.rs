//! What running totals cost: polls of a window alone and of the same window with totals, and scrapes
//! while the totals are saved.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::liveperson::LivePerson;
use crate::measure::{Spread, Table, milliseconds, times, wall};
use crate::polls::{Polls, polls};
use crate::servers::{Client, Server, Setup};
use crate::shape::Shape;

/// In turn, each so often.
const ROUNDS: usize = 3;
const POLLS: usize = 6;
/// A file appears when the state has been put together as JSON, which takes so long at most.
const BEFORE_FILE: Duration = Duration::from_secs(2);

/// Prints what totals cost beside as many series of a window.
pub(crate) fn measure(series: u64) {
    let shapes = [Shape::One(series), Shape::Totals(series)];
    let setups = shapes.map(|shape| Setup {
        // The same for both: memory is given back between polls.
        interval: shapes[1].interval(),
        ..Setup::new(shape)
    });
    let mut found = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for (setup, found) in setups.iter().zip(&mut found) {
            eprintln!("round {} of {ROUNDS}: {}", round + 1, setup.shape);
            found.push(polls(setup, true, POLLS));
        }
    }
    let medians = |turn: usize| found[turn].iter().map(|polls: &Polls| polls.cpu().median);
    let ratios = medians(1).zip(medians(0));
    let ratios = Spread::of(ratios.map(|(with, without)| with / without));
    let mut table = Table::new();
    for polls in found.map(Polls::join) {
        polls.put_all(&mut table);
    }
    println!("{}", table.write(&shapes));
    let ratios = ratios.written(times);
    println!("CPU of a poll, with totals to without: {ratios}\n");
    scrapes_while_saving(&setups[1]);
}

/// Compressed scrapes, one after the other, until the first anchors have moved: the state is saved
/// after the first poll, and when they move.
fn scrapes_while_saving(setup: &Setup) {
    let liveperson = LivePerson::start(setup.shape, true);
    let server = Server::exporter(setup, &liveperson);
    let state = server.state();
    let done = AtomicBool::new(false);
    let (scrapes, saves) = std::thread::scope(|scope| {
        let saves = scope.spawn(|| saves(&state, &done));
        let moved = scope.spawn(|| liveperson.wait_for_moves());
        let mut client = Client::new(&server, "gzip");
        let mut scrapes = Vec::new();
        while !moved.is_finished() {
            let at = Instant::now();
            scrapes.push((at, wall(|| _ = client.scrape())));
            std::thread::sleep(Duration::from_millis(20));
        }
        done.store(true, Ordering::Relaxed);
        (scrapes, saves.join().unwrap())
    });
    let is_during = |at: Instant| {
        let mut saves = saves.iter();
        saves.any(|(from, until)| *from <= at + BEFORE_FILE && at <= *until)
    };
    let (during, other): (Vec<_>, Vec<_>) = scrapes.into_iter().partition(|(at, _)| is_during(*at));
    println!("{} saves seen", saves.len());
    for (what, scrapes) in [("while they are saved", during), ("otherwise", other)] {
        if !scrapes.is_empty() {
            let times = Spread::of(scrapes.iter().map(|(_, time)| *time));
            let (count, times) = (scrapes.len(), times.written(milliseconds));
            println!("{count} scrapes of the page with totals {what}: {times}");
        }
    }
}

/// When files of the state were being written, until `done`.
fn saves(state: &Path, done: &AtomicBool) -> Vec<(Instant, Instant)> {
    let mut saves = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let from = Instant::now();
        let mut is_save = false;
        while is_writing(state) {
            is_save = true;
            std::thread::sleep(Duration::from_millis(1));
        }
        if is_save {
            saves.push((from, Instant::now()));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    saves
}

fn is_writing(state: &Path) -> bool {
    let names = std::fs::read_dir(state).into_iter().flatten().flatten();
    let mut names = names.map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().contains(".new-"))
}
