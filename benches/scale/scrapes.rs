//! Scrapes of the real binary, beside nginx and the two crates.

use std::time::{Duration, Instant};

use crate::liveperson::LivePerson;
use crate::measure::{Spread, Table, megabytes, milliseconds, times, wall};
use crate::plain;
use crate::process::Usage;
use crate::references;
use crate::servers::{Client, Server, Setup};
use crate::shape::Shape;

/// The medians of blocks show how much they vary.
const BLOCKS: usize = 7;
const ENCODINGS: [&str; 2] = ["gzip", "identity"];

/// An exporter with data, and nginx over the same bytes.
struct Pair {
    exporter: Server,
    nginx: Option<Server>,
    text: Vec<u8>,
    compressed: Vec<u8>,
    /// It answers the exporter's polls.
    _liveperson: LivePerson,
}

impl Pair {
    fn start(series: u64) -> Self {
        let mut setup = Setup::new(Shape::One(series));
        // It polls once only, so that all CPU is that of scrapes.
        setup.interval = 3600;
        let liveperson = LivePerson::start(setup.shape, true);
        let exporter = Server::exporter(&setup, &liveperson);
        let mut gzip = Client::new(&exporter, "gzip");
        let mut plain = Client::new(&exporter, "identity");
        let start = Instant::now();
        while plain.scrape() < series * 60 {
            assert!(start.elapsed() < Duration::from_secs(60), "no data");
            std::thread::sleep(Duration::from_millis(100));
        }
        let (text, compressed) = (plain.fetch(), gzip.fetch());
        Self {
            nginx: Server::nginx(&text, &compressed),
            exporter,
            text,
            compressed,
            _liveperson: liveperson,
        }
    }
}

/// All rows about scrapes.
pub(crate) fn scrapes(series: u64, table: &mut Table) {
    let pair = Pair::start(series);
    table.put("gzip page", megabytes(pair.compressed.len() as f64 / 1e6));
    let rounds = if series > 1_000_000 { 5 } else { 15 };
    let scrape_cpu = beside_nginx(&pair, rounds, table);
    let mut kept = Client::at(plain::serve_plain(&pair.text), "/metrics", "identity");
    let found = Spread::of((0..21).map(|_| wall(|| _ = kept.scrape())));
    let row = "identity scrape, had the text been kept";
    table.put(row, found.written(milliseconds));
    for name in ["prometheus", "prometheus-client"] {
        let reference = references::measured(name, series);
        let row = format!("`{name}`: CPU of a scrape");
        table.put(&row, milliseconds(reference.scrape));
        table.put(&format!("`{name}`: memory held"), megabytes(reference.held));
        if name == "prometheus" {
            table.put(
                "`prometheus` / CPU of a gzip scrape",
                times(reference.scrape / scrape_cpu),
            );
        }
    }
}

/// Many scrapes in turn with nginx, and nothing else.
pub(crate) fn alone(sizes: &[u64]) {
    let mut table = Table::new();
    for series in sizes {
        eprintln!("measuring {series} series");
        let pair = Pair::start(*series);
        let rounds = usize::try_from(4_000_000 / series).unwrap().clamp(15, 300);
        beside_nginx(&pair, rounds, &mut table);
    }
    println!("{}", table.write(sizes));
}

/// Scrapes in turn with nginx, in blocks. Returns the exporter's mean CPU of a gzip scrape.
fn beside_nginx(pair: &Pair, rounds: usize, table: &mut Table) -> f64 {
    let mut gzip_cpu = 0.0;
    for encoding in ENCODINGS {
        let mut own = Turn::new(&pair.exporter, encoding);
        let mut nginx = pair
            .nginx
            .as_ref()
            .map(|server| Turn::new(server, encoding));
        for _ in 0..BLOCKS {
            own.begin();
            nginx.iter_mut().for_each(Turn::begin);
            for round in 0..rounds {
                let mut turns: Vec<&mut Turn> = nginx.iter_mut().chain([&mut own]).collect();
                // Neither is always the one that comes second.
                if round % 2 == 0 {
                    turns.reverse();
                }
                turns.into_iter().for_each(Turn::take);
            }
            own.end();
            nginx.iter_mut().for_each(Turn::end);
        }
        table.put(&format!("{encoding} scrape"), written(&own.times));
        table.put(&format!("{encoding} scrape: CPU"), written(&own.cpu));
        if encoding == "gzip" {
            gzip_cpu = own.cpu.iter().sum::<f64>() / own.cpu.len() as f64;
        }
        let Some(nginx) = nginx else { continue };
        table.put(&format!("nginx, {encoding}"), written(&nginx.times));
        table.put(&format!("nginx, {encoding}: CPU"), written(&nginx.cpu));
        let ratio = |own: &[f64], nginx: &[f64]| {
            let ratios = own.iter().zip(nginx).map(|(own, nginx)| own / nginx);
            Spread::of(ratios).written(times)
        };
        let name = format!("{encoding} scrape / nginx");
        table.put(&name, ratio(&own.times, &nginx.times));
        let name = format!("{encoding} scrape / nginx: CPU");
        table.put(&name, ratio(&own.cpu, &nginx.cpu));
    }
    gzip_cpu
}

fn written(found: &[f64]) -> String {
    Spread::of(found.iter().copied()).written(milliseconds)
}

/// One of the two servers: what its scrapes took.
struct Turn {
    pid: u32,
    client: Client,
    before: Usage,
    found: Vec<f64>,
    /// Median wall time of each block, in milliseconds.
    times: Vec<f64>,
    /// Mean CPU time of each block, in milliseconds.
    cpu: Vec<f64>,
}

impl Turn {
    fn new(server: &Server, encoding: &str) -> Self {
        Self {
            pid: server.pid(),
            client: Client::new(server, encoding),
            before: Usage::default(),
            found: Vec::new(),
            times: Vec::new(),
            cpu: Vec::new(),
        }
    }

    fn begin(&mut self) {
        self.found.clear();
        self.before = Usage::now(self.pid);
    }

    fn take(&mut self) {
        self.found.push(wall(|| _ = self.client.scrape()));
    }

    fn end(&mut self) {
        let used = Usage::now(self.pid).since(&self.before);
        self.cpu.push(used.cpu / self.found.len() as f64);
        self.times
            .push(Spread::of(self.found.iter().copied()).median);
    }
}
