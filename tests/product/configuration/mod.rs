//! The configuration as a user meets it: files, environment, samples, and every mistake.

mod anything;
mod bad_files;
mod environment;
mod folder;
mod samples;
mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use liveperson_exporter::config::{Environment, load};

#[test]
fn every_bad_file_is_answered_with_exactly_what_is_wrong() {
    for (name, want) in bad_files::BAD_FILES {
        let path = Path::new("tests/bad_config").join(name);
        let error = load(Some(&path), &Environment::default()).expect_err(name);
        assert_eq!(error.to_string(), *want, "{name}");
        assert_eq!(error.source, path.to_str().unwrap());
        assert!(
            !format!("{error:?}").contains("hush"),
            "{name} shows a secret"
        );
    }
}

#[test]
fn every_bad_file_is_in_the_table() {
    let listed: BTreeSet<_> = bad_files::BAD_FILES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let present: BTreeSet<_> = fs::read_dir("tests/bad_config")
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(listed, present);
}
