//! Crash safety: several exporters, each with a simulated account of its own, are killed, stopped and
//! reloaded at drawn moments; every page in between is compared with what really happened. The one test
//! that sleeps: the moments are drawn, and no condition may choose them.
//!
//! LivePerson's clock runs fast, so that anchors move within minutes. It begins behind this
//! machine's: an exporter that starts does not know it yet, and may not take it for one that is wrong
//! by hours.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use liveperson_exporter::simulator::{DeploymentOptions, NodeChoice, Simulator};
use tokio::time::Instant;

use super::page::openmetrics;
use super::truth::Judge;
use super::{ACCOUNT, Levels, WITHHELD, simulator, start, yaml};
use crate::common::{COLLECTORS, Exporter, sample};

/// The most of LivePerson's seconds per second.
const FASTEST: u64 = 10;
/// By how much LivePerson's clock gains on this machine's at most, in seconds.
const MOST_GAINED: u64 = 55 * 60;
/// By how much it is ahead in the end, in seconds.
const AHEAD: i64 = 10 * 60;

/// How LivePerson answers in each lane: number of nodes, their longest lag in seconds, and what gets the
/// next node.
const LANES: [(usize, u64, NodeChoice); 4] = [
    (1, 0, NodeChoice::Connection),
    (2, 20, NodeChoice::Request),
    (3, 30, NodeChoice::Request),
    (3, 30, NodeChoice::Connection),
];

/// An exporter and its account.
struct Lane {
    name: String,
    simulator: Simulator,
    state: PathBuf,
    rng: fastrand::Rng,
    levels: Levels,
    judge: Judge,
    /// In the order of `COLLECTORS`.
    anchors: [Vec<i64>; COLLECTORS.len()],
    /// When the state was saved, by this machine's clock.
    saves: Vec<i64>,
    after_crash: bool,
    count: Count,
}

#[derive(Debug, Default)]
struct Count {
    kills: u64,
    stops: u64,
    reloads: u64,
    /// Starts after which totals were compared.
    compared: u64,
}

fn number(name: &str, default: u64) -> u64 {
    let set = std::env::var(name);
    set.map_or(default, |value| value.parse().unwrap())
}

#[test]
#[ignore = "kills exporters for minutes; tests/crash-safety runs it"]
fn crash_safety() {
    let (seconds, seed) = (number("CRASH_SECONDS", 180), number("CRASH_SEED", 1));
    let length = Duration::from_secs(seconds);
    let folder = tempfile::tempdir().unwrap();
    let failed = Arc::new(AtomicBool::new(false));
    let lanes = LANES.iter().zip(0_u64..).map(|(lane, index)| {
        let state = folder.path().join(index.to_string());
        let failed = Arc::clone(&failed);
        let lane = *lane;
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(run(lane, seed * 100 + index, state, length, failed))
        })
    });
    let mut errors = Vec::new();
    for lane in lanes.collect::<Vec<_>>() {
        match lane.join().unwrap() {
            Ok(summary) => eprintln!("{summary}"),
            Err(error) => errors.push(error),
        }
    }
    assert!(
        errors.is_empty(),
        "CRASH_SEED={seed}: {}",
        errors.join("\n\n")
    );
}

async fn run(
    (nodes, lag, node_choice): (usize, u64, NodeChoice),
    seed: u64,
    state: PathBuf,
    length: Duration,
    failed: Arc<AtomicBool>,
) -> Result<String, String> {
    let speed = 1 + (MOST_GAINED / length.as_secs().max(1)).clamp(1, FASTEST - 1);
    let gained = i64::try_from(length.as_secs() * (speed - 1)).unwrap();
    let speed = u32::try_from(speed).unwrap();
    let deployment = DeploymentOptions {
        nodes,
        node_lag: Duration::from_secs(lag),
        node_choice,
        clock_offset: SignedDuration::from_secs((AHEAD - gained).min(0)),
        clock_speed: speed,
        ..DeploymentOptions::default()
    };
    let mut lane = Lane {
        name: format!("{nodes} nodes, lag up to {lag} s, {node_choice:?} takes turns"),
        simulator: simulator(seed, 30, deployment).await,
        state,
        rng: fastrand::Rng::with_seed(seed),
        levels: Levels::ALL,
        judge: Judge::new(speed),
        anchors: Default::default(),
        saves: Vec::new(),
        after_crash: false,
        count: Count::default(),
    };
    let end = Instant::now() + length;
    while Instant::now() < end && !failed.load(Ordering::Relaxed) {
        if let Err(error) = lane.live(end).await {
            failed.store(true, Ordering::Relaxed);
            return Err(format!("{}: {error}", lane.name));
        }
    }
    lane.summary()
}

impl Lane {
    /// One process, from its start to its end.
    async fn live(&mut self, end: Instant) -> Result<(), String> {
        let spawned = Instant::now();
        let mut exporter = start(&yaml(&self.simulator, self.levels), &self.state).await;
        let started = Instant::now();
        let length = self.life();
        let reload_at = (self.rng.u8(0..3) == 0).then(|| length.mul_f64(self.rng.f64()));
        let mut reload_at = reload_at.map(|after| started + after);
        let mut compared = false;
        while started.elapsed() < length && Instant::now() < end {
            let left = length.saturating_sub(started.elapsed());
            let pause = Duration::from_millis(self.rng.u64(100..900));
            tokio::time::sleep(pause.min(left)).await;
            let judged = self.scrape(&exporter, spawned).await;
            compared |= judged.map_err(|error| format!("{error}\nlog:\n{}", exporter.log()))? > 0;
            if reload_at.is_some_and(|at| Instant::now() >= at) {
                reload_at = None;
                self.reload(&exporter);
            }
        }
        self.count.compared += u64::from(compared);
        self.finish(&mut exporter).await
    }

    /// How long the next process lives: some die while they start, and some live long enough after a
    /// crash to serve totals again.
    fn life(&mut self) -> Duration {
        let milliseconds = match self.rng.u8(0..10) {
            0..6 => self.rng.u64(20..3_000),
            _ if self.after_crash => self.rng.u64(48_000..58_000),
            _ => self.rng.u64(4_000..20_000),
        };
        Duration::from_millis(milliseconds)
    }

    async fn scrape(&mut self, exporter: &Exporter, spawned: Instant) -> Result<usize, String> {
        let page = openmetrics(exporter).await;
        self.note(&page);
        let count = self.judge.judge(&self.simulator, &page)?;
        let too_early = spawned.elapsed() < WITHHELD;
        if self.after_crash && count > 0 && too_early && self.count.compared > 0 {
            return Err(format!("{count} totals are served soon after a crash"));
        }
        Ok(count)
    }

    fn note(&mut self, page: &str) {
        for (anchors, collector) in self.anchors.iter_mut().zip(COLLECTORS) {
            let series = format!(
                "liveperson_totals_anchor_timestamp_seconds{{account=\"{ACCOUNT}\",collector=\"{collector}\"}}"
            );
            let anchor = sample(page, &series).map(|anchor| anchor as i64);
            push_new(anchors, anchor);
        }
        let series = format!("liveperson_totals_saved_timestamp_seconds{{account=\"{ACCOUNT}\"}}");
        let saved = sample(page, &series).map(|saved| (saved * 1000.0) as i64);
        push_new(&mut self.saves, saved);
    }

    fn reload(&mut self, exporter: &Exporter) {
        self.levels = Levels {
            agents: self.rng.bool(),
            skill_agents: self.rng.bool(),
            waits_by_group: self.rng.bool(),
        };
        std::fs::write(exporter.config_file(), yaml(&self.simulator, self.levels)).unwrap();
        exporter.signal("HUP");
        self.count.reloads += 1;
        // Totals of these levels begin again when they are asked for again.
        self.judge.changeable = &["agent", "skill_agent", "group"];
    }

    async fn finish(&mut self, exporter: &mut Exporter) -> Result<(), String> {
        self.after_crash = self.rng.u8(0..10) < 7;
        if self.after_crash {
            exporter.signal("KILL");
            exporter.ended().await;
            self.count.kills += 1;
            return Ok(());
        }
        exporter.signal("TERM");
        let status = exporter.ended().await;
        self.count.stops += 1;
        match status.code() {
            Some(0) => Ok(()),
            _ => Err(format!("a stop ended with {status}: {}", exporter.log())),
        }
    }

    /// What was done; an error if too little happened to prove anything.
    fn summary(&self) -> Result<String, String> {
        let Count {
            kills,
            stops,
            reloads,
            compared,
        } = self.count;
        let moves = self
            .anchors
            .each_ref()
            .map(|anchors| anchors.len().saturating_sub(1));
        let summary = format!(
            "{}: {kills} kills, {stops} clean stops, {reloads} reloads, {} scrapes, totals after {compared} \
             starts, {} comparisons, {} saves seen, oldest anchors moved {moves:?} times",
            self.name,
            self.judge.scrapes,
            self.judge.comparisons,
            self.saves.len()
        );
        let enough = kills > 0 && compared > 1 && moves.iter().all(|moves| *moves > 0);
        if enough {
            Ok(summary)
        } else {
            Err(format!("too little happened: {summary}"))
        }
    }
}

fn push_new(list: &mut Vec<i64>, value: Option<i64>) {
    if let Some(value) = value
        && list.last() != Some(&value)
    {
        list.push(value);
    }
}
