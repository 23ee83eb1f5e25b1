//! The environment variables that concern the configuration.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

use super::diagnostics::Diagnostics;
use super::preview::redacted_preview;

/// Variables that begin so override values of the file.
pub(super) const OVERRIDE_PREFIX: &str = "LIVEPERSON_EXPORTER__";
/// systemd's folder of credentials.
pub(super) const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
/// All variables of this program begin so.
const PROGRAM_PREFIX: &str = "LIVEPERSON_";

/// The environment variables that concern the configuration, taken once.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// Names of variables that are not UTF-8, made printable.
    not_utf8: Vec<String>,
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
                (Ok(name), Err(_)) if is_relevant(&name) => environment.not_utf8.push(name),
                (Err(name), _) if is_relevant(&name.to_string_lossy()) => {
                    let name = redacted_preview(&name.to_string_lossy());
                    environment.not_utf8.push(name);
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
        let accounts = format!("{OVERRIDE_PREFIX}ACCOUNTS__");
        self.variables
            .keys()
            .any(|name| name.starts_with(&accounts))
    }

    /// Every `LIVEPERSON_EXPORTER__…`: its name, the part after the prefix, and its value, which
    /// may be empty.
    pub(super) fn overrides(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.variables.iter().filter_map(|(name, value)| {
            let key = name.strip_prefix(OVERRIDE_PREFIX)?;
            Some((name.as_str(), key, value.as_str()))
        })
    }

    /// Reports the variables that cannot be read.
    pub(super) fn check(&self, diagnostics: &Diagnostics) {
        for name in &self.not_utf8 {
            diagnostics.error(name, "the name or value is not valid UTF-8");
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names only: values may be credentials.
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

fn is_relevant(name: &str) -> bool {
    name.starts_with(PROGRAM_PREFIX) || name == CREDENTIALS_DIRECTORY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn relevant_variables_that_are_not_utf_8_are_mistakes() {
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
        environment.check(&diagnostics);
        assert_eq!(
            diagnostics.finish("environment").unwrap_err().to_string(),
            "LIVEPERSON_CLIENT_SECRET: the name or value is not valid UTF-8\n\
             \"LIVEPERSON_\u{fffd}\": the name or value is not valid UTF-8"
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
