//! What the process environment says: values that override the file's.
//!
//! `LIVEPERSON_EXPORTER__LIMITS__MIN_SPACING=1s` overrides `limits.min_spacing`. Parts are joined
//! by two underscores, list elements are numbered from 0 (`…__ACCOUNTS__0__ID`), and case does not
//! matter in keys. A list of plain values can also be given whole, separated by commas
//! (`…__SLA__WINDOWS=5m,1h`).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

use config::{Value, ValueKind};

use super::diagnostics::{Diagnostics, redacted_preview};
use super::schema::{ROOT, Shape, unknown};

/// Variables that begin so override the file.
pub(super) const PREFIX: &str = "LIVEPERSON_EXPORTER__";
/// systemd's folder of credentials.
pub(super) const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
/// Everything that begins so is looked at.
const OURS: &str = "LIVEPERSON_";
/// Numbers of list elements stay below this.
const MOST_ELEMENTS: usize = 10_000;

/// The environment variables that concern the configuration, taken once.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// Names of variables that are not UTF-8, made printable.
    unreadable: Vec<String>,
}

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        Self::from_os(std::env::vars_os())
    }

    fn from_os(pairs: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in pairs {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => environment.insert(name, value),
                (Ok(name), Err(_)) if is_relevant(&name) => environment.unreadable.push(name),
                (Err(name), _) if is_relevant(&name.to_string_lossy()) => {
                    let name = redacted_preview(&name.to_string_lossy());
                    environment.unreadable.push(name);
                }
                _ => {}
            }
        }
        environment
    }

    /// Variables given by the caller instead of the process.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut environment = Self::default();
        for (name, value) in pairs {
            environment.insert(name.into(), value.into());
        }
        environment
    }

    fn insert(&mut self, name: String, value: String) {
        if is_relevant(&name) {
            self.variables.insert(name, value);
        }
    }

    /// A variable that is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether some `LIVEPERSON_EXPORTER__ACCOUNTS__…` is set.
    pub(super) fn has_account_overrides(&self) -> bool {
        let accounts = format!("{PREFIX}ACCOUNTS__");
        self.variables
            .keys()
            .any(|name| name.starts_with(&accounts))
    }

    /// Every `LIVEPERSON_EXPORTER__…`, in an order in which a list comes before its elements and
    /// those come by number. `elements` says how long a list of the file is.
    pub(super) fn overrides(
        &self,
        elements: impl Fn(&[Part]) -> usize,
        diagnostics: &Diagnostics,
    ) -> Vec<Override> {
        for name in &self.unreadable {
            diagnostics.error(name, "its name or value is not UTF-8 text");
        }
        let mut entries = Vec::new();
        for (name, text) in &self.variables {
            let Some(rest) = name.strip_prefix(PREFIX) else {
                continue;
            };
            match locate(rest) {
                Ok((path, shape)) => entries.push((path, value(name, text, shape), name)),
                Err(reason) => diagnostics.error(redacted_preview(name), reason),
            }
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        let mut lengths = BTreeMap::new();
        let mut overrides: Vec<Override> = Vec::new();
        for (path, value, name) in entries {
            if let Some(last) = overrides.last().filter(|last| last.path == path) {
                let other = last.value.origin().unwrap_or_default();
                diagnostics.error(name, format!("sets the same as {other}; keep one"));
            } else if let Err(reason) = check_contiguous(&path, &value, &mut lengths, &elements) {
                diagnostics.error(name, reason);
            } else {
                overrides.push(Override { path, value });
            }
        }
        overrides
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names only: values may be credentials.
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

fn is_relevant(name: &str) -> bool {
    name.starts_with(OURS) || name == CREDENTIALS_DIRECTORY
}

/// One step of a path into the tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Key(String),
    Index(usize),
}

/// A value for one place of the tree; its origin is the variable.
#[derive(Clone, Debug)]
pub(super) struct Override {
    pub(super) path: Vec<Part>,
    pub(super) value: Value,
}

/// Where `LIMITS__MIN_SPACING` leads, and what stands there.
fn locate(name: &str) -> Result<(Vec<Part>, &'static Shape), String> {
    let mut path = Vec::new();
    let mut shape = &ROOT;
    for word in name.split("__") {
        let (part, below) = step(shape, word)?;
        path.push(part);
        shape = below;
    }
    match shape {
        Shape::Single | Shape::List | Shape::Selection => Ok((path, shape)),
        Shape::Section(_) | Shape::Sections(_) | Shape::Names => {
            Err("names a section, not a value in it".to_owned())
        }
    }
}

fn step(shape: &'static Shape, word: &str) -> Result<(Part, &'static Shape), String> {
    let element = |below| match word.parse() {
        Ok(index) if index < MOST_ELEMENTS && !word.starts_with('+') => {
            Ok((Part::Index(index), below))
        }
        _ => Err(format!(
            "{} is not the number of a list element, counted from 0",
            redacted_preview(word)
        )),
    };
    match shape {
        Shape::Section(keys) => keys
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(word))
            .map(|(key, below)| (Part::Key((*key).to_owned()), below))
            .ok_or_else(|| format!("{}: {}", redacted_preview(word), unknown(word, keys))),
        Shape::Sections(below) => element(*below),
        Shape::List | Shape::Selection => element(&Shape::Single),
        Shape::Names => match word.parse::<i64>() {
            Ok(id) => Ok((Part::Key(id.to_string()), &Shape::Single)),
            Err(_) => Err(format!("{} is not an id", redacted_preview(word))),
        },
        Shape::Single => Err(format!(
            "{} is below a value that has no parts",
            redacted_preview(word)
        )),
    }
}

fn value(name: &str, text: &str, shape: &Shape) -> Value {
    let origin = name.to_owned();
    let whole = match shape {
        Shape::List => false,
        Shape::Selection => matches!(text, "all" | "none"),
        _ => true,
    };
    if whole {
        return Value::new(Some(&origin), text);
    }
    let items = text
        .split(',')
        .map(|item| Value::new(Some(&origin), item.trim()));
    Value::new(Some(&origin), ValueKind::Array(items.collect()))
}

/// Checks that each numbered element is there or comes next: a gap would be filled with nothing,
/// and a slip of the finger in the number would be a slip in the allocation.
fn check_contiguous(
    path: &[Part],
    value: &Value,
    lengths: &mut BTreeMap<Vec<Part>, usize>,
    elements: &impl Fn(&[Part]) -> usize,
) -> Result<(), String> {
    for (depth, part) in path.iter().enumerate() {
        let (Part::Index(index), Some(list)) = (part, path.get(..depth)) else {
            continue;
        };
        let length = lengths
            .entry(list.to_vec())
            .or_insert_with(|| elements(list));
        if *index > *length {
            return Err(format!(
                "only {length} elements are configured; the next one is number {length}"
            ));
        }
        *length = (*length).max(index + 1);
    }
    if let ValueKind::Array(items) = &value.kind {
        lengths.insert(path.to_vec(), items.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, text: &str) -> Result<String, String> {
        let name = format!("{PREFIX}{name}");
        let diagnostics = Diagnostics::default();
        let overrides = Environment::from_pairs([(&name, text)]).overrides(|_| 1, &diagnostics);
        diagnostics
            .finish("environment")
            .map_err(|errors| errors.to_string())?;
        Ok(format!("{:?} = {}", overrides[0].path, overrides[0].value))
    }

    #[test]
    fn names_lead_into_the_schema() {
        let cases = [
            ("STALE_AFTER", r#"[Key("stale_after")] = v"#),
            (
                "ACCOUNTS__0__HOSTS__LEDATAREPORTING",
                r#"[Key("accounts"), Index(0), Key("hosts"), Key("leDataReporting")] = v"#,
            ),
            (
                "NAMES__SKILLS__-1",
                r#"[Key("names"), Key("skills"), Key("-1")] = v"#,
            ),
            (
                "SLA__BUCKETS__1",
                r#"[Key("sla"), Key("buckets"), Index(1)] = v"#,
            ),
        ];
        for (name, want) in cases {
            assert_eq!(one(name, "v").as_deref(), Ok(want));
        }
    }

    #[test]
    fn names_that_lead_nowhere_are_mistakes() {
        let cases = [
            (
                "",
                "\"\": unknown key; known here: accounts, engagement_activity, sla, limits, stale_after, timezone, names, domain_api, allowed_domains, tls",
            ),
            ("LIMITS", "names a section, not a value in it"),
            (
                "LIMITS__MIN_SPACNG",
                "MIN_SPACNG: unknown key; did you mean min_spacing?",
            ),
            ("STALE_AFTER__X", "X is below a value that has no parts"),
            (
                "ACCOUNTS__X__ID",
                "X is not the number of a list element, counted from 0",
            ),
            (
                "ACCOUNTS__99999999999__ID",
                "99999999999 is not the number of a list element, counted from 0",
            ),
            (
                "ACCOUNTS__2__ID",
                "only 1 elements are configured; the next one is number 1",
            ),
            ("NAMES__SKILLS__SALES", "SALES is not an id"),
        ];
        for (name, want) in cases {
            assert_eq!(one(name, "v"), Err(format!("{PREFIX}{name}: {want}")));
        }
    }

    #[test]
    fn lists_can_be_given_whole() {
        assert_eq!(
            one("SLA__SKILLS", "all").unwrap(),
            r#"[Key("sla"), Key("skills")] = all"#
        );
        let list = one("SLA__WINDOWS", "5m, 1h").unwrap();
        assert!(list.ends_with(r#"= "5m, 1h, ""#), "{list}");
    }

    #[test]
    fn elements_are_set_after_their_list_and_by_number() {
        let names = (0..12).map(|n| (format!("{PREFIX}SLA__BUCKETS__{n}"), "5"));
        let list = (format!("{PREFIX}SLA__BUCKETS"), "5");
        let diagnostics = Diagnostics::default();
        let environment = Environment::from_pairs(names.chain([list]));
        let paths: Vec<_> = environment
            .overrides(|_| 0, &diagnostics)
            .into_iter()
            .map(|set| set.path.last().cloned().unwrap())
            .collect();
        assert_eq!(paths[0], Part::Key("buckets".into()));
        assert_eq!(paths[12], Part::Index(11));
        assert_eq!(diagnostics.finish("environment"), Ok(vec![]));
    }

    #[test]
    fn one_value_set_by_two_spellings_is_a_mistake() {
        let diagnostics = Diagnostics::default();
        let pairs = [("sla__INTERVAL", "1m"), ("SLA__INTERVAL", "2m")];
        Environment::from_pairs(pairs.map(|(name, text)| (format!("{PREFIX}{name}"), text)))
            .overrides(|_| 0, &diagnostics);
        assert_eq!(
            diagnostics.finish("environment").unwrap_err().to_string(),
            format!("{PREFIX}sla__INTERVAL: sets the same as {PREFIX}SLA__INTERVAL; keep one")
        );
    }

    #[cfg(unix)]
    #[test]
    fn variables_that_are_not_utf_8_are_mistakes_when_they_are_ours() {
        use std::os::unix::ffi::OsStringExt;
        let pairs: [(&[u8], &[u8]); 4] = [
            (b"LIVEPERSON_CLIENT_SECRET", b"hush\xff"),
            (b"LIVEPERSON_\xff", b"x"),
            (b"LS_COLORS", b"\xff"),
            (b"LIVEPERSON_CLIENT_ID", b"abc"),
        ];
        let os = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let pairs = pairs.into_iter().map(|(name, value)| (os(name), os(value)));
        let environment = Environment::from_os(pairs);
        assert_eq!(environment.get("LIVEPERSON_CLIENT_ID"), Some("abc"));
        let diagnostics = Diagnostics::default();
        environment.overrides(|_| 0, &diagnostics);
        assert_eq!(
            diagnostics.finish("environment").unwrap_err().to_string(),
            "LIVEPERSON_CLIENT_SECRET: its name or value is not UTF-8 text\n\
             \"LIVEPERSON_\u{fffd}\": its name or value is not UTF-8 text"
        );
    }

    #[test]
    fn debug_shows_names_only() {
        let environment = Environment::from_pairs([("LIVEPERSON_CLIENT_SECRET", "hunter2")]);
        assert_eq!(
            format!("{environment:?}"),
            r#"{"LIVEPERSON_CLIENT_SECRET"}"#
        );
    }
}
