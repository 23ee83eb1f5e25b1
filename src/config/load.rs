//! From a file and the environment to a configuration: the `config` crate lays one over the other.

use std::path::Path;

use config::{Map, Source, Value, ValueKind};

use super::environment::{CREDENTIALS_DIRECTORY, Environment, Override, PREFIX, Part};
use super::files::{Files, read_limited};
use super::mistakes::{ConfigErrors, Report, shown_path};
use super::reader::Section;
use super::{Config, lone_account, schema, sections, yaml};

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
    let report = Report::default();
    let tree = yaml::parse(text, &report).map_err(|reason| ConfigErrors::whole(source, reason))?;
    let files = Files::new(None, env.get(CREDENTIALS_DIRECTORY));
    let config = read(tree, env, &files, &report);
    finish(config, report, source)
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
        None if lone_account::is_given(env) => load_environment(env),
        None => Err(ConfigErrors::whole("environment", nowhere(default))),
    }
}

fn nowhere(default: &Path) -> String {
    format!(
        "there is no configuration: write {} (or name another file with --config.file), or set LIVEPERSON_ACCOUNT_ID, LIVEPERSON_CLIENT_ID and LIVEPERSON_CLIENT_SECRET (or LIVEPERSON_CLIENT_SECRET_FILE)",
        shown_path(default)
    )
}

fn load_file(path: &Path, env: &Environment) -> Result<Loaded, ConfigErrors> {
    let source = shown_path(path);
    let report = Report::default();
    let whole = |reason: String| ConfigErrors::whole(&source, reason);
    let content = read_limited(path, crate::yaml::MAX_BYTES)
        .map_err(|reason| whole(without_path(&reason, &source)))?;
    let text = crate::yaml::decode(&content.bytes).map_err(whole)?;
    let tree = yaml::parse(text, &report).map_err(whole)?;
    for name in lone_account::VARIABLES
        .iter()
        .filter(|name| env.get(name).is_some())
    {
        report.warn(format!(
            "{name} is ignored, because {source} is the configuration; single values of it are overridden by {PREFIX}…"
        ));
    }
    let files = Files::new(Some(path), env.get(CREDENTIALS_DIRECTORY));
    let config = read(tree, env, &files, &report);
    if content.readable_by_others && report.has_secret_in_file() {
        report.warn(format!("{source} holds a secret and can be read by every user of this machine; chmod o-r {source}, or use a …_file key"));
    }
    if content.writable_by_others {
        report.warn(format!("{source} can be changed by every user of this machine, who could send its credentials elsewhere; chmod o-w {source}"));
    }
    finish(config, report, &source)
}

fn load_environment(env: &Environment) -> Result<Loaded, ConfigErrors> {
    let report = Report::default();
    let files = Files::new(None, env.get(CREDENTIALS_DIRECTORY));
    let tree = lone_account::tree(env, &report);
    let config = read(tree, env, &files, &report);
    finish(config, report, "environment")
}

fn finish(config: Option<Config>, report: Report, source: &str) -> Result<Loaded, ConfigErrors> {
    let warnings = report.finish(source)?;
    match config {
        Some(config) => Ok(Loaded { config, warnings }),
        None => Err(ConfigErrors::whole(source, "cannot be used")),
    }
}

/// Merges and reads; what is wrong goes to the report.
fn read(tree: Value, env: &Environment, files: &Files, report: &Report) -> Option<Config> {
    let overrides = env.overrides(|path| elements(&tree, path), report);
    let Some(merged) = merge(tree, overrides) else {
        report.add(
            "",
            "the environment's values could not be laid over the file's",
        );
        return None;
    };
    schema::check(&merged, report);
    sections::config(&Section::root(&merged, report), files)
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
    let found = path
        .iter()
        .try_fold(tree, |value, part| match (&value.kind, part) {
            (ValueKind::Table(table), Part::Key(key)) => table.get(key),
            (ValueKind::Array(items), Part::Index(index)) => items.get(*index),
            _ => None,
        });
    match found.map(|value| &value.kind) {
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
