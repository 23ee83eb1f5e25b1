//! What the user asked for: the YAML file, the environment, and every mistake in them.
//!
//! A configuration goes through five hands. `yaml` turns the file into a tree of texts
//! (by way of `crate::yaml`);
//! `environment` finds the variables that override it; `env_account` does
//! without a file; `load` has the `config` crate merge all;
//! `schema` knows every key and reports those it does not know; and `node` walks the rest with
//! one file per part (`global`, `accounts`, `auth`, `collectors`) saying which value is read as
//! what (`values`, `units`, `window`). `diagnostics` collects all that is wrong, so that it is told at
//! once. The result is `model`, which the other rooms read and never check again; `secret` keeps
//! credentials from being printed. This room knows nothing of HTTP or metrics.

mod accounts;
mod auth;
mod collectors;
mod diagnostics;
mod env_account;
mod environment;
pub(crate) mod files;
mod global;
mod load;
mod model;
mod node;
mod schema;
pub mod secret;
pub mod units;
pub(crate) mod values;
mod window;
mod yaml;

pub use diagnostics::{ConfigErrors, Mistake};
pub use environment::Environment;
pub(crate) use files::read_limited;
pub use load::{DEFAULT_PATH, Loaded, load, load_or_default, load_text};
pub use model::*;
pub use schema::known_keys;
