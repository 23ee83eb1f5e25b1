//! Every key of the configuration and what may be under it, as data.
//!
//! Unknown keys, the names of environment variables and the test that the sample file is complete
//! all come from here; what the values may be is said where they are read. The sections of the
//! collectors bring their own keys.

use std::borrow::Cow;

use config::{Map, Value, ValueKind};

use super::diagnostics::Diagnostics;
use super::preview::{PREVIEW_CHARS, join_path};
use crate::vocabulary::Service;
use crate::yaml::describe;

/// The key under which everything is credentials: its values, and unusual keys, are never
/// repeated.
pub(super) const CREDENTIALS_KEY: &str = "auth";

const AUTH: &[Key] = &[
    Key::section("oauth2", OAUTH2),
    Key::section("oauth1", OAUTH1),
    Key::section("login", LOGIN),
];

const OAUTH2: &[Key] = &[
    Key::value("client_id"),
    Key::value("client_secret"),
    Key::value("client_secret_file"),
];

const OAUTH1: &[Key] = &[
    Key::value("app_key"),
    Key::value("app_secret"),
    Key::value("app_secret_file"),
    Key::value("access_token"),
    Key::value("access_token_file"),
    Key::value("access_token_secret"),
    Key::value("access_token_secret_file"),
];

const LOGIN: &[Key] = &[
    Key::value("username"),
    Key::value("password"),
    Key::value("password_file"),
];

const ACCOUNT: &[Key] = &[
    Key::value("id"),
    Key::value("name"),
    Key::section(CREDENTIALS_KEY, AUTH),
];

/// What is at the top after `accounts` and the collectors.
const GLOBAL: &[Key] = &[
    Key::section("limits", LIMITS),
    Key::value("stale_after"),
    Key::value("timezone"),
    Key::section("names", NAMES),
    Key::value("domain_api"),
    Key::list("allowed_domains"),
    Key::list("accounts_files"),
    Key::section("tls", TLS),
];

const LIMITS: &[Key] = &[
    Key::value("max_in_flight"),
    Key::value("min_spacing"),
    Key::value("request_timeout"),
    Key::value("max_response_bytes"),
    Key::value("max_series"),
];

const TLS: &[Key] = &[Key::value("ca_file")];

const NAMES: &[Key] = &[
    Key::value("lookup"),
    Key::value("refresh"),
    Key::names("skills"),
    Key::names("agents"),
    Key::names("groups"),
];

/// A key and what may be under it.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key as it is written in the file.
    pub(super) name: &'static str,
    pub(super) shape: Shape,
}

/// What may be under a key.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// A single value.
    Value,
    /// A list of values.
    List,
    /// `all`, `none` or a list of ids.
    Selection,
    /// A mapping from ids to names.
    Names,
    /// A mapping with these keys.
    Section(Cow<'static, [Key]>),
    /// A list of sections.
    Sections(Box<Shape>),
}

impl Key {
    /// A key with a single value.
    pub const fn value(name: &'static str) -> Self {
        let shape = Shape::Value;
        Self { name, shape }
    }

    /// A key with a list of values.
    pub const fn list(name: &'static str) -> Self {
        let shape = Shape::List;
        Self { name, shape }
    }

    /// A key with `all`, `none` or a list of ids.
    pub const fn selection(name: &'static str) -> Self {
        let shape = Shape::Selection;
        Self { name, shape }
    }

    const fn names(name: &'static str) -> Self {
        let shape = Shape::Names;
        Self { name, shape }
    }

    /// A key with a mapping of these keys.
    pub(super) const fn section(name: &'static str, keys: &'static [Key]) -> Self {
        let shape = Shape::Section(Cow::Borrowed(keys));
        Self { name, shape }
    }
}

/// The keys of a whole configuration file.
pub(super) struct Schema {
    /// The mapping at the top.
    pub(super) root: Shape,
    /// A list of accounts.
    accounts: Shape,
}

impl Schema {
    /// The schema with the sections of these collectors, which are at the top and in each account, and
    /// with these services in `hosts`.
    pub(super) fn new(collectors: &[Key], services: &[Service]) -> Self {
        let services = services.iter().map(|service| Key::value(service.name()));
        let hosts = Key {
            name: "hosts",
            shape: Shape::Section(services.collect()),
        };
        let account = [ACCOUNT, &[hosts], collectors].concat();
        let account = Shape::Section(account.into());
        let accounts = Shape::Sections(Box::new(account));
        let key = Key {
            name: "accounts",
            shape: accounts.clone(),
        };
        let root = [&[key][..], collectors, GLOBAL].concat();
        Self {
            root: Shape::Section(root.into()),
            accounts,
        }
    }

    /// Every key as a dotted path, lists as `accounts[]`.
    pub(super) fn key_paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        collect_paths(&self.root, "", &mut paths);
        paths
    }

    /// Reports unknown keys, and values of another kind than a section, in the whole tree.
    pub(super) fn check(&self, tree: &Value, diagnostics: &Diagnostics) {
        let place = Place {
            path: String::new(),
            sensitive: false,
        };
        check_value(tree, &self.root, &place, diagnostics);
    }

    /// Reports the same in a list of accounts that is a file of its own, with the name `file`.
    pub(super) fn check_accounts(&self, tree: &Value, file: &str, diagnostics: &Diagnostics) {
        let place = Place {
            path: file.to_owned(),
            sensitive: false,
        };
        check_value(tree, &self.accounts, &place, diagnostics);
    }

    /// `parent.key` for a key that has not been checked yet. Under `auth`, an unknown key may be a
    /// credential with its colon in the wrong place, and is hidden.
    pub(super) fn join_redacted(&self, parent: &str, key: &str) -> String {
        let sensitive = parent.split('.').any(|word| word == CREDENTIALS_KEY);
        if sensitive && !is_known_anywhere(&self.root, key) {
            return format!("{parent}.[hidden]");
        }
        join_path(parent, key)
    }
}

fn collect_paths(shape: &Shape, parent: &str, paths: &mut Vec<String>) {
    match shape {
        Shape::Section(keys) => {
            for key in keys.as_ref() {
                let path = join_path(parent, key.name);
                paths.push(path.clone());
                collect_paths(&key.shape, &path, paths);
            }
        }
        Shape::Sections(item) => collect_paths(item, &format!("{parent}[]"), paths),
        Shape::Value | Shape::List | Shape::Selection | Shape::Names => {}
    }
}

fn is_known_anywhere(shape: &Shape, name: &str) -> bool {
    match shape {
        Shape::Section(keys) => keys
            .iter()
            .any(|key| key.name == name || is_known_anywhere(&key.shape, name)),
        Shape::Sections(item) => is_known_anywhere(item, name),
        Shape::Value | Shape::List | Shape::Selection | Shape::Names => false,
    }
}

/// Where a value is, and whether what it contains may be a credential.
struct Place {
    path: String,
    sensitive: bool,
}

impl Place {
    fn of_key(&self, key: &str) -> Self {
        Self {
            path: join_path(&self.path, key),
            sensitive: self.sensitive || key == CREDENTIALS_KEY,
        }
    }

    fn of_item(&self, index: usize) -> Self {
        Self {
            path: format!("{}[{index}]", self.path),
            sensitive: self.sensitive,
        }
    }
}

fn check_value(value: &Value, shape: &Shape, place: &Place, diagnostics: &Diagnostics) {
    let expected = match (shape, &value.kind) {
        (Shape::Value | Shape::List | Shape::Selection, _) | (_, ValueKind::Nil) => return,
        (Shape::Names, ValueKind::Table(_)) => return,
        (Shape::Section(keys), ValueKind::Table(table)) => {
            return check_keys(table, keys, place, diagnostics);
        }
        (Shape::Sections(shape), ValueKind::Array(items)) => {
            return check_items(items, shape, place, diagnostics);
        }
        (Shape::Section(_) | Shape::Names, _) => "a mapping",
        (Shape::Sections(_), _) => "a list",
    };
    let message = format!("expected {expected}, found {}", describe(&value.kind));
    diagnostics.error(&place.path, message);
}

fn check_items(items: &[Value], shape: &Shape, place: &Place, diagnostics: &Diagnostics) {
    for (index, item) in items.iter().enumerate() {
        let place = place.of_item(index);
        if item.kind == ValueKind::Nil {
            diagnostics.error(place.path, "expected a mapping, found nothing");
        } else {
            check_value(item, shape, &place, diagnostics);
        }
    }
}

fn check_keys(table: &Map<String, Value>, keys: &[Key], place: &Place, diagnostics: &Diagnostics) {
    let mut entries: Vec<_> = table.iter().collect();
    // The crate's mappings have no order, and messages need one.
    entries.sort_unstable_by_key(|(name, _)| *name);
    for (name, value) in entries {
        let below = place.of_key(name);
        if let Some(key) = keys.iter().find(|key| key.name == name) {
            check_value(value, &key.shape, &below, diagnostics);
        } else if place.sensitive && !may_be_repeated(name, value) {
            // `{client_id: a, client_secret:b}`: without the space, the secret is part of a key.
            let message = format!(
                "key without a value (is the space after a colon missing?); {}",
                expected_keys(keys)
            );
            diagnostics.error(&place.path, message);
        } else {
            diagnostics.error(below.path, unknown_key(name, keys));
        }
    }
}

/// Whether a message may repeat an unknown key where credentials are.
fn may_be_repeated(key: &str, value: &Value) -> bool {
    value.kind != ValueKind::Nil
        && key.len() <= 40
        && key
            .chars()
            .all(|c| c.is_ascii_lowercase() || "_12".contains(c))
}

/// The message for an unknown key.
pub(super) fn unknown_key(name: &str, keys: &[Key]) -> String {
    match closest(name, keys) {
        Some(known) => format!("unknown key; did you mean {known}?"),
        None => format!("unknown key; {}", expected_keys(keys)),
    }
}

fn expected_keys(keys: &[Key]) -> String {
    let names: Vec<_> = keys.iter().map(|key| key.name).collect();
    format!("expected one of {}", names.join(", "))
}

/// The known key closest to a mistyped one, when it is close enough to be meant.
fn closest(name: &str, keys: &[Key]) -> Option<&'static str> {
    if name.chars().count() > PREVIEW_CHARS {
        return None;
    }
    let name = name.to_lowercase();
    let distance = |known: &str| strsim::osa_distance(&name, &known.to_lowercase());
    keys.iter()
        .map(|key| (distance(key.name), key.name))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn finds_the_key_that_was_meant() {
        const KEYS: &[Key] = &[
            Key::value("interval"),
            Key::list("windows"),
            Key::selection("skills"),
            Key::value("leDataReporting"),
        ];
        let cases = [
            ("intervall", Some("interval")),
            ("widnows", Some("windows")),
            ("ledatareporting", Some("leDataReporting")),
            ("buckets", None),
        ];
        check_each(cases, |(name, want)| {
            assert_eq!(closest(name, KEYS), want, "{name}");
        });
        assert_eq!(closest(&"interval".repeat(1000), KEYS), None);
    }
}
