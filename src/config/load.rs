//! From a file and the environment to a configuration: the `config` crate lays one over the other.

use std::path::Path;

use config::{Map, Source, Value, ValueKind};

use super::diagnostics::{ConfigErrors, Diagnostics, path_preview};
use super::environment::{CREDENTIALS_DIRECTORY, Environment, Override, PREFIX, Part};
use super::files::{Files, read_limited};
use super::node::Section;
use super::{Config, env_account, global, schema, yaml};

/// Where the configuration is looked for when no file is named.
pub const DEFAULT_PATH: &str = "/etc/liveperson_exporter/liveperson_exporter.yml";

/// The key under which the whole tree stands while the `config` crate merges: it reads the keys at
/// the very top as path expressions, so that a file with the key `a[999999999999]` would have it
/// allocate a list of that length.
const TOP: &str = "file";

/// A configuration without mistakes.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What works but should be looked at, a sentence each.
    pub warnings: Vec<String>,
}

/// Loads the configuration from `path` and lays `env` over it.
///
/// Without a path, [`DEFAULT_PATH`] is read if it exists; otherwise one account comes from the
/// environment alone.
///
/// # Errors
/// Every mistake of file and environment at once. Texts hold no credentials.
pub fn load(path: Option<&Path>, env: &Environment) -> Result<Loaded, ConfigErrors> {
    load_or_default(path, Path::new(DEFAULT_PATH), env)
}

/// Reads a configuration that is not in a file; `source` is what errors call it.
///
/// # Errors
/// As [`load`].
pub fn load_text(source: &str, text: &str, env: &Environment) -> Result<Loaded, ConfigErrors> {
    let diagnostics = Diagnostics::default();
    let tree =
        yaml::parse(text, &diagnostics).map_err(|reason| ConfigErrors::whole(source, reason))?;
    let files = Files::new(None, env.get(CREDENTIALS_DIRECTORY));
    let config = read(tree, env, &files, &diagnostics);
    finish(config, diagnostics, source)
}

/// [`load`] with another default path, for packages and tests that keep the file elsewhere.
///
/// # Errors
/// As [`load`].
pub fn load_or_default(
    path: Option<&Path>,
    default: &Path,
    env: &Environment,
) -> Result<Loaded, ConfigErrors> {
    match path {
        Some(path) => load_file(path, env),
        // A default that exists and cannot be looked at is read too, so that its error is seen.
        None if !matches!(default.try_exists(), Ok(false)) => load_file(default, env),
        None if env_account::is_given(env) => load_environment(env),
        None => Err(ConfigErrors::whole("environment", nowhere(default))),
    }
}

fn nowhere(default: &Path) -> String {
    format!(
        "there is no configuration: write {} (or name another file with --config.file), or set LIVEPERSON_ACCOUNT_ID, LIVEPERSON_CLIENT_ID and LIVEPERSON_CLIENT_SECRET (or LIVEPERSON_CLIENT_SECRET_FILE)",
        path_preview(default)
    )
}

fn load_file(path: &Path, env: &Environment) -> Result<Loaded, ConfigErrors> {
    let source = path_preview(path);
    let diagnostics = Diagnostics::default();
    let whole = |reason: String| ConfigErrors::whole(&source, reason);
    let content = read_limited(path, crate::yaml::LONGEST)
        .map_err(|reason| whole(without_path(&reason, &source)))?;
    let text = crate::yaml::decode(&content.bytes).map_err(whole)?;
    let tree = yaml::parse(text, &diagnostics).map_err(whole)?;
    for name in env_account::VARIABLES
        .iter()
        .filter(|name| env.get(name).is_some())
    {
        diagnostics.warning(format!(
            "{name} is ignored, because {source} is the configuration; single values of it are overridden by {PREFIX}…"
        ));
    }
    let files = Files::new(Some(path), env.get(CREDENTIALS_DIRECTORY));
    let config = read(tree, env, &files, &diagnostics);
    if content.readable_by_others && diagnostics.has_secret_in_file() {
        diagnostics.warning(format!("{source} holds a secret and can be read by every user of this machine; chmod o-r {source}, or use a …_file key"));
    }
    if content.writable_by_others {
        diagnostics.warning(format!("{source} can be changed by every user of this machine, who could send its credentials elsewhere; chmod o-w {source}"));
    }
    finish(config, diagnostics, &source)
}

fn load_environment(env: &Environment) -> Result<Loaded, ConfigErrors> {
    let diagnostics = Diagnostics::default();
    let files = Files::new(None, env.get(CREDENTIALS_DIRECTORY));
    let tree = env_account::tree(env, &diagnostics);
    let config = read(tree, env, &files, &diagnostics);
    finish(config, diagnostics, "environment")
}

fn finish(
    config: Option<Config>,
    diagnostics: Diagnostics,
    source: &str,
) -> Result<Loaded, ConfigErrors> {
    let warnings = diagnostics.finish(source)?;
    match config {
        Some(config) => Ok(Loaded { config, warnings }),
        None => Err(ConfigErrors::whole(source, "cannot be used")),
    }
}

/// Merges and reads; what is wrong goes to the diagnostics.
fn read(
    tree: Value,
    env: &Environment,
    files: &Files,
    diagnostics: &Diagnostics,
) -> Option<Config> {
    let overrides = env.overrides(|path| elements(&tree, path), diagnostics);
    let Some(merged) = merge(tree, overrides) else {
        diagnostics.error(
            "",
            "the environment's values could not be laid over the file's",
        );
        return None;
    };
    schema::check(&merged, diagnostics);
    global::config(&Section::root(&merged, diagnostics), files)
}

/// Lays the overrides over the file, in their order.
fn merge(tree: Value, overrides: Vec<Override>) -> Option<Value> {
    let mut builder = config::Config::builder().add_source(Place(TOP.to_owned(), tree));
    for Override { path, value } in overrides {
        builder = builder.add_source(Place(expression(&path), value));
    }
    match builder.build().ok()?.cache.kind {
        ValueKind::Table(mut top) => top.remove(TOP),
        _ => None,
    }
}

/// One value for one place, as a source of the `config` crate.
#[derive(Clone)]
struct Place(String, Value);

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The trait wants this; the value may be a credential.
        f.write_str(&self.0)
    }
}

impl Source for Place {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(Map::from([(self.0.clone(), self.1.clone())]))
    }
}

fn expression(path: &[Part]) -> String {
    path.iter().fold(TOP.to_owned(), |text, part| match part {
        Part::Key(key) => format!("{text}.{key}"),
        Part::Index(index) => format!("{text}[{index}]"),
    })
}

/// How many elements the list at a path has; 0 when there is none.
fn elements(tree: &Value, path: &[Part]) -> usize {
    let node = path
        .iter()
        .try_fold(tree, |value, part| match (&value.kind, part) {
            (ValueKind::Table(table), Part::Key(key)) => table.get(key),
            (ValueKind::Array(items), Part::Index(index)) => items.get(*index),
            _ => None,
        });
    match node.map(|value| &value.kind) {
        Some(ValueKind::Array(items)) => items.len(),
        _ => 0,
    }
}

/// The source is printed before the reason anyway.
fn without_path(reason: &str, source: &str) -> String {
    reason
        .strip_prefix(source)
        .unwrap_or(reason)
        .trim_start()
        .to_owned()
}
