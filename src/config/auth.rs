//! The `auth` section: which of the three ways, and its credentials.
//!
//! Nothing that stands under `auth` is ever repeated in a message.

use std::io::ErrorKind;
use std::path::Path;

use super::Auth;
use super::diagnostics::path_preview;
use super::files::Files;
use super::node::{Node, Section};
use super::secret::Secret;
use super::values::text;

const AUTH_METHODS: [&str; 3] = ["oauth2", "oauth1", "login"];

/// Reads `auth` of an account; `None` when something was reported.
pub(super) fn auth(account: &Section<'_>, files: &Files) -> Option<Auth> {
    let auth = account.section("auth");
    if account.find("auth").is_some_and(|node| !node.is_map()) {
        return None; // the schema has said so
    }
    let given: Vec<_> = AUTH_METHODS
        .into_iter()
        .filter(|method| auth.find(method).is_some())
        .collect();
    let [auth_method] = given.as_slice() else {
        if given.is_empty() {
            auth.error(
                "no way to authorise calls is given; give exactly one of oauth2, oauth1, login",
            );
        } else {
            let given = given.join(" and ");
            auth.error(format!(
                "{given} are given; keep exactly one of oauth2, oauth1, login"
            ));
        }
        return None;
    };
    if !auth.find(auth_method)?.is_map() {
        return None; // the schema has said so
    }
    let section = auth.section(auth_method);
    // All parts are read before any is given up, so that all mistakes are seen.
    let name = |key: &str, what: &str| section.require(key, what, text);
    let secret = |key: &str| secret(&section, key, files);
    match *auth_method {
        "oauth2" => {
            let (client_id, client_secret) = (
                name("client_id", "the client id that LivePerson issued"),
                secret("client_secret"),
            );
            Some(Auth::OAuth2 {
                client_id: client_id?,
                client_secret: client_secret?,
            })
        }
        "oauth1" => {
            let (app_key, app_secret) = (
                name("app_key", "the app key that LivePerson issued"),
                secret("app_secret"),
            );
            let (token, token_secret) = (secret("access_token"), secret("access_token_secret"));
            Some(Auth::OAuth1 {
                app_key: app_key?,
                app_secret: app_secret?,
                access_token: token?,
                access_token_secret: token_secret?,
            })
        }
        _ => {
            let (username, password) = (
                name("username", "the login name of a LivePerson user"),
                secret("password"),
            );
            Some(Auth::Login {
                username: username?,
                password: password?,
            })
        }
    }
}

/// Reads the secret `key`, given as `key` or `key_file`.
fn secret(section: &Section<'_>, key: &str, files: &Files) -> Option<Secret> {
    let file_key = format!("{key}_file");
    match (section.find(key), section.find(&file_key)) {
        (None, None) => {
            let message = format!(
                "is missing; give {key}, or {file_key} with the path of a file that holds it"
            );
            section.diagnostics().error(section.path_of(key), message);
            None
        }
        (Some(value), None) => inline(section, &value),
        (None, Some(file)) => from_file(section, &file, files),
        // An override in the environment takes the place of whichever the file has.
        (Some(value), Some(file)) => {
            match (value.is_from_environment(), file.is_from_environment()) {
                (true, false) => inline(section, &value),
                (false, true) => from_file(section, &file, files),
                _ => {
                    section.error(format!("{key} and {file_key} are both given; keep one"));
                    None
                }
            }
        }
    }
}

fn inline(section: &Section<'_>, node: &Node<'_>) -> Option<Secret> {
    let value = node.parse(|value| match value {
        value if value.trim().is_empty() => Err("is empty".to_owned()),
        value if value.contains('\0') => Err("holds a NUL character".to_owned()),
        value => Ok(value.to_owned()),
    })?;
    if !node.is_from_environment() {
        section.diagnostics().note_secret_in_file();
    }
    Some(Secret::from_value(value))
}

fn from_file(section: &Section<'_>, node: &Node<'_>, files: &Files) -> Option<Secret> {
    let path = files.resolve(&node.parse(text)?);
    if let Err(error) = std::fs::symlink_metadata(&path) {
        node.error(missing_file(&path, &error));
        return None;
    }
    match Secret::from_file(&path) {
        Ok(secret) => {
            for warning in secret.warnings() {
                section.diagnostics().warning(warning);
            }
            Some(secret)
        }
        Err(error) => {
            node.error(error);
            None
        }
    }
}

/// What to say of a file that cannot be found: where it was looked for, and not its name, because
/// somebody may have put the secret itself where its path belongs.
fn missing_file(path: &Path, error: &std::io::Error) -> String {
    let here = |dir: &&Path| dir.is_dir() || dir.as_os_str().is_empty();
    let folder = match path.ancestors().skip(1).find(here) {
        Some(dir) if !dir.as_os_str().is_empty() => path_preview(dir),
        _ => "the working directory".to_owned(),
    };
    match error.kind() {
        ErrorKind::PermissionDenied => format!(
            "the file that it names cannot be looked at: permission denied in {folder}; the user that runs the exporter must be able to read it"
        ),
        _ => format!(
            "the file that it names does not exist in {folder}; the path of a file is wanted here, not the secret itself"
        ),
    }
}
