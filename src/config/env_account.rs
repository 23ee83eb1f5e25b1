//! The one account that can come from the environment alone, without a configuration file.

use config::{Map, Value};

use super::diagnostics::Diagnostics;
use super::environment::Environment;

const ID: &str = "LIVEPERSON_ACCOUNT_ID";
const CLIENT_ID: &str = "LIVEPERSON_CLIENT_ID";
const SECRET: &str = "LIVEPERSON_CLIENT_SECRET";
const SECRET_FILE: &str = "LIVEPERSON_CLIENT_SECRET_FILE";

/// The variables that make up the account.
pub(super) const VARIABLES: [&str; 4] = [ID, CLIENT_ID, SECRET, SECRET_FILE];

/// Whether an account, or a part of one, is given in the environment.
pub(super) fn is_given(env: &Environment) -> bool {
    env.has_account_overrides() || VARIABLES.iter().any(|name| env.get(name).is_some())
}

/// The account as the tree of a file that holds nothing else. What is missing is reported by the
/// variable's name, unless `LIVEPERSON_EXPORTER__ACCOUNTS__…` may give it.
pub(super) fn tree(env: &Environment, diagnostics: &Diagnostics) -> Value {
    let (secret, secret_key, or) = match (env.get(SECRET), env.get(SECRET_FILE)) {
        (None, Some(_)) => (SECRET_FILE, "client_secret_file", ""),
        (Some(_), Some(_)) => {
            diagnostics.error(SECRET, format!("is set and so is {SECRET_FILE}; keep one"));
            (SECRET, "client_secret", "")
        }
        _ => (
            SECRET,
            "client_secret",
            " (or LIVEPERSON_CLIENT_SECRET_FILE)",
        ),
    };
    let value = |name: &str, or: &str| match env.get(name) {
        Some(text) => Some(Value::new(Some(&name.to_owned()), text)),
        None if env.has_account_overrides() => None,
        None => {
            let message = "is not set or empty; an account from the environment needs it";
            diagnostics.error(name, format!("{message}{or}"));
            // Stands in, so that the mistake is not reported a second time as a missing key.
            Some(Value::new(None, "missing"))
        }
    };
    let id = table([("id", value(ID, ""))]);
    let oauth2 = table([
        ("client_id", value(CLIENT_ID, "")),
        (secret_key, value(secret, or)),
    ]);
    let auth = table([(
        "oauth2",
        (!oauth2.is_empty()).then(|| Value::new(None, oauth2)),
    )]);
    let mut account = id;
    account.extend(table([(
        "auth",
        (!auth.is_empty()).then(|| Value::new(None, auth)),
    )]));
    let accounts = (!account.is_empty()).then(|| Value::new(None, vec![Value::new(None, account)]));
    Value::new(None, table([("accounts", accounts)]))
}

/// The values that there are.
fn table<const N: usize>(entries: [(&str, Option<Value>); N]) -> Map<String, Value> {
    let entries = entries.into_iter();
    entries
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
}
