//! What polls of the real binary cost: from one request to the next, with LivePerson's compression,
//! the network, and the memory that comes and goes.

use crate::liveperson::LivePerson;
use crate::measure::{Spread, Table, megabytes, milliseconds, times};
use crate::process::Used;
use crate::servers::{Client, Server, Setup};
use crate::shape::Shape;

/// What polls used, one after the other.
pub(crate) struct Polls(Vec<Used>);

impl Polls {
    pub(crate) fn cpu(&self) -> Spread {
        Spread::of(self.0.iter().map(|used| used.cpu))
    }

    /// Of all polls together, in percent: a single one is too short for the kernel's ticks.
    fn system_share(&self) -> f64 {
        let system: f64 = self.0.iter().map(|used| used.system).sum();
        let user: f64 = self.0.iter().map(|used| used.user).sum();
        100.0 * system / (system + user).max(1.0)
    }

    pub(crate) fn put(&self, what: &str, table: &mut Table) {
        table.put(&format!("{what}: CPU"), self.cpu().written(milliseconds));
        let share = format!("{:.0} %", self.system_share());
        table.put(&format!("{what}: of this in the kernel"), share);
        let faults = Spread::of(self.0.iter().map(|used| used.faults));
        let faults = faults.written(|number| format!("{number:.0}"));
        table.put(&format!("{what}: page faults"), faults);
    }

    /// Before a poll, and the highest point of one.
    pub(crate) fn memory(&self) -> (Spread, Spread) {
        let rest = Spread::of(self.0.iter().map(|used| used.resident));
        (rest, Spread::of(self.0.iter().map(|used| used.peak)))
    }

    pub(crate) fn put_all(&self, table: &mut Table) {
        self.put("a poll", table);
        let (rest, peak) = self.memory();
        table.put("memory before a poll", rest.written(megabytes));
        table.put("memory at the peak of a poll", peak.written(megabytes));
    }

    pub(crate) fn join(parts: Vec<Self>) -> Self {
        Self(parts.into_iter().flat_map(|polls| polls.0).collect())
    }
}

/// Lets an exporter poll without being scraped.
pub(crate) fn polls(setup: &Setup, changing: bool, count: usize) -> Polls {
    /// The first polls do work that later ones do not: they are not measured.
    const FIRST: u64 = 3;
    let liveperson = LivePerson::start(setup.shape, changing);
    let server = Server::exporter(setup, &liveperson);
    liveperson.wait_for(FIRST);
    let first = match setup.shape.grows() {
        Some(_) => liveperson.wait_for_moves() + FIRST,
        None => FIRST,
    };
    liveperson.wait_for(first);
    liveperson.watch(server.pid());
    liveperson.wait_for(first + count as u64 + 1);
    let usages = liveperson.usages();
    let length = Client::new(&server, "identity").scrape();
    assert!(
        length > setup.shape.minimum_length(),
        "it serves {length} bytes only"
    );
    Polls(usages.windows(2).map(|two| two[1].since(&two[0])).collect())
}

/// The binary of another revision and this one, in turn; a table of both, and the ratio of their CPU.
pub(crate) fn compare(revision: &str, binary: &str, shapes: &[Shape]) {
    const ROUNDS: usize = 3;
    const POLLS: usize = 6;
    for shape in shapes {
        eprintln!("measuring {shape}");
        let mut found = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            // The first of a round may have an advantage.
            for turn in [round % 2, (round + 1) % 2] {
                let mut setup = Setup::new(*shape);
                if turn == 0 {
                    setup.binary = binary.into();
                }
                found[turn].push(polls(&setup, true, POLLS));
            }
        }
        let medians = |turn: usize| found[turn].iter().map(|polls: &Polls| polls.cpu().median);
        let ratios = Spread::of(
            medians(1)
                .zip(medians(0))
                .map(|(after, before)| after / before),
        );
        let mut table = Table::new();
        for polls in found.map(Polls::join) {
            polls.put_all(&mut table);
        }
        println!("{shape}\n\n{}", table.write(&[revision, "here"]));
        println!(
            "CPU of a poll, here to {revision}: {}\n",
            ratios.written(times)
        );
    }
}

/// What other settings of the allocator do to CPU, page faults and memory. The interval is longer
/// than all but one of them keep memory, as in production. All are measured at the same time, as they
/// are idle most of it.
pub(crate) fn allocators(series: u64) {
    const SETTINGS: [&str; 7] = [
        "",
        "dirty_decay_ms:0",
        "dirty_decay_ms:2000",
        "dirty_decay_ms:10000",
        "dirty_decay_ms:-1",
        "oversize_threshold:0",
        "background_thread:false",
    ];
    let measured = SETTINGS.map(|allocator| {
        let setup = Setup {
            allocator: allocator.to_owned(),
            interval: 15,
            ..Setup::new(Shape::One(series))
        };
        std::thread::spawn(move || polls(&setup, true, 5))
    });
    let mut table = Table::new();
    for polls in measured.map(|measured| measured.join().unwrap()) {
        polls.put_all(&mut table);
    }
    let columns = SETTINGS.map(|setting| match setting {
        "" => "as built".to_owned(),
        setting => format!("`{setting}`"),
    });
    println!("{series} series\n\n{}", table.write(&columns));
}
