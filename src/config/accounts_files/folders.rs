//! The folders of files with accounts: whoever may add a file there may add accounts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::super::preview::path_preview;
use super::search::unescaped;

const WRITABLE_BY_OTHERS: u32 = 0o002;
/// Files in such a folder can be replaced by their owner only, but anyone can add one.
const STICKY: u32 = 0o1000;

/// A folder, and whether a glob takes every fitting file in it.
pub(super) type Searched = (PathBuf, bool);

/// Where the files of a resolved pattern are, or would be.
pub(super) fn of(pattern: &str, paths: &[PathBuf]) -> Vec<Searched> {
    let (parent, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    let is_glob = |text: &str| glob::Pattern::escape(text) != text;
    let parents = paths.iter().filter_map(|path| path.parent());
    let mut folders: Vec<_> = parents
        .map(|parent| (parent.to_owned(), is_glob(name)))
        .collect();
    if let Some(parent) = unescaped(parent) {
        folders.push((PathBuf::from(parent), is_glob(name)));
    }
    folders
}

/// What is to be said of a folder that every user of the machine may change.
pub(super) fn warning((folder, is_glob): &Searched) -> Option<String> {
    let here = Path::new(".");
    let is_here = folder.as_os_str().is_empty();
    let folder = if is_here { here } else { folder };
    let mode = fs::metadata(folder).ok()?.permissions().mode();
    let open = mode & WRITABLE_BY_OTHERS != 0 && (*is_glob || mode & STICKY == 0);
    let name = path_preview(folder);
    open.then(|| {
        format!("{name} can be changed by every user of this machine, who could so add or replace accounts and send credentials elsewhere; chmod o-w {name}")
    })
}
