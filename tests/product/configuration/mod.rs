//! The configuration as a user sees it: files, environment, samples, and every mistake.

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

use liveperson_exporter::collectors::Registry;
use liveperson_exporter::config::{Environment, SectionType, load};

#[test]
fn every_bad_file_has_its_exact_message() {
    let mut failures = Vec::new();
    let sections = Registry::standard().sections();
    let collectors: Vec<_> = sections.iter().map(SectionType::name).collect();
    for (name, want) in bad_files::BAD_FILES {
        let want = want.replace("{collectors}", &collectors.join(", "));
        let path = Path::new("tests/bad_config").join(name);
        let Err(error) = load(Some(&path), &Environment::default(), &sections) else {
            failures.push(format!("{name} has no mistake"));
            continue;
        };
        if error.to_string() != want {
            failures.push(format!("{name}\n expected: {want}\n found:    {error}"));
        }
        if Some(error.source.as_str()) != path.to_str() {
            failures.push(format!("{name} has the source {}", error.source));
        }
        if format!("{error:?}").contains("hush") {
            failures.push(format!("{name} prints a secret"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
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
