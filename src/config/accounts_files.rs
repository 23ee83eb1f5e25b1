//! Files with further accounts, named by the globs of `accounts_files`: for those who run hundreds
//! of accounts and write their files by program.
//!
//! Each is a list as `accounts` has it. Paths in messages begin with the file.

mod folders;
mod search;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use config::Value;

use super::diagnostics::Diagnostics;
use super::files::{Content, Files, read_limited};
use super::node::Section;
use super::preview::{path_preview, redacted_preview};
use super::schema::Schema;
use super::values::{Parsed, ValueError, non_empty};
use super::yaml;

const KEY: &str = "accounts_files";

/// Most files in all: a pattern that matches more is a mistake.
const MAX_FILES: usize = 10_000;

/// All files with accounts.
#[derive(Default)]
pub(super) struct AccountsFiles {
    pub(super) files: Vec<AccountsFile>,
    /// Whether one was left out because of a mistake.
    pub(super) incomplete: bool,
    /// The paths of the globs that match no file, each with what is to be said of it.
    pub(super) unmatched: Vec<(String, String)>,
}

/// A file with accounts.
pub(super) struct AccountsFile {
    pub(super) path: PathBuf,
    /// What messages call it; the path of its list.
    pub(super) name: String,
    /// A list.
    pub(super) tree: Value,
    pub(super) content: Content,
}

/// Reads the files of a configuration in the order of its globs, those of one glob by name.
/// Mistakes are reported and the files that have them left out.
pub(super) fn read(root: &Section<'_>, files: &Files, schema: &Schema) -> AccountsFiles {
    let Some(node) = root.find(KEY).filter(|node| !node.is_empty_list()) else {
        return AccountsFiles::default();
    };
    let mut read = AccountsFiles::default();
    if !node.is_list() {
        node.expected_list();
        read.incomplete = true;
        return read;
    }
    // Those that are wrong do not keep the others from being read: all mistakes are reported at once.
    let patterns = node.valid_items(pattern);
    read.incomplete = patterns.len() < node.len();
    let (mut seen, mut folders) = (BTreeSet::new(), BTreeSet::new());
    for (index, pattern) in patterns {
        let paths = match find(&pattern, files) {
            Ok(paths) => paths,
            Err(reason) => {
                node.error_at(index, reason);
                read.incomplete = true;
                continue;
            }
        };
        folders.extend(folders::of(&files.resolve_pattern(&pattern), &paths));
        if paths.is_empty() {
            let unmatched = path_preview(Path::new(&pattern));
            let unmatched = format!("no file matches {unmatched:?}");
            read.unmatched.push((format!("{KEY}[{index}]"), unmatched));
        }
        for path in paths {
            if seen.len() == MAX_FILES && !seen.contains(&path) {
                node.error_at(index, format!("matches more than {MAX_FILES} files in all"));
                read.incomplete = true;
                return read;
            }
            if seen.insert(path.clone()) {
                let file = read_file(path, schema, root.diagnostics());
                read.incomplete |= file.is_none();
                read.files.extend(file);
            }
        }
    }
    for (path, message) in &read.unmatched {
        root.diagnostics().warning(format!("{path}: {message}"));
    }
    for warning in folders.iter().filter_map(folders::warning) {
        root.diagnostics().warning(warning);
    }
    read
}

fn read_file(path: PathBuf, schema: &Schema, diagnostics: &Diagnostics) -> Option<AccountsFile> {
    let name = path_preview(&path);
    match parse(&path, &name, schema, diagnostics) {
        Ok((tree, content)) => {
            schema.check_accounts(&tree, &name, diagnostics);
            Some(AccountsFile {
                path,
                name,
                tree,
                content,
            })
        }
        Err(reason) => {
            let reason = reason.strip_prefix(&name).unwrap_or(&reason).trim_start();
            diagnostics.error(&name, reason);
            None
        }
    }
}

fn parse(
    path: &Path,
    name: &str,
    schema: &Schema,
    diagnostics: &Diagnostics,
) -> Result<(Value, Content), String> {
    let content = read_limited(path, crate::yaml::MAX_BYTES)?;
    let text = crate::yaml::decode(&content.bytes)?;
    let tree = yaml::parse_accounts(text, name, schema, diagnostics)?;
    Ok((tree, content))
}

/// A path with wildcards.
fn pattern(text: &str) -> Parsed<String> {
    let text = non_empty(text)?;
    if text.starts_with('~') {
        let reason = "begins with ~, which is not expanded; write the whole path";
        return Err(ValueError::Rejected(reason.to_owned()));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let reason = format!("is a number, not a path; write ./{text} for a file of that name");
        return Err(ValueError::Rejected(reason));
    }
    // It would look into every folder below, on a mistaken / for hours.
    if text.contains("**") {
        let reason = "contains **, which is not supported; * stands for a folder of any name";
        return Err(ValueError::Rejected(reason.to_owned()));
    }
    match glob::Pattern::new(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(ValueError::Rejected(format!(
            "is not a valid glob pattern: {}",
            error.msg
        ))),
    }
}

/// The files that match, by name.
fn find(pattern: &str, files: &Files) -> Result<Vec<PathBuf>, String> {
    // A file that is named as it is has to exist.
    if glob::Pattern::escape(pattern) == pattern {
        return Ok(vec![files.resolve(pattern)]);
    }
    // A slash ends a component, and so a wildcard.
    for component in pattern.split('/') {
        glob::Pattern::new(component).map_err(|error| {
            let pattern = redacted_preview(pattern);
            format!("{pattern} is not a valid glob pattern: {}", error.msg)
        })?;
    }
    let paths = search::matching(&files.resolve_pattern(pattern))?;
    if paths.len() > MAX_FILES {
        let pattern = redacted_preview(pattern);
        return Err(format!("{pattern} matches more than {MAX_FILES} files"));
    }
    Ok(paths)
}
