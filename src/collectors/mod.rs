//! One folder for each LivePerson API that is polled for data.
//!
//! A folder holds all that the program knows of its API: its settings, its plan, its query and path,
//! its answer and parser, its families and mapping, its bound of series, its probe for
//! `test-connection` and the permission it needs. [`collector`] says what such a folder has to
//! offer, [`registry`] lists the collectors, one line each, and everything else asks the registry or the
//! [`ConfiguredCollector`]s of an account.
//!
//! What collectors share lies beside their folders: [`realtime`] (paths and id lists of the
//! Operational Realtime API), `url_length` (no URL grows too long), [`account`] (the collectors of
//! one account), `skills` (those that they discover for each other). `configured` and `request` (by
//! `erased`) hide the types of each collector's own settings, queries and answers from all who need not
//! know them.
//!
//! Collectors know LivePerson's documents and families of metrics; they know neither time nor
//! sockets, and none knows another.

pub mod account;
pub mod collector;
mod configured;
pub mod engagement_activity;
mod erased;
pub mod realtime;
pub mod registry;
mod request;
mod skills;
pub mod sla;
mod url_length;

pub use account::AccountCollectors;
pub use collector::{About, Collector, Division, Highlights, SeriesBound, Target, TotalQuery};
pub use configured::ConfiguredCollector;
pub use registry::Registry;
pub use request::{Answer, Purpose, Request};
pub use skills::DiscoveredSkills;
