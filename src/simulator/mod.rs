//! A LivePerson account to try and test against: a contact centre with agents, shifts and queues
//! behind the same HTTP interfaces, in this process and without the internet.
//!
//! It knows nothing of the other rooms and writes its JSON from LivePerson's documents on its own,
//! so that one misreading cannot hide in both. The way of a number through it:
//! `staffing` (who works when) and `chats` (who arrives) → `queueing` (who serves whom) →
//! `history` (blocks of 24 hours, kept while needed) → `engactivity` and `sla` (counting) →
//! `answer`. `router` finds the way from a URL to an answer, past `faults`; `server` speaks HTTP.
//! Everything is counted from one list of chats, so all levels always agree; one seed tells one
//! story on the UTC clock, whenever the simulator is started.
//!
//! # Control paths
//! For people and tests at the same host and port, without authorisation:
//!
//! | call | does |
//! |---|---|
//! | `GET /control/faults` | the faults that remain, as JSON |
//! | `POST /control/faults` | adds faults: JSON or YAML as in a fault file, at most 1 MiB |
//! | `DELETE /control/faults` | forgets all faults |
//! | `GET /control/requests` | the last 10,000 calls of the APIs, as JSON |
//! | `DELETE /control/requests` | forgets them |
//! | `POST /control/revoke` | makes every token given out so far invalid |
//!
//! # In a test
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use liveperson_exporter::simulator::{Fault, ManualClock, Options, Simulator, Target};
//!
//! let clock = Arc::new(ManualClock::at(1_750_000_000_000));
//! let simulator = Simulator::start(Options::in_process(), clock.clone()).await?;
//! simulator.push_fault(Fault { api: Target::Sla, count: Some(1), status: Some(500), ..Fault::default() });
//! // … point a client at simulator.base_url() …
//! assert!(simulator.requests().is_empty());
//! simulator.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod answer;
mod chats;
mod clock;
mod control;
mod domain;
mod engactivity;
mod fault_file;
mod faults;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod journal;
mod names;
mod oauth1;
mod options;
mod params;
mod people;
mod queueing;
mod rng;
mod router;
mod secrets;
mod server;
mod sla;
mod staffing;
mod style;
mod token;
mod window;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

pub use clock::{ManualClock, SystemClock, WallClock};
pub use faults::{Fault, Target};
pub use journal::RequestRecord;
pub use options::{Options, StartError};
pub use secrets::Secrets;
pub use style::{Numbers, SectionName};

/// Longest fault file that is read, in bytes.
const LONGEST_FAULT_FILE: u64 = 1024 * 1024;

/// Everything that requests need, shared by all connections.
struct State {
    options: Options,
    clock: Arc<dyn WallClock>,
    staff: Arc<staffing::Staff>,
    history: history::History,
    faults: faults::Faults,
    journal: journal::Journal,
    tokens: token::Tokens,
    /// What authorises a call at present, and what has been seen of it.
    guard: secrets::Guard,
    /// Requests of the account that may be handled at once.
    places: Semaphore,
    /// Host and port, for a client that sends no `Host`.
    authority: String,
}

/// A running simulated account; it stops serving when this is dropped.
pub struct Simulator {
    state: Arc<State>,
    local_addr: SocketAddr,
    stop: watch::Sender<()>,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Listens on `options.listen` and serves until [`Self::shutdown`] or drop.
    ///
    /// # Errors
    /// Options that make no sense, an unreadable or wrong fault file, an address that is taken.
    pub async fn start(options: Options, clock: Arc<dyn WallClock>) -> Result<Self, StartError> {
        let mistakes = options.mistakes();
        if !mistakes.is_empty() {
            return Err(StartError::Options(mistakes));
        }
        let faults = faults::Faults::default();
        if let Some(file) = &options.faults {
            // Cannot be refused: the file holds no more than fit.
            faults.push(read_faults(file).await?);
        }
        let listen = |error| StartError::Listen {
            address: options.listen,
            error,
        };
        let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
        let local_addr = listener.local_addr().map_err(listen)?;
        let staff = Arc::new(staffing::Staff::new(
            options.seed,
            options.skills,
            options.agents,
            options.groups,
        ));
        let state = Arc::new(State {
            clock,
            history: history::History::new(Arc::clone(&staff)),
            staff,
            faults,
            journal: journal::Journal::new(),
            tokens: token::Tokens::default(),
            guard: secrets::Guard::new(&options),
            places: Semaphore::new(options.max_concurrent),
            authority: reachable(local_addr).to_string(),
            options,
        });
        let (stop, stopped) = watch::channel(());
        let server = tokio::spawn(server::serve(listener, Arc::clone(&state), stopped));
        tracing::debug!(address = %local_addr, account = state.options.account, "simulator listens");
        Ok(Self {
            state,
            local_addr,
            stop,
            server,
        })
    }

    /// The address that is listened on, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where clients on this machine find it, such as `http://127.0.0.1:8010`: the base URL of the
    /// Domain API and of everything else.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.state.authority)
    }

    /// Adds a fault behind those that remain. One too many (there may be 1,000) is ignored.
    pub fn push_fault(&self, fault: Fault) {
        self.state.faults.push(vec![fault]);
    }

    /// Forgets all faults.
    pub fn clear_faults(&self) {
        self.state.faults.clear();
    }

    /// Makes every token given out so far invalid, as when LivePerson ends a session.
    pub fn revoke_tokens(&self) {
        self.state.tokens.revoke();
    }

    /// Changes the secrets that are accepted, as when somebody rotates a key at LivePerson. Tokens
    /// given out stay valid.
    pub fn rotate_secrets(&self, change: impl FnOnce(&mut Secrets)) {
        self.state.guard.rotate(change);
    }

    /// Every token given out and every token and signature presented so far (the last 10,000),
    /// for tests that look for them where they must not be.
    pub fn credentials_seen(&self) -> Vec<String> {
        self.state.guard.seen()
    }

    /// The last 10,000 calls of the APIs, oldest first; control calls are not among them.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.state.journal.list()
    }

    /// Stops listening, lets answers under way finish for up to a second, and returns when
    /// everything has ended.
    pub async fn shutdown(self) {
        // Fails only when the server has ended already, which is what is wanted.
        let _ = self.stop.send(());
        let _ = self.server.await;
    }
}

/// An address that clients on this machine can call: "all addresses" becomes loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn read_faults(file: &Path) -> Result<Vec<Fault>, StartError> {
    let wrong = |mistakes| StartError::Faults {
        file: file.to_owned(),
        mistakes,
    };
    let path = file.to_owned();
    let read = move || {
        let content = crate::config::read_limited(&path, LONGEST_FAULT_FILE);
        // The path is told in front of every mistake anyway.
        let name = path.display().to_string();
        let without = |reason: String| reason.trim_start_matches(&name).trim_start().to_owned();
        let content = content.map_err(|reason| vec![without(reason)])?;
        let text = crate::yaml::decode(&content.bytes).map_err(|reason| vec![reason])?;
        fault_file::read_text(text)
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(read) => read.map_err(wrong),
        Err(_) => Err(wrong(vec!["cannot be read".to_owned()])),
    }
}
