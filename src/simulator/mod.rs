//! A LivePerson account to try and test against: a contact centre with agents, shifts and queues
//! behind the same HTTP interfaces, in this process and without the internet.
//!
//! It knows nothing of the exporter and writes its JSON from LivePerson's documents, so that one
//! misreading cannot hide in both. [`apis`] holds one file per API. They all count from one
//! simulated world (`world`), so that their numbers always agree; the same seed gives the same
//! chats on the UTC clock, whenever the simulator is started. `auth` decides who may call. `router`
//! finds the API of a path and applies `faults`; `server` speaks HTTP.
//!
//! # Control paths
//! For users and tests, at the same host and port and without authorisation:
//!
//! | call | does |
//! |---|---|
//! | `GET /control/faults` | the faults that remain, as JSON |
//! | `POST /control/faults` | adds faults: JSON or YAML as in a fault file, at most 1 MiB |
//! | `DELETE /control/faults` | removes all faults |
//! | `GET /control/requests` | the last 10,000 calls of the APIs, as JSON |
//! | `DELETE /control/requests` | removes them from the log |
//! | `POST /control/revoke` | invalidates every token issued so far |
//! | `POST /control/advance?ms=MS` | puts LivePerson's clock forward, at most 31 days; tokens do not age |
//! | `GET /control/truth?from=MS&to=MS` | what really happened in that span, see below |
//!
//! # The truth
//! `GET /control/truth` counts each chat once, whatever nodes lag and numbers change. `from` and `to`
//! are milliseconds since the epoch on LivePerson's clock, by default the last 24 hours until now;
//! the span may be older but not longer than 31 days. The response has `now_ms`, `from_ms`, `to_ms`,
//! and `account`, `skills`, `agents`, `skill_agents` (by skill, then agent) and `groups` by id, each
//! with `interactive`, `noninteractive`, `handling_seconds`, `noninteractive_handling_seconds`,
//! `connected` and `waits`: answered chats by the seconds waited, rounded down to a multiple of 5.
//!
//! # Without HTTP
//! [`ChatIndex`] answers the data APIs' queries as a pure function of the time and the node, from chats
//! that [`Traffic`] draws quickly, for simulations that ask very often.
//!
//! # In a test
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use liveperson_exporter::simulator::{Fault, ManualClock, Options, Simulator, Target};
//!
//! let clock = Arc::new(ManualClock::at(1_750_000_000_000));
//! let simulator = Simulator::start(Options::in_process(), clock.clone()).await?;
//! simulator.push_fault(Fault { api: Target::Api("sla"), count: Some(1), status: Some(500), ..Fault::default() });
//! // … point a client at simulator.base_url() …
//! assert!(simulator.requests().is_empty());
//! simulator.shutdown().await;
//! # Ok(())
//! # }
//! ```

pub mod apis;
mod auth;
mod chat_index;
mod clock;
mod control;
mod deployment_options;
mod fault_file;
mod faults;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod journal;
mod json_style;
mod load_balancer;
mod options;
mod params;
mod response;
mod router;
mod server;
mod truth;
mod world;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use apis::Apis;

pub use crate::clock::{ManualClock, SystemClock, WallClock};
pub use auth::Secrets;
pub use chat_index::ChatIndex;
pub use deployment_options::{DeploymentOptions, NodeChoice};
pub use faults::{Fault, Target};
pub use journal::RequestRecord;
pub use json_style::{Numbers, SectionName};
pub use options::{Options, StartError};
pub use params::{IdFilter, InvalidParameter, Params, whole_number};
pub use response::ApiResponse;
pub use truth::{Totals, Truth};
pub use world::{
    Agent, AgentGroup, AgentNames, AgentOnDuty, Changes, Chat, Chats, Counts, Deployment, Event,
    Key, Node, Skill, Traffic, UNASSIGNED_SKILL, Window, World,
};

/// Longest fault file that is read, in bytes.
const LONGEST_FAULT_FILE: u64 = 1024 * 1024;

/// Everything that requests need, shared by all connections.
struct State {
    options: Options,
    apis: Apis,
    /// Those of `apis`, each once.
    services: Vec<&'static str>,
    clock: clock::SimulatedClock,
    load_balancer: load_balancer::LoadBalancer,
    history: world::History,
    credentials: auth::Credentials,
    faults: faults::Faults,
    journal: journal::Journal,
    /// Requests of the account that may be handled at once.
    concurrency: Semaphore,
    /// Host and port, for a client that sends no `Host`.
    authority: String,
}

impl State {
    fn new(
        options: Options,
        apis: Apis,
        clock: Arc<dyn WallClock>,
        faults: faults::Faults,
        address: SocketAddr,
    ) -> Self {
        let staff = world::Staff::new(options.seed, options.skills, options.agents, options.groups);
        Self {
            clock: clock::SimulatedClock::new(
                clock,
                options.deployment.clock_offset,
                options.deployment.clock_speed,
            ),
            load_balancer: load_balancer::LoadBalancer::new(&options.deployment, options.seed),
            history: world::History::new(staff),
            credentials: auth::Credentials::new(&options),
            faults,
            journal: journal::Journal::new(),
            concurrency: Semaphore::new(options.max_concurrent),
            authority: reachable(address).to_string(),
            services: apis.services(),
            apis,
            options,
        }
    }

    /// The account as it is now, as `node` knows it.
    fn world(&self, node: Node) -> World<'_> {
        let moment = world::Moment {
            now_ms: self.clock.now_ms(),
            unaccelerated_ms: self.clock.unaccelerated_ms(),
            node,
        };
        World::new(
            moment,
            &self.options,
            &self.history,
            &self.credentials,
            &self.services,
            self.load_balancer.changes(),
        )
    }
}

/// A running simulated account; it stops serving when this is dropped.
pub struct Simulator {
    state: Arc<State>,
    local_addr: SocketAddr,
    stop: watch::Sender<()>,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Listens on `options.listen` and serves [`Apis::standard`] until [`Self::shutdown`] or drop.
    ///
    /// # Errors
    /// Options that are not allowed, an unreadable or invalid fault file, an address that is taken.
    pub async fn start(options: Options, clock: Arc<dyn WallClock>) -> Result<Self, StartError> {
        Self::start_with(Apis::standard(), options, clock).await
    }

    /// The same with these APIs.
    ///
    /// # Errors
    /// Those of [`Self::start`]; also two APIs at one path, or an API with a reserved name.
    pub async fn start_with(
        apis: Apis,
        options: Options,
        clock: Arc<dyn WallClock>,
    ) -> Result<Self, StartError> {
        let mut errors = options.errors();
        errors.extend(apis.errors());
        if !errors.is_empty() {
            return Err(StartError::Options(errors));
        }
        let faults = faults::Faults::default();
        if let Some(file) = &options.faults {
            // Cannot be refused: the parser has checked their number.
            faults.push(read_faults(file, &apis).await?);
        }
        let listen_error = |error| StartError::Listen {
            address: options.listen,
            error,
        };
        let listener = TcpListener::bind(options.listen)
            .await
            .map_err(listen_error)?;
        let local_addr = listener.local_addr().map_err(listen_error)?;
        let state = Arc::new(State::new(options, apis, clock, faults, local_addr));
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

    /// The address that is listened on, with the port that was chosen.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where clients on this machine reach it, such as `http://127.0.0.1:8010`: the base URL of the
    /// Domain API and of everything else.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.state.authority)
    }

    /// Appends a fault to those that remain. One too many (there may be 1,000) is ignored, and one
    /// for a name that no API has never applies.
    pub fn push_fault(&self, fault: Fault) {
        self.state.faults.push(vec![fault]);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.state.faults.clear();
    }

    /// Invalidates every token issued so far, as when LivePerson ends a session.
    pub fn revoke_tokens(&self) {
        self.state.credentials.tokens().revoke_all();
    }

    /// Changes the secrets that are accepted, as when a key is rotated at LivePerson. Tokens
    /// issued before stay valid.
    pub fn rotate_secrets(&self, change: impl FnOnce(&mut Secrets)) {
        self.state.credentials.rotate(change);
    }

    /// Every token issued and every token and signature presented so far (the last 10,000), for
    /// tests that look for them where they must not be.
    pub fn credentials_seen(&self) -> Vec<String> {
        self.state.credentials.seen()
    }

    /// The last 10,000 calls of the APIs, oldest first; control calls are not among them.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.state.journal.list()
    }

    /// What LivePerson's clock shows, in milliseconds since the epoch: with the offset, and fast when
    /// it runs fast.
    pub fn now_ms(&self) -> i64 {
        self.state.clock.now_ms()
    }

    /// Puts LivePerson's clock forward by `ms` milliseconds, as if nothing had been asked for so long.
    /// Tokens do not age by it.
    pub fn advance(&self, ms: i64) {
        self.state.clock.advance(ms);
    }

    /// The nodes that answer, and what becomes of numbers after the event.
    pub fn deployment(&self) -> &Deployment {
        self.state.load_balancer.deployment()
    }

    /// Every chat that was answered or closed from `from_ms` until before `to_ms`, in milliseconds
    /// since the epoch on LivePerson's clock, in the order in which they were queued. The span may
    /// be older than 24 hours. Blocks the thread while days are generated.
    pub fn chats_between(&self, from_ms: i64, to_ms: i64) -> Vec<Chat> {
        self.state.history.chats_between(from_ms, to_ms)
    }

    /// What happened in that span: every chat counted once, whatever nodes lag and numbers change.
    pub fn truth(&self, from_ms: i64, to_ms: i64) -> Truth {
        Truth::of(&self.chats_between(from_ms, to_ms), from_ms, to_ms)
    }

    /// Stops listening, lets responses in progress finish for up to a second, and returns when all
    /// tasks have ended.
    pub async fn shutdown(self) {
        // Fails only when the server has ended already.
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

async fn read_faults(file: &Path, apis: &Apis) -> Result<Vec<Fault>, StartError> {
    let (path, apis) = (file.to_owned(), apis.clone());
    let read = tokio::task::spawn_blocking(move || parse_faults(&path, &apis)).await;
    let read = read.unwrap_or_else(|_| Err(vec!["cannot be read".to_owned()]));
    read.map_err(|errors| StartError::Faults {
        file: file.to_owned(),
        errors,
    })
}

fn parse_faults(path: &Path, apis: &Apis) -> Result<Vec<Fault>, Vec<String>> {
    let content = crate::config::read_limited(path, LONGEST_FAULT_FILE);
    // `StartError` names the file already.
    let name = path.display().to_string();
    let without_name = |reason: String| reason.trim_start_matches(&name).trim_start().to_owned();
    let content = content.map_err(|reason| vec![without_name(reason)])?;
    let text = crate::yaml::decode(&content.bytes).map_err(|reason| vec![reason])?;
    fault_file::parse(text, apis)
}
