//! The `auth` section: which authorisation method, and its credentials.
//!
//! Nothing under `auth` is ever repeated in a message.

use std::io::ErrorKind;
use std::path::Path;

use super::Auth;
use super::files::Files;
use super::node::{Node, Section};
use super::preview::path_preview;
use super::secret::Secret;
use super::values::{credential, non_empty};

const AUTH_METHODS: [&str; 3] = ["oauth2", "oauth1", "login"];

/// Reads `auth` of an account; `None` when something was reported.
pub(super) fn auth(account: &Section<'_>, files: &Files) -> Option<Auth> {
    if account.find("auth").is_some_and(|node| !node.is_mapping()) {
        return None; // reported by the schema
    }
    let auth = account.section("auth");
    let auth_method = auth_method(&auth)?;
    if !auth.find(auth_method)?.is_mapping() {
        return None; // reported by the schema
    }
    let credentials = Credentials {
        section: auth.section(auth_method),
        files,
    };
    match auth_method {
        "oauth2" => credentials.oauth2(),
        "oauth1" => credentials.oauth1(),
        _ => credentials.login(),
    }
}

/// The one method that is given.
fn auth_method(auth: &Section<'_>) -> Option<&'static str> {
    let given: Vec<_> = AUTH_METHODS
        .into_iter()
        .filter(|method| auth.find(method).is_some())
        .collect();
    match given.as_slice() {
        [method] => return Some(method),
        [] => auth.error(
            "no authorisation method is configured; set exactly one of oauth2, oauth1, login",
        ),
        several => auth.error(format!(
            "expected exactly one of oauth2, oauth1, login, found {}",
            several.join(" and ")
        )),
    }
    None
}

/// The section of one authorisation method.
struct Credentials<'a> {
    section: Section<'a>,
    files: &'a Files,
}

// Each method reads all parts before it gives any up, so that all mistakes are seen.
impl Credentials<'_> {
    fn oauth2(&self) -> Option<Auth> {
        let client_id = self.name("client_id", "the client id that LivePerson issued");
        let client_secret = self.secret("client_secret");
        Some(Auth::OAuth2 {
            client_id: client_id?,
            client_secret: client_secret?,
        })
    }

    fn oauth1(&self) -> Option<Auth> {
        let app_key = self.name("app_key", "the app key that LivePerson issued");
        let app_secret = self.secret("app_secret");
        let access_token = self.secret("access_token");
        let access_token_secret = self.secret("access_token_secret");
        Some(Auth::OAuth1 {
            app_key: app_key?,
            app_secret: app_secret?,
            access_token: access_token?,
            access_token_secret: access_token_secret?,
        })
    }

    fn login(&self) -> Option<Auth> {
        let username = self.name("username", "the login name of a LivePerson user");
        let password = self.secret("password");
        Some(Auth::Login {
            username: username?,
            password: password?,
        })
    }

    /// LivePerson refuses a placeholder like any wrong credential, which says nothing of the cause.
    fn warn_of_placeholder(&self, key: &str, value: &str) {
        if value.starts_with("your-") || value == "replace-me" {
            let path = self.section.path_of(key);
            self.section.diagnostics().warning(format!(
                "{path}: still has the placeholder of the sample; replace it by what LivePerson issued"
            ));
        }
    }

    fn name(&self, key: &str, what: &str) -> Option<String> {
        let name = self.section.require(key, what, non_empty)?;
        self.warn_of_placeholder(key, &name);
        Some(name)
    }

    /// Reads the secret `key`, given as `key` or `key_file`.
    fn secret(&self, key: &str) -> Option<Secret> {
        let file_key = format!("{key}_file");
        match (self.section.find(key), self.section.find(&file_key)) {
            (None, None) => {
                let message = format!(
                    "is missing; set {key}, or {file_key} to the path of a file that contains it"
                );
                let path = self.section.path_of(key);
                self.section.diagnostics().error(path, message);
                None
            }
            (Some(value), None) => self.inline_secret(key, &value),
            (None, Some(file)) => self.secret_file(&file_key, &file),
            // An environment variable replaces the form that the file has.
            (Some(value), Some(file)) => {
                match (value.is_from_environment(), file.is_from_environment()) {
                    (true, false) => self.inline_secret(key, &value),
                    (false, true) => self.secret_file(&file_key, &file),
                    _ => {
                        self.section
                            .error(format!("{key} and {file_key} are both set; keep one"));
                        None
                    }
                }
            }
        }
    }

    fn inline_secret(&self, key: &str, node: &Node<'_>) -> Option<Secret> {
        let value = node.parse(credential)?;
        if !node.is_from_environment() {
            self.section.diagnostics().note_secret(self.section.path());
        }
        self.warn_of_placeholder(key, &value);
        Some(Secret::from_value(value))
    }

    fn secret_file(&self, key: &str, node: &Node<'_>) -> Option<Secret> {
        let text = node.parse(non_empty)?;
        let path = self.files.resolve(&text);
        if let Err(error) = std::fs::symlink_metadata(&path) {
            let beside = self.files.looked_beside(&text);
            node.error(missing_file(&path, beside, &error));
            return None;
        }
        match Secret::from_file(&path) {
            Ok(secret) => {
                for warning in secret.warnings() {
                    self.section.diagnostics().warning(warning);
                }
                self.warn_of_placeholder(key, secret.expose());
                Some(secret)
            }
            Err(error) if self.files.is_credential(&path) => {
                node.error(format!(
                    "{error} (this is systemd's copy: change the file that LoadCredential= names, then restart)"
                ));
                None
            }
            Err(error) => {
                node.error(error);
                None
            }
        }
    }
}

/// The message about a file that does not exist: where it was looked for, and not its name, because
/// the secret itself may have been written where its path belongs.
fn missing_file(path: &Path, beside: Option<&Path>, error: &std::io::Error) -> String {
    let exists = |dir: &&Path| dir.is_dir() || dir.as_os_str().is_empty();
    let folder = match path.ancestors().skip(1).find(exists) {
        Some(dir) if !dir.as_os_str().is_empty() => path_preview(dir),
        _ => "the working directory".to_owned(),
    };
    let beside = match beside {
        Some(beside) => format!("{} or ", path_preview(beside)),
        None => String::new(),
    };
    match error.kind() {
        ErrorKind::PermissionDenied => format!(
            "the file cannot be accessed: permission denied in {folder}; make it readable for the user that runs the exporter"
        ),
        _ => format!(
            "the file does not exist in {beside}{folder}; expected the path of a file, not the secret itself"
        ),
    }
}
