//! The `accounts` section.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use url::Url;

use super::Account;
use super::auth::auth;
use super::collectors;
use super::files::Files;
use super::mistakes::shown;
use super::reader::{Found, Section};
use super::schema::HOSTS;
use super::values::{account_id, base_url};
use crate::collectors::ConfiguredCollector;
use crate::collectors::engagement_activity::EngagementActivity;
use crate::collectors::sla::Sla;

/// Reads every account; those with mistakes are left out, the mistakes being reported.
pub(super) fn accounts(root: &Section<'_>, files: &Files, stale_after: Duration) -> Vec<Account> {
    let sections = root.sections("accounts");
    if root
        .find("accounts")
        .is_none_or(|found| found.is_empty_list())
    {
        let message = "no account is given; give at least one, with id and auth";
        root.report().add("accounts", message);
    }
    let mut ids = HashMap::new();
    for section in &sections {
        let id = section.find("id");
        if let Some(id) = id.as_ref().and_then(Found::text) {
            let first = *ids.entry(id).or_insert(section.path());
            if first != section.path() {
                let message = format!("{} is also the id of {first}", shown(id));
                section.report().add(section.path_of("id"), message);
            }
        }
    }
    let accounts = sections
        .iter()
        .map(|section| account(section, root, files, stale_after));
    accounts.flatten().collect()
}

fn account(
    section: &Section<'_>,
    root: &Section<'_>,
    files: &Files,
    stale_after: Duration,
) -> Option<Account> {
    // All parts are read before any is given up, so that all mistakes are seen.
    let what = "the account id (site id) that LivePerson gave you";
    let id = section.require("id", what, account_id);
    let auth = auth(section, files);
    let hosts = hosts(&section.section("hosts"));
    let merged = |key| section.section(key).over(&root.section(key));
    let engagement_activity =
        collectors::checked_activity(&merged("engagement_activity"), stale_after);
    let sla = collectors::checked_sla(&merged("sla"), stale_after);
    if !engagement_activity.enabled && !sla.enabled {
        section.refuse("engagement_activity and sla are both disabled, so that nothing is asked; enable one or remove the account");
    }
    Some(Account {
        id: id?,
        auth: auth?,
        hosts,
        collectors: vec![
            ConfiguredCollector::new(&EngagementActivity, engagement_activity),
            ConfiguredCollector::new(&Sla, sla),
        ],
    })
}

fn hosts(section: &Section<'_>) -> BTreeMap<String, Url> {
    let services = HOSTS.iter().filter_map(|(service, _)| {
        let url = section.find(service)?.parse(base_url)?;
        Some(((*service).to_owned(), url))
    });
    services.collect()
}
