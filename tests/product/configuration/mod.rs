//! The configuration as a user sees it: files, environment, samples, and every mistake.

mod accounts_files;
mod anything;
mod bad_files;
mod environment;
mod folder;
mod further_collector;
mod samples;
mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::common::cases::check_each;
use liveperson_exporter::collectors::Registry;
use liveperson_exporter::config::{Environment, SectionType, load};

#[test]
fn every_bad_file_has_its_exact_message() {
    let sections = Registry::standard().sections();
    let collectors: Vec<_> = sections.iter().map(SectionType::name).collect();
    check_each(bad_files::BAD_FILES, |(name, want)| {
        let want = want.replace("{collectors}", &collectors.join(", "));
        let path = Path::new("tests/bad_config").join(name);
        let error = load(Some(&path), &Environment::default(), &sections).unwrap_err();
        let found = error.to_string();
        assert!(found == want, " expected: {want}\n found:    {found}");
        assert_eq!(Some(error.source.as_str()), path.to_str());
        let has_secret = format!("{error:?}").contains("hush");
        assert!(!has_secret, "it prints a secret");
    });
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
