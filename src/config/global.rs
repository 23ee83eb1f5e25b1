//! The sections that apply to the whole exporter, and the configuration as a whole.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use url::Url;

use super::accounts::AccountReader;
use super::accounts_files::AccountsFiles;
use super::collector_section::SectionType;
use super::files::{Files, LARGEST_CA_FILE, read_limited};
use super::node::{Node, Section};
use super::preview::{path_preview, redacted_preview};
use super::section_reader::SectionReader;
use super::values::{base_url, boolean, domain, duration, id, integer, non_empty, size, time_zone};
use super::{Config, Limits, Names, Tls};
use crate::vocabulary::Id;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const WEEK: Duration = Duration::from_secs(7 * 86_400);

const MIN_SPACINGS: RangeInclusive<Duration> = MILLISECOND..=MINUTE;
const REQUEST_TIMEOUTS: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(300);
const RESPONSE_SIZES: RangeInclusive<u64> = 1 << 10..=4 << 30;

const PEM_HEADER: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Reads the whole tree. What it returns is only usable when nothing was reported.
pub(super) fn config(
    root: &Section<'_>,
    collectors: &[SectionType],
    files: &Files,
    accounts_files: &AccountsFiles,
) -> Option<Config> {
    // Global values are checked even when every account has its own.
    for collector in collectors {
        collector.read(&SectionReader::global(root.section(collector.name())));
    }
    let stale_after = root.read("stale_after", 5 * MINUTE, duration(MILLISECOND..=WEEK));
    let accounts = AccountReader {
        root,
        collectors,
        files,
        accounts_files,
        stale_after,
    };
    Some(Config {
        accounts: accounts.read_all(),
        limits: limits(&root.section("limits")),
        stale_after,
        timezone: root.read("timezone", TimeZone::UTC, time_zone),
        names: names(&root.section("names")),
        tls: tls(&root.section("tls"), files),
        allowed_domains: allowed_domains(root),
        domain_api: domain_api(root)?,
        shard: None,
    })
}

fn domain_api(root: &Section<'_>) -> Option<Url> {
    match root.find("domain_api") {
        Some(node) => node.parse(base_url),
        None => Url::parse("https://api.liveperson.net").ok(),
    }
}

fn allowed_domains(root: &Section<'_>) -> Vec<String> {
    match root.find("allowed_domains") {
        Some(node) if !node.is_empty_list() => node.list("", domain).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn limits(section: &Section<'_>) -> Limits {
    Limits {
        max_in_flight: section.read("max_in_flight", 1, integer(1..=64)),
        min_spacing: section.read(
            "min_spacing",
            Duration::from_millis(250),
            duration(MIN_SPACINGS),
        ),
        request_timeout: section.read("request_timeout", 15 * SECOND, duration(REQUEST_TIMEOUTS)),
        max_response_bytes: section.read("max_response_bytes", 64 << 20, size(RESPONSE_SIZES)),
        max_series: section.read("max_series", 1_000_000, integer(1..=1_000_000_000)),
    }
}

fn names(section: &Section<'_>) -> Names {
    Names {
        lookup: section.read("lookup", true, boolean),
        refresh: section.read("refresh", HOUR, duration(MINUTE..=WEEK)),
        skills: names_by_id(&section.section("skills")),
        agents: names_by_id(&section.section("agents")),
        groups: names_by_id(&section.section("groups")),
    }
}

fn names_by_id<I: Id>(section: &Section<'_>) -> BTreeMap<I, String> {
    let mut names = BTreeMap::new();
    for (key, node) in section.entries() {
        match id(key) {
            Err(error) => node.error(error.message(&format!("the key {}", redacted_preview(key)))),
            Ok(id) => {
                if let Some(name) = node.parse(non_empty) {
                    names.insert(id, name);
                }
            }
        }
    }
    names
}

fn tls(section: &Section<'_>, files: &Files) -> Tls {
    let node = section.find("ca_file");
    Tls {
        ca_file: node.and_then(|node| ca_file(&node, files)),
    }
}

fn ca_file(node: &Node<'_>, files: &Files) -> Option<PathBuf> {
    let path = files.resolve(&node.parse(non_empty)?);
    match read_limited(&path, LARGEST_CA_FILE) {
        Ok(content) if contains(&content.bytes, PEM_HEADER) => return Some(path),
        Ok(_) => node.error(format!(
            "{} contains no PEM certificate (no line -----BEGIN CERTIFICATE-----)",
            path_preview(&path)
        )),
        Err(reason) => node.error(reason),
    }
    None
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
