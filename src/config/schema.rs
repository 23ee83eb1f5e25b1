//! Every key of the configuration and what may stand under it, as data in one place.
//!
//! Unknown keys, the names of environment variables and the test that the sample file is complete
//! all come from here; what the values may be is said where they are read.

use config::{Map, Value, ValueKind};

use super::diagnostics::{Diagnostics, closest, join};

/// What may stand under a key.
pub(super) enum Shape {
    /// One value.
    Single,
    /// A list of values.
    List,
    /// `all`, `none` or a list of ids.
    Selection,
    /// A map from ids to names.
    Names,
    /// A map with these keys.
    Section(Keys),
    /// A list of maps with these keys.
    Sections(&'static Shape),
}

type Keys = &'static [(&'static str, Shape)];

use Shape::{List, Names, Section, Sections, Selection, Single};

/// The whole file.
pub(super) static ROOT: Shape = Section(&[
    ("accounts", Sections(&Section(ACCOUNT))),
    ("engagement_activity", Section(ENGAGEMENT_ACTIVITY)),
    ("sla", Section(SLA)),
    (
        "limits",
        Section(&[
            ("max_in_flight", Single),
            ("min_spacing", Single),
            ("request_timeout", Single),
            ("max_response_bytes", Single),
            ("max_series", Single),
        ]),
    ),
    ("stale_after", Single),
    ("timezone", Single),
    (
        "names",
        Section(&[
            ("lookup", Single),
            ("refresh", Single),
            ("skills", Names),
            ("agents", Names),
            ("groups", Names),
        ]),
    ),
    ("domain_api", Single),
    ("allowed_domains", List),
    ("tls", Section(&[("ca_file", Single)])),
]);

const ACCOUNT: Keys = &[
    ("id", Single),
    (
        "auth",
        Section(&[
            (
                "oauth2",
                Section(&[
                    ("client_id", Single),
                    ("client_secret", Single),
                    ("client_secret_file", Single),
                ]),
            ),
            (
                "oauth1",
                Section(&[
                    ("app_key", Single),
                    ("app_secret", Single),
                    ("app_secret_file", Single),
                    ("access_token", Single),
                    ("access_token_file", Single),
                    ("access_token_secret", Single),
                    ("access_token_secret_file", Single),
                ]),
            ),
            (
                "login",
                Section(&[
                    ("username", Single),
                    ("password", Single),
                    ("password_file", Single),
                ]),
            ),
        ]),
    ),
    ("hosts", Section(HOSTS)),
    ("engagement_activity", Section(ENGAGEMENT_ACTIVITY)),
    ("sla", Section(SLA)),
];

/// LivePerson's service names, case sensitive.
pub(super) const HOSTS: Keys = &[
    ("leDataReporting", Single),
    ("sentinel", Single),
    ("agentVep", Single),
    ("accountConfigReadOnly", Single),
    ("agentManagerWorkspace", Single),
];

const ENGAGEMENT_ACTIVITY: Keys = &[
    ("enabled", Single),
    ("interval", Single),
    ("windows", List),
    ("skills", Selection),
    ("agents", Selection),
    ("skill_agents", Single),
];

const SLA: Keys = &[
    ("enabled", Single),
    ("interval", Single),
    ("windows", List),
    ("buckets", List),
    ("account", Single),
    ("skills", Selection),
    ("groups", Selection),
];

/// The key under which all is credentials: its values, and odd keys, are never repeated.
pub(super) const CREDENTIALS_KEY: &str = "auth";

/// Every key of the configuration file as a dotted path, lists as `accounts[]`: for checking that
/// documents and samples are complete.
pub fn known_keys() -> Vec<String> {
    fn collect(shape: &Shape, path: &str, into: &mut Vec<String>) {
        match shape {
            Section(keys) => {
                for (key, below) in *keys {
                    let path = join(path, key);
                    into.push(path.clone());
                    collect(below, &path, into);
                }
            }
            Sections(each) => collect(each, &format!("{path}[]"), into),
            Single | List | Selection | Names => {}
        }
    }
    let mut keys = Vec::new();
    collect(&ROOT, "", &mut keys);
    keys
}

/// `parent.key` for a key that has not been checked yet. Under `auth`, a key that is none of ours
/// may be a credential with its colon in the wrong place, and is left out.
pub(super) fn join_redacted(parent: &str, key: &str) -> String {
    let sensitive = parent.split('.').any(|word| word == CREDENTIALS_KEY);
    if sensitive && !is_word_of(&ROOT, key) {
        return format!("{parent}.[hidden]");
    }
    join(parent, key)
}

/// Whether a key is known anywhere.
fn is_word_of(shape: &Shape, key: &str) -> bool {
    match shape {
        Section(keys) => keys
            .iter()
            .any(|(known, below)| *known == key || is_word_of(below, key)),
        Sections(each) => is_word_of(each, key),
        Single | List | Selection | Names => false,
    }
}

/// Reports unknown keys, and values where a section is wanted, in the whole tree.
pub(super) fn check(value: &Value, diagnostics: &Diagnostics) {
    check_at(value, &ROOT, "", false, diagnostics);
}

fn check_at(value: &Value, shape: &Shape, path: &str, sensitive: bool, diagnostics: &Diagnostics) {
    match (shape, &value.kind) {
        (Single | List | Selection, _) | (_, ValueKind::Nil) | (Names, ValueKind::Table(_)) => {}
        (Section(keys), ValueKind::Table(table)) => {
            check_keys(table, keys, path, sensitive, diagnostics);
        }
        (Sections(each), ValueKind::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}[{index}]");
                if item.kind == ValueKind::Nil {
                    diagnostics.error(path, "nothing where a map is wanted");
                } else {
                    check_at(item, each, &path, sensitive, diagnostics);
                }
            }
        }
        (Section(_) | Names, _) => {
            diagnostics.error(path, format!("{} where a map is wanted", kind(value)))
        }
        (Sections(_), _) => {
            diagnostics.error(path, format!("{} where a list is wanted", kind(value)))
        }
    }
}

fn check_keys(
    table: &Map<String, Value>,
    keys: Keys,
    path: &str,
    sensitive: bool,
    diagnostics: &Diagnostics,
) {
    for (key, value) in sorted(table) {
        if let Some((_, shape)) = keys.iter().find(|(known, _)| known == key) {
            let sensitive = sensitive || *key == CREDENTIALS_KEY;
            check_at(value, shape, &join(path, key), sensitive, diagnostics);
        } else if sensitive && !looks_like_a_key(key, value) {
            // `{client_id: a, client_secret:b}`: without the space, the secret is part of a key.
            let hint = "a key without a value (is the space after a colon missing?)";
            diagnostics.error(path, format!("{hint}; {}", allowed(keys)));
        } else {
            diagnostics.error(join(path, key), unknown(key, keys));
        }
    }
}

/// Whether an unknown key may be repeated where credentials stand.
fn looks_like_a_key(key: &str, value: &Value) -> bool {
    value.kind != ValueKind::Nil
        && key.len() <= 40
        && key
            .chars()
            .all(|c| c.is_ascii_lowercase() || "_12".contains(c))
}

/// What to say of an unknown key.
pub(super) fn unknown(key: &str, keys: Keys) -> String {
    match closest(key, keys.iter().map(|(known, _)| *known)) {
        Some(known) => format!("unknown key; did you mean {known}?"),
        None => format!("unknown key; {}", allowed(keys)),
    }
}

fn allowed(keys: Keys) -> String {
    let names: Vec<_> = keys.iter().map(|(known, _)| *known).collect();
    format!("known here: {}", names.join(", "))
}

/// What a value is, in words that hold nothing of it.
pub(super) fn kind(value: &Value) -> &'static str {
    match value.kind {
        ValueKind::Nil => "nothing",
        ValueKind::Array(_) => "a list",
        ValueKind::Table(_) => "a map",
        _ => "a text",
    }
}

/// Entries by key: the crate's maps have no order, and messages need one.
pub(super) fn sorted(table: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    entries
}
