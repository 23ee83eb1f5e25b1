//! The files that a pattern of `accounts_files` matches.
//!
//! Step by step and not by `glob::glob`, which passes over what it may not look into when no wildcard
//! follows: the accounts of `customers/*/accounts.yml` would silently be fewer.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use super::super::preview::path_preview;
use super::MAX_FILES;

/// A hidden file is none of the operator's: an editor's, or one of those to which the links of a
/// mounted ConfigMap point.
const MATCHING: glob::MatchOptions = glob::MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// All paths that match, by name; a few more than [`MAX_FILES`] when there are too many. A folder that is
/// not there has none; links are not followed at the end, so that one to nothing is a path.
///
/// # Errors
/// What cannot be searched, or a mistake in the pattern.
pub(super) fn matching(pattern: &str) -> Result<Vec<PathBuf>, String> {
    let mut paths = vec![PathBuf::new()];
    for component in Path::new(pattern).components() {
        let mut next = Vec::new();
        for path in &paths {
            add(path, component, &mut next)?;
            if next.len() > MAX_FILES {
                break;
            }
        }
        paths = next;
    }
    paths.sort_unstable();
    Ok(paths)
}

/// Adds what a component of the pattern matches below `path`.
fn add(path: &Path, component: Component<'_>, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let name = match component {
        Component::Normal(name) => name.to_string_lossy(),
        // The root, `.` and `..`.
        _ => {
            found.push(path.join(component));
            return Ok(());
        }
    };
    let fault = |path: &Path, error: &io::Error| {
        format!("{} cannot be searched: {error}", path_preview(path))
    };
    if let Some(plain) = unescaped(&name) {
        let path = path.join(plain);
        match fs::symlink_metadata(&path) {
            Ok(_) => found.push(path),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(fault(&path, &error)),
        }
        return Ok(());
    }
    let pattern = glob::Pattern::new(&name)
        .map_err(|error| format!("{name} is not a valid glob pattern: {}", error.msg))?;
    let here = Path::new(".");
    let folder = if path.as_os_str().is_empty() {
        here
    } else {
        path
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(()),
        Err(error) => return Err(fault(folder, &error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| fault(folder, &error))?;
        let name = entry.file_name();
        if pattern.matches_with(&name.to_string_lossy(), MATCHING) {
            found.push(path.join(name));
        }
        if found.len() > MAX_FILES {
            break;
        }
    }
    Ok(())
}

/// Whether nothing is there, as opposed to something that may not be looked at.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The name that a component is, when it has no wildcards: what stands before the operator's pattern is a
/// path, in which they are escaped.
pub(super) fn unescaped(pattern: &str) -> Option<String> {
    let mut plain = pattern.to_owned();
    for character in ["?", "*", "[", "]"] {
        plain = plain.replace(&format!("[{character}]"), character);
    }
    (glob::Pattern::escape(&plain) == pattern).then_some(plain)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::cases::check_each;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    fn found(folder: &Path, pattern: &str) -> Vec<String> {
        let whole = format!("{}/{pattern}", folder.display());
        let paths = matching(&whole).unwrap().into_iter();
        paths
            .map(|path| path.strip_prefix(folder).unwrap().display().to_string())
            .collect()
    }

    #[test]
    fn wildcards_match_in_any_component() {
        let folder = folder(&[
            "a/1.yml",
            "a/2.yml",
            "b/1.yml",
            "b/c/1.yml",
            ".d/1.yml",
            "a/.3.yml",
            "[x]/1.yml",
            "f",
        ]);
        symlink("nowhere", folder.path().join("b/2.yml")).unwrap();
        let cases = [
            ("a/*.yml", &["a/1.yml", "a/2.yml"][..]),
            ("*/1.yml", &["[x]/1.yml", "a/1.yml", "b/1.yml"]),
            ("?/2.yml", &["a/2.yml", "b/2.yml"]),
            ("*/c/*.yml", &["b/c/1.yml"]),
            ("[ab]/../a/1.*", &["a/../a/1.yml", "b/../a/1.yml"]),
            ("[[]x]/*", &["[x]/1.yml"]),
            ("none/*.yml", &[]),
            ("f/*", &[]),
            ("*/none.yml", &[]),
        ];
        check_each(cases, |(pattern, expected)| {
            assert_eq!(found(folder.path(), pattern), expected, "{pattern}");
        });
    }

    #[test]
    fn what_cannot_be_searched_is_a_mistake() {
        let folder = folder(&["a/1.yml"]);
        // Nothing else is closed to root.
        symlink("loop", folder.path().join("loop")).unwrap();
        check_each(["*/1.yml", "*/*.yml", "loop/*", "l*/../1.yml"], |pattern| {
            let whole = format!("{}/{pattern}", folder.path().display());
            let error = matching(&whole).unwrap_err();
            assert!(error.contains("cannot be searched"), "{error}");
        });
    }
}
