//! A LivePerson that answers every call from memory, compressed like the real one.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use parking_lot::Mutex;

use crate::data;
use crate::process::Usage;
use crate::shape::Shape;

/// Different answers, given in turn.
const VERSIONS: u64 = 3;

pub(crate) struct LivePerson {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    /// Compressed answers, version by version.
    bodies: Vec<Vec<u8>>,
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
        let shared = Arc::new(Shared {
            bodies: bodies.collect(),
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

fn serve(mut stream: &TcpStream, shared: &Shared) {
    // Otherwise every small answer waits for an acknowledgement of its head.
    stream.set_nodelay(true).unwrap();
    let mut totals = b"{\"metricsTotals\":".to_vec();
    data::numbers(&mut fastrand::Rng::with_seed(1), &mut totals);
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
        let answer = match () {
            () if request.contains("skillIds=") => shared.body(&request),
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
