//! The `accounts` section.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use url::Url;

use super::Account;
use super::accounts_files::AccountsFiles;
use super::auth::auth;
use super::collector_section::{SectionType, Sections, services};
use super::files::Files;
use super::node::{Node, Section};
use super::preview::redacted_preview;
use super::section_reader::SectionReader;
use super::values::{account_id, base_url, non_empty};
use crate::vocabulary::Service;

/// What every account is read with.
pub(super) struct AccountReader<'a> {
    /// The top of the tree; the collectors' sections there apply to all accounts.
    pub(super) root: &'a Section<'a>,
    pub(super) collectors: &'a [SectionType],
    pub(super) files: &'a Files,
    /// Files with further accounts.
    pub(super) accounts_files: &'a AccountsFiles,
    pub(super) stale_after: Duration,
}

impl AccountReader<'_> {
    /// Reads every account; those with mistakes are left out, the mistakes being reported.
    pub(super) fn read_all(&self) -> Vec<Account> {
        let accounts = self.root.find("accounts");
        let here = self.root.sections("accounts");
        let diagnostics = self.root.diagnostics();
        let mut sections: Vec<_> = here.into_iter().map(|s| (s, self.files.clone())).collect();
        for file in &self.accounts_files.files {
            let further = Section::list(&file.tree, &file.name, diagnostics).into_iter();
            sections.extend(further.map(|s| (s, self.files.of_further_file(&file.path))));
        }
        // With a mistake in `accounts_files` it is not known whether there is none.
        let known = !self.accounts_files.incomplete;
        if sections.is_empty() && known && accounts.is_none_or(|accounts| accounts.is_empty_list())
        {
            let message = match self.root.find("accounts_files") {
                Some(list) if !list.is_empty_list() => {
                    "no account is configured, neither here nor in accounts_files; add at least one, with id and auth"
                }
                _ => "no account is configured; add at least one, with id and auth",
            };
            diagnostics.error("accounts", message);
            // Warnings are not printed beside mistakes, and here they are the reason.
            for (path, message) in &self.accounts_files.unmatched {
                diagnostics.error(path, message);
            }
        }
        report_duplicate_ids(sections.iter().map(|(section, _)| section));
        sections
            .iter()
            .filter_map(|(section, files)| self.read(section, files))
            .collect()
    }

    fn read(&self, section: &Section<'_>, files: &Files) -> Option<Account> {
        // All parts are read before any is given up, so that all mistakes are seen.
        let what = "the account id (site id) that LivePerson gave you";
        let id = section.require("id", what, account_id);
        let name = section.find("name");
        let auth = auth(section, files);
        let hosts = hosts(&section.section("hosts"), &services(self.collectors));
        let sections = self.collector_sections(section);
        Some(Account {
            id: id?,
            name: name.and_then(|name| name.parse(non_empty)),
            auth: auth?,
            hosts,
            sections,
        })
    }

    fn collector_sections(&self, account: &Section<'_>) -> Sections {
        let mut sections = Sections::default();
        for collector in self.collectors {
            let global = self.root.section(collector.name());
            let merged = account.section(collector.name()).with_fallback(global);
            let reader = SectionReader::of_account(merged);
            let section = collector.read(&reader);
            if section.enabled() {
                reader.check_interval(section.interval(), self.stale_after);
            }
            sections.push(section);
        }
        if sections.all_disabled() {
            let names: Vec<_> = self.collectors.iter().map(SectionType::name).collect();
            account.error(format!(
                "every collector is disabled ({}), so that nothing is requested; enable one or remove the account",
                names.join(", ")
            ));
        }
        sections
    }
}

fn report_duplicate_ids<'a>(accounts: impl Iterator<Item = &'a Section<'a>>) {
    let mut first_with_id = HashMap::new();
    for account in accounts {
        let Some(id) = account.find("id").as_ref().and_then(Node::text) else {
            continue;
        };
        let first = *first_with_id.entry(id).or_insert(account.path());
        if first != account.path() {
            let message = format!("{} is already the id of {first}", redacted_preview(id));
            account.diagnostics().error(account.path_of("id"), message);
        }
    }
}

fn hosts(section: &Section<'_>, services: &[Service]) -> BTreeMap<String, Url> {
    let mut hosts = BTreeMap::new();
    for service in services {
        let url = section.find(service.name());
        if let Some(url) = url.and_then(|node| node.parse(base_url)) {
            hosts.insert(service.name().to_owned(), url);
        }
    }
    hosts
}
