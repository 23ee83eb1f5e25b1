//! From a file and the environment to a configuration.

use std::path::Path;

use config::Value;

use super::accounts_files;
use super::collector_section::{self, SectionType};
use super::diagnostics::{ConfigErrors, Diagnostics};
use super::environment::{CREDENTIALS_DIRECTORY, Environment, OVERRIDE_PREFIX};
use super::files::{Content, Files, read_limited};
use super::node::Section;
use super::preview::path_preview;
use super::schema::Schema;
use super::{Config, env_account, global, overrides, yaml};

/// The configuration file that is read when no file is named.
pub const DEFAULT_PATH: &str = "/etc/liveperson_exporter/liveperson_exporter.yml";

/// A configuration without mistakes.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What works but should be checked, a sentence each.
    pub warnings: Vec<String>,
}

/// Loads the configuration of these collectors from `path` and applies the overrides of `env`.
///
/// Without a path, [`DEFAULT_PATH`] is read if it exists; otherwise one account comes from the
/// environment alone.
///
/// # Errors
/// Every mistake of file and environment at once. Messages contain no credentials.
pub fn load(
    path: Option<&Path>,
    env: &Environment,
    collectors: &[SectionType],
) -> Result<Loaded, ConfigErrors> {
    load_or_default(path, Path::new(DEFAULT_PATH), env, collectors)
}

/// [`load`] with another default path, for packages and tests that keep the file elsewhere.
///
/// # Errors
/// As [`load`].
pub fn load_or_default(
    path: Option<&Path>,
    default: &Path,
    env: &Environment,
    collectors: &[SectionType],
) -> Result<Loaded, ConfigErrors> {
    let loader = Loader::new(env, collectors);
    match path {
        Some(path) => loader.load_file(path),
        // A default that exists and cannot be accessed is read too, so that its error is seen.
        None if !matches!(default.try_exists(), Ok(false)) => loader.load_file(default),
        None if env_account::is_given(env) => loader.load_environment(),
        None => Err(ConfigErrors::unreadable("environment", no_source(default))),
    }
}

/// Reads a configuration that is not in a file; `source` is what errors call it.
///
/// # Errors
/// As [`load`].
pub fn load_text(
    source: &str,
    text: &str,
    env: &Environment,
    collectors: &[SectionType],
) -> Result<Loaded, ConfigErrors> {
    Loader::new(env, collectors).load_text(source, text)
}

fn no_source(default: &Path) -> String {
    format!(
        "there is no configuration: write {} (or name another file with --config.file), or set LIVEPERSON_ACCOUNT_ID, LIVEPERSON_CLIENT_ID and LIVEPERSON_CLIENT_SECRET (or LIVEPERSON_CLIENT_SECRET_FILE)",
        path_preview(default)
    )
}

/// One attempt to load a configuration.
struct Loader<'a> {
    env: &'a Environment,
    collectors: &'a [SectionType],
    schema: Schema,
    diagnostics: Diagnostics,
}

impl<'a> Loader<'a> {
    fn new(env: &'a Environment, collectors: &'a [SectionType]) -> Self {
        Self {
            env,
            collectors,
            schema: collector_section::schema(collectors),
            diagnostics: Diagnostics::default(),
        }
    }

    fn load_file(self, path: &Path) -> Result<Loaded, ConfigErrors> {
        let source = path_preview(path);
        let unreadable = |reason: String| ConfigErrors::unreadable(&source, reason);
        let content = read_limited(path, crate::yaml::MAX_BYTES)
            .map_err(|reason| unreadable(without_path(&reason, &source)))?;
        let text = crate::yaml::decode(&content.bytes).map_err(unreadable)?;
        let tree = yaml::parse(text, &self.schema, &self.diagnostics).map_err(unreadable)?;
        self.warn_of_ignored_variables(&source);
        let config = self.read(tree, Some(path));
        self.warn_of_permissions(&source, "accounts", &content);
        self.finish(config, &source)
    }

    fn load_text(self, source: &str, text: &str) -> Result<Loaded, ConfigErrors> {
        let tree = yaml::parse(text, &self.schema, &self.diagnostics)
            .map_err(|reason| ConfigErrors::unreadable(source, reason))?;
        let config = self.read(tree, None);
        self.finish(config, source)
    }

    fn load_environment(self) -> Result<Loaded, ConfigErrors> {
        let tree = env_account::tree(self.env, &self.diagnostics);
        let config = self.read(tree, None);
        self.finish(config, "environment")
    }

    /// Merges the environment into the tree and reads it; mistakes go to the diagnostics.
    /// Relative paths start at the folder of `file`.
    fn read(&self, tree: Value, file: Option<&Path>) -> Option<Config> {
        let Some(merged) = overrides::apply(tree, self.env, &self.schema, &self.diagnostics) else {
            let message = "the environment variables could not be merged into the file";
            self.diagnostics.error("", message);
            return None;
        };
        self.schema.check(&merged, &self.diagnostics);
        let root = Section::root(&merged, &self.diagnostics);
        let files = Files::new(file, self.env.get(CREDENTIALS_DIRECTORY));
        let further = accounts_files::read(&root, &files, &self.schema);
        let config = global::config(&root, self.collectors, &files, &further);
        for file in &further.files {
            self.warn_of_permissions(&file.name, &file.name, &file.content);
        }
        config
    }

    /// `list`: the path of the accounts that are in the file.
    fn warn_of_permissions(&self, source: &str, list: &str, content: &Content) {
        if content.readable_by_others && self.diagnostics.has_secret_in(list) {
            self.diagnostics.warning(format!("{source} contains a secret and can be read by every user of this machine; chmod o-r {source}, or use a …_file key"));
        }
        if content.writable_by_others {
            self.diagnostics.warning(format!("{source} can be changed by every user of this machine, who could send its credentials elsewhere; chmod o-w {source}"));
        }
    }

    fn warn_of_ignored_variables(&self, source: &str) {
        for name in env_account::VARIABLES {
            if self.env.get(name).is_some() {
                self.diagnostics.warning(format!(
                    "{name} is ignored, because {source} is the configuration; override single values of it with {OVERRIDE_PREFIX}…"
                ));
            }
        }
    }

    fn finish(self, config: Option<Config>, source: &str) -> Result<Loaded, ConfigErrors> {
        let warnings = self.diagnostics.finish(source)?;
        match config {
            Some(config) => Ok(Loaded { config, warnings }),
            None => Err(ConfigErrors::unreadable(source, "cannot be used")),
        }
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
