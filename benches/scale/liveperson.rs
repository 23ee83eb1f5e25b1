//! A LivePerson that answers every call from memory, compressed like the real one.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use parking_lot::Mutex;

use crate::data;
use crate::process::Usage;
use crate::shape::{self, Shape};

/// Different answers, given in turn.
const VERSIONS: u64 = 3;
/// Steps by which running totals have grown when they are measured; the last one is not passed.
const STEPS: u32 = 24;
/// By so many steps less is counted since the mark to which the first anchor moves.
const STEPS_BEFORE_MOVE: u32 = 4;
/// Windows of so many minutes begin at the first anchor.
const FIRST_ANCHOR: u64 = 600;

pub(crate) struct LivePerson {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    /// Compressed answers, version by version.
    bodies: Vec<Vec<u8>>,
    /// Compressed answers about what was counted since an anchor, each higher than the previous one.
    growing: Vec<Vec<u8>>,
    /// The number of the poll in which the first anchor was last asked for.
    first_anchor_asked: AtomicU64,
    /// Whether running totals grow; until then nothing happens, so that anchors can move.
    grows: AtomicBool,
    /// How often they were asked for since.
    steps: AtomicUsize,
    /// How often each path was requested.
    requests: Mutex<HashMap<String, usize>>,
    /// The path that was requested first: each time it comes a poll begins.
    first: OnceLock<String>,
    polls: AtomicU64,
    /// The process whose usage is recorded at the beginning of each poll.
    watched: AtomicU32,
    usages: Mutex<Vec<Usage>>,
}

pub(crate) fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

impl LivePerson {
    /// `changing`: whether each answer has different numbers from the previous one.
    pub(crate) fn start(shape: Shape, changing: bool) -> Self {
        let versions = if changing { VERSIONS } else { 1 };
        let bodies = (0..versions).map(|version| gzip(&shape.body(version), 6));
        let steps = 0..shape.grows().map_or(0, |_| STEPS);
        let growing = steps.filter_map(|step| Some(gzip(&data::grown(shape.grows()?, step), 6)));
        let shared = Arc::new(Shared {
            bodies: bodies.collect(),
            growing: growing.collect(),
            first_anchor_asked: AtomicU64::new(0),
            grows: AtomicBool::new(false),
            steps: AtomicUsize::new(0),
            requests: Mutex::default(),
            first: OnceLock::new(),
            polls: AtomicU64::new(0),
            watched: AtomicU32::new(0),
            usages: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&server);
                std::thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// Records from now on what this process has used.
    pub(crate) fn watch(&self, pid: u32) {
        self.shared.watched.store(pid, Ordering::Relaxed);
        self.shared.usages.lock().clear();
    }

    /// What was recorded, once for each poll.
    pub(crate) fn usages(&self) -> Vec<Usage> {
        self.shared.usages.lock().clone()
    }

    /// Waits until the anchors of running totals have moved, and lets the totals grow from now on;
    /// returns how many polls there were.
    pub(crate) fn wait_for_moves(&self) -> u64 {
        let start = Instant::now();
        let polls = || self.shared.polls.load(Ordering::Relaxed);
        let asked = || self.shared.first_anchor_asked.load(Ordering::Relaxed);
        while asked() == 0 || polls() < asked() + 3 {
            assert!(start.elapsed() < Duration::from_secs(600), "no move");
            std::thread::sleep(Duration::from_millis(100));
        }
        self.shared.grows.store(true, Ordering::Relaxed);
        polls()
    }

    /// Waits until so many polls have begun.
    pub(crate) fn wait_for(&self, count: u64) {
        let start = Instant::now();
        while self.shared.polls.load(Ordering::Relaxed) < count {
            assert!(start.elapsed() < Duration::from_secs(120), "no poll");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Shared {
    /// What was counted since an anchor; `None` for a request about a usual window.
    fn since_anchor(&self, minutes: u64) -> Option<&[u8]> {
        let last = self.growing.len().checked_sub(1)?;
        if minutes == shape::WINDOW_MINUTES {
            return None;
        }
        let before_move = STEPS_BEFORE_MOVE as usize;
        let step = if minutes >= FIRST_ANCHOR {
            before_move
        } else if self.grows.load(Ordering::Relaxed) {
            self.steps.fetch_add(1, Ordering::Relaxed) + 1
        } else {
            0
        };
        Some(&self.growing[step.min(last)])
    }

    /// The next answer to a request; records what the process has used when a poll begins with it.
    fn body(&self, request: &str) -> &[u8] {
        let mut requests = self.requests.lock();
        let first = requests.is_empty();
        let count = requests.entry(request.to_owned()).or_default();
        *count += 1;
        let turn = *count;
        drop(requests);
        if first {
            self.first.set(request.to_owned()).unwrap();
        }
        if self.first.get().is_some_and(|path| path == request) {
            let usage = Usage::now(self.watched.load(Ordering::Relaxed));
            self.usages.lock().push(usage);
            self.polls.fetch_add(1, Ordering::Relaxed);
        }
        &self.bodies[turn % self.bodies.len()]
    }
}

/// The time frame of a request; 0 if it has none.
fn minutes(request: &str) -> u64 {
    let minutes = request.split("timeframe=").nth(1);
    let minutes = minutes.and_then(|rest| rest.split(['&', ' ']).next()?.parse().ok());
    minutes.unwrap_or(0)
}

fn serve(mut stream: &TcpStream, shared: &Shared) {
    // Otherwise every small answer waits for an acknowledgement of its head.
    stream.set_nodelay(true).unwrap();
    let mut totals = b"{\"metricsTotals\":".to_vec();
    data::numbers(&mut fastrand::Rng::with_seed(1), 0, &mut totals);
    totals.push(b'}');
    let totals = gzip(&totals, 6);
    let token = gzip(
        b"{\"access_token\":\"t\",\"token_type\":\"Bearer\",\"expires_in\":86400}",
        6,
    );
    let mut lines = BufReader::new(stream);
    loop {
        let mut request = String::new();
        if lines.read_line(&mut request).unwrap_or(0) == 0 {
            return;
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap_or(0) <= 2 {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        std::io::copy(&mut lines.by_ref().take(length), &mut std::io::sink()).unwrap();
        let minutes = minutes(&request);
        if minutes >= FIRST_ANCHOR {
            let poll = shared.polls.load(Ordering::Relaxed);
            shared.first_anchor_asked.store(poll, Ordering::Relaxed);
        }
        let answer = match () {
            () if request.contains("skillIds=") => shared
                .since_anchor(minutes)
                .unwrap_or_else(|| shared.body(&request)),
            () if request.starts_with("POST") => &token[..],
            () => &totals,
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n\
             Content-Length: {}\r\n\r\n",
            answer.len()
        );
        if stream.write_all(head.as_bytes()).is_err() || stream.write_all(answer).is_err() {
            return;
        }
    }
}
