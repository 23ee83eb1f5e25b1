//! The sections that hold for the whole exporter, and the configuration as a whole.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use url::Url;

use super::accounts::accounts;
use super::collectors;
use super::diagnostics::path_preview;
use super::files::{Files, LARGEST_CA_FILE, read_limited};
use super::node::{Node, Section};
use super::values::{base_url, boolean, domain, duration, id, size, text, time_zone, whole};
use super::{Config, Limits, Names, Tls};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const WEEK: Duration = Duration::from_secs(7 * 86_400);

const PEM_HEADER: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Reads the whole tree. What it returns is only worth having when nothing was reported.
pub(super) fn config(root: &Section<'_>, files: &Files) -> Option<Config> {
    // Global values are looked at even when every account has its own.
    collectors::activity(&root.section("engagement_activity"));
    collectors::sla(&root.section("sla"));
    let stale_after = root.read(
        "stale_after",
        5 * MINUTE,
        duration(Duration::from_millis(1), WEEK),
    );
    Some(Config {
        accounts: accounts(root, files, stale_after),
        limits: limits(&root.section("limits")),
        stale_after,
        timezone: root.read("timezone", TimeZone::UTC, time_zone),
        names: names(&root.section("names")),
        tls: tls(&root.section("tls"), files),
        allowed_domains: allowed_domains(root),
        domain_api: domain_api(root)?,
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
        max_in_flight: section.read("max_in_flight", 1, whole(1, 64)),
        min_spacing: section.read(
            "min_spacing",
            Duration::from_millis(250),
            duration(Duration::from_millis(1), MINUTE),
        ),
        request_timeout: section.read(
            "request_timeout",
            15 * SECOND,
            duration(Duration::from_millis(100), 5 * MINUTE),
        ),
        max_response_bytes: section.read("max_response_bytes", 64 << 20, size(1 << 10, 4 << 30)),
        max_series: section.read("max_series", 1_000_000, whole(1, 1_000_000_000)),
    }
}

fn names(section: &Section<'_>) -> Names {
    Names {
        lookup: section.read("lookup", true, boolean),
        refresh: section.read("refresh", HOUR, duration(MINUTE, WEEK)),
        skills: names_of(&section.section("skills"), -1),
        agents: names_of(&section.section("agents"), 0),
        groups: names_of(&section.section("groups"), 0),
    }
}

fn names_of(section: &Section<'_>, min: i64) -> BTreeMap<i64, String> {
    let mut names = BTreeMap::new();
    for (key, node) in section.entries() {
        match id(min)(key) {
            Err(reason) => node.error(format!("the key {reason}")),
            Ok(id) => {
                if let Some(name) = node.parse(text) {
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
    let path = files.resolve(&node.parse(text)?);
    match read_limited(&path, LARGEST_CA_FILE) {
        Ok(content) if contains(&content.bytes, PEM_HEADER) => return Some(path),
        Ok(_) => node.error(format!(
            "{} holds no PEM certificate (no line -----BEGIN CERTIFICATE-----)",
            path_preview(&path)
        )),
        Err(reason) => node.error(reason),
    }
    None
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
