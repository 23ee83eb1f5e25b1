//! The configuration: the YAML file, the environment, and every mistake in them.
//!
//! A configuration is read in this order. `yaml` turns the file into a tree of strings (with
//! `crate::yaml`); `env_account` does without a file; `overrides` finds the variables of the
//! `environment` that replace values and has the `config` crate merge them; `schema` knows every
//! key and reports unknown ones; `accounts_files` finds further accounts; `global`, `accounts` and `auth` read the parts of the tree, with
//! `node` finding values and `values` and `units` parsing them. `load` calls them all.
//!
//! A collector reads its own section with a `SectionReader`; the configuration is handed a list of
//! sections (`collector_section`) and knows no single one. `diagnostics` collects all mistakes, so
//! that they are reported at once, and `preview` keeps credentials out of them. The result is
//! `model`, which other modules use and never check again; `shard` leaves the accounts of one of
//! several instances in it; `secret` keeps credentials from being printed. This module knows nothing of HTTP or metrics.

mod accounts;
mod accounts_files;
mod auth;
mod collector_section;
mod diagnostics;
mod env_account;
mod environment;
pub(crate) mod files;
mod global;
mod load;
mod model;
mod node;
mod overrides;
mod preview;
mod schema;
pub mod secret;
mod section_reader;
mod shard;
pub mod units;
pub(crate) mod values;
mod yaml;

pub use collector_section::{CollectorSection, SectionType, Sections, known_keys};
pub use diagnostics::{ConfigErrors, Mistake};
pub use environment::Environment;
pub(crate) use files::read_limited;
pub use load::{DEFAULT_PATH, Loaded, load, load_or_default, load_text};
pub use model::*;
pub use schema::Key;
pub use section_reader::{SecondsList, SectionReader};
pub use shard::Shard;
