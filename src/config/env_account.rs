//! The single account that can come from the environment alone, without a configuration file.

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

/// The account as the tree of a file that contains nothing else. What is missing is reported by
/// the variable's name, unless `LIVEPERSON_EXPORTER__ACCOUNTS__…` may supply it.
pub(super) fn tree(env: &Environment, diagnostics: &Diagnostics) -> Value {
    let id = required(ID, "", env, diagnostics);
    let client_id = required(CLIENT_ID, "", env, diagnostics);
    let (secret_key, secret) = secret(env, diagnostics);
    let oauth2 = mapping([("client_id", client_id), (secret_key, secret)]);
    let account = mapping([("id", id), ("auth", mapping([("oauth2", oauth2)]))]);
    let accounts = account.map(|account| Value::new(None, vec![account]));
    let no_keys = Map::<String, Value>::new();
    mapping([("accounts", accounts)]).unwrap_or_else(|| Value::new(None, no_keys))
}

/// The secret and the key that it belongs to: given as value or as file.
fn secret(env: &Environment, diagnostics: &Diagnostics) -> (&'static str, Option<Value>) {
    match (env.get(SECRET), env.get(SECRET_FILE)) {
        (None, Some(file)) => ("client_secret_file", Some(variable(SECRET_FILE, file))),
        (Some(value), Some(_)) => {
            let message = format!("is set and so is {SECRET_FILE}; keep one");
            diagnostics.error(SECRET, message);
            ("client_secret", Some(variable(SECRET, value)))
        }
        _ => {
            let alternative = format!(" (or {SECRET_FILE})");
            let value = required(SECRET, &alternative, env, diagnostics);
            ("client_secret", value)
        }
    }
}

fn required(
    name: &str,
    alternative: &str,
    env: &Environment,
    diagnostics: &Diagnostics,
) -> Option<Value> {
    if let Some(text) = env.get(name) {
        return Some(variable(name, text));
    }
    if env.has_account_overrides() {
        return None;
    }
    let message = "is not set or empty; an account from the environment requires it";
    diagnostics.error(name, format!("{message}{alternative}"));
    // A placeholder, so that the mistake is not reported a second time as a missing key.
    Some(Value::new(None, "missing"))
}

/// The value of a variable, with the variable as its origin.
fn variable(name: &str, text: &str) -> Value {
    Value::new(Some(&name.to_owned()), text)
}

/// A mapping of the values that are given; `None` when none is.
fn mapping<const N: usize>(entries: [(&str, Option<Value>); N]) -> Option<Value> {
    let mut table = Map::new();
    for (key, value) in entries {
        if let Some(value) = value {
            table.insert(key.to_owned(), value);
        }
    }
    (!table.is_empty()).then(|| Value::new(None, table))
}
