//! `accounts_files`: further accounts in files of their own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use liveperson_exporter::config::Auth;

use super::folder::{ACCOUNT, Folder};
use crate::common::cases::check_each;

fn account(id: &str) -> String {
    format!("- id: \"{id}\"\n  auth: {{oauth2: {{client_id: a, client_secret: hush-hush}}}}\n")
}

fn folder(patterns: &str, files: &[(&str, &str)]) -> Folder {
    let folder = Folder::with(format!("accounts_files: {patterns}\n"));
    for (name, text) in files {
        fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        folder.file(name, text);
    }
    folder
}

fn ids(folder: &Folder) -> Vec<String> {
    let config = folder.load(&[]).unwrap().config;
    let accounts = config.accounts.into_iter();
    accounts.map(|account| account.id).collect()
}

#[test]
fn accounts_come_in_the_order_of_globs_and_names() {
    let (one, two, three) = (account("1"), account("2"), account("3"));
    let both = format!("{two}{three}");
    let files = [
        ("d/b.yml", one.as_str()),
        ("d/a.yml", both.as_str()),
        ("last.yml", "[]"),
        ("d/.hidden.yml", "not yaml: ["),
        ("d/other.txt", "not yaml: ["),
        ("e/4/x.yml", &account("4")),
    ];
    let patterns = "[\"e/*/x.yml\", \"d/*.yml\", last.yml, \"d/a*.yml\"]";
    let folder = folder(patterns, &files);
    assert_eq!(ids(&folder), ["4", "2", "3", "1"]);
}

#[test]
fn accounts_of_the_configuration_file_come_first() {
    let folder = Folder::with(format!("{ACCOUNT}accounts_files: [more.yml]\n"));
    folder.file("more.yml", account("2"));
    assert_eq!(ids(&folder), ["12345678", "2"]);
}

#[test]
fn settings_of_collectors_are_merged_as_in_the_main_file() {
    let text = format!("{}  sla: {{interval: 2m}}\n", account("1"));
    let folder = folder("[a.yml]", &[("a.yml", &text)]);
    let config = folder.load(&[]).unwrap().config;
    let sla: &liveperson_exporter::collectors::sla::Settings =
        config.accounts[0].section().unwrap();
    assert_eq!(sla.interval.as_secs(), 120);
}

#[test]
fn every_mistake_has_its_file() {
    let cases = [
        (
            "[a.yml]",
            "[{id: 1}]",
            "DIR/a.yml[0].auth: no authorisation method is configured",
        ),
        (
            "[a.yml]",
            "[{id: 1, ath: x}]",
            "DIR/a.yml[0].ath: unknown key; did you mean auth?",
        ),
        (
            "[a.yml]",
            "accounts: []",
            "DIR/a.yml: expected a list of accounts (each begins with - id:), found a mapping",
        ),
        ("[a.yml]", "# none", "DIR/a.yml: is empty; write []"),
        (
            "[a.yml]",
            "[{id: 1, id: 2}]",
            "DIR/a.yml[0].id: duplicate key",
        ),
        ("[a.yml]", "[", "DIR/a.yml: line "),
        ("[b.yml]", "[]", "DIR/b.yml: does not exist"),
        ("[.]", "[]", ": is a directory, not a file"),
        (
            "\"*.yml\"",
            "[]",
            "accounts_files: expected a list, found \"*.yml\"; write [\"*.yml\"]",
        ),
        (
            "[\"/**/a.yml\"]",
            "[]",
            "accounts_files[0]: \"/**/a.yml\" contains **, which is not supported",
        ),
        (
            "[\"a[.yml\"]",
            "[]",
            "accounts_files[0]: a[.yml is not a valid glob pattern",
        ),
        (
            "[\"a[b/c].yml\"]",
            "[]",
            "accounts_files[0]: a[b/c].yml is not a valid glob pattern",
        ),
        (
            "[\"n*.yml\"]",
            "[]",
            "accounts: no account is configured, neither here nor in accounts_files",
        ),
    ];
    check_each(cases, |(patterns, text, want)| {
        let error = folder(patterns, &[("a.yml", text)]).error(&[]);
        assert!(error.contains(want), "{error}");
    });
}

#[test]
fn a_file_that_cannot_be_read_is_the_only_mistake() {
    for patterns in ["[b.yml]", "[a.yml]", "\"*.yml\"", "[\"**\"]"] {
        let error = folder(patterns, &[("a.yml", "[")]).error(&[]);
        assert!(!error.contains("no account is configured"), "{error}");
    }
}

#[test]
fn all_mistakes_in_the_list_are_reported_at_once() {
    let patterns = "[\"\", \"~/*.yml\", \"d/**/x.yml\", \"d/[a.yml\", 5, null, no.yml, c.yml, \"/dev/nul?\", d]";
    // The configuration names itself: no list of accounts.
    let folder = folder(patterns, &[("d/a.yml", "[]")]);
    let error = folder.error(&[]);
    let wanted = [
        "accounts_files[0]: expected a non-empty string",
        "accounts_files[1]: \"~/*.yml\" begins with ~, which is not expanded",
        "accounts_files[2]: ",
        "accounts_files[3]: ",
        "accounts_files[4]: 5 is a number, not a path; write ./5",
        "accounts_files[5]: expected a single value, found nothing",
        "DIR/no.yml: does not exist",
        "DIR/c.yml: expected a list of accounts",
        "/dev/null: is not a regular file",
        "DIR/d: is a directory, not a file",
    ];
    check_each(wanted, |want| {
        assert!(error.contains(want), "{want}: {error}")
    });
}

#[test]
fn a_glob_without_a_file_is_named_when_no_account_is_there() {
    let error = folder("[\"d/*.yml\"]", &[]).error(&[]);
    assert!(
        error.contains("accounts: no account is configured"),
        "{error}"
    );
    assert!(
        error.contains("accounts_files[0]: no file matches"),
        "{error}"
    );
}

#[test]
fn a_folder_that_every_user_may_change_is_a_warning() {
    let one = account("1");
    let cases = [
        ("[\"d/*.yml\"]", 0o777, true),
        ("[\"d/*.yml\"]", 0o1777, true),
        ("[d/a.yml]", 0o777, true),
        // Only its owner can replace the file.
        ("[d/a.yml]", 0o1777, false),
        ("[\"?/a.yml\"]", 0o777, true),
        ("[\"d/*.yml\"]", 0o755, false),
        // Nothing is there yet.
        ("[a.yml, \"d/x*.yml\"]", 0o777, true),
    ];
    check_each(cases, |(patterns, mode, warned)| {
        let folder = folder(patterns, &[("a.yml", &account("2")), ("d/a.yml", &one)]);
        let path = folder.path().join("d");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let warnings = folder.load(&[]).unwrap().warnings.join("\n");
        let text = format!("{} can be changed by every user", path.display());
        assert_eq!(warnings.contains(&text), warned, "{warnings}");
    });
}

#[test]
fn an_override_of_an_account_elsewhere_says_so() {
    let folder = folder("[a.yml]", &[("a.yml", &account("1"))]);
    let variable = "LIVEPERSON_EXPORTER__ACCOUNTS__0__NAME";
    let error = folder.error(&[(variable, "x")]);
    let want = "accounts[0] is not in the configuration file; values of accounts_files cannot be overridden";
    assert!(error.starts_with(&format!("{variable}: {want}")), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn an_id_is_unique_over_all_files() {
    let one = account("1");
    let folder = folder("[a.yml, b.yml]", &[("a.yml", &one), ("b.yml", &one)]);
    let error = folder.error(&[]);
    assert_eq!(
        error,
        "DIR/b.yml[0].id: 1 is already the id of DIR/a.yml[0]"
    );
}

#[test]
fn a_glob_without_a_file_is_a_warning() {
    let folder = Folder::with(format!("{ACCOUNT}accounts_files: [\"d/*.yml\"]\n"));
    let warnings = folder.load(&[]).unwrap().warnings;
    assert_eq!(warnings, ["accounts_files[0]: no file matches \"d/*.yml\""]);
}

#[test]
fn secrets_are_found_beside_the_file_or_the_configuration() {
    let of = |id: &str| {
        format!(
            "- id: \"{id}\"\n  auth: {{oauth2: {{client_id: a, client_secret_file: {id}.txt}}}}\n"
        )
    };
    let text = format!("{}{}", of("1"), of("2"));
    let folder = folder("[\"d/*.yml\"]", &[("d/a.yml", text.as_str())]);
    folder.file("d/1.txt", "beside");
    folder.file("2.txt", "above");
    let config = folder.load(&[]).unwrap().config;
    let secrets = config.accounts.iter().map(|account| match &account.auth {
        Auth::OAuth2 { client_secret, .. } => client_secret.expose().to_owned(),
        _ => unreachable!(),
    });
    assert_eq!(secrets.collect::<Vec<_>>(), ["beside", "above"]);
}

#[test]
fn a_missing_secret_says_where_it_was_looked_for() {
    let account = "[{id: 1, auth: {oauth2: {client_id: a, client_secret_file: no}}}]";
    let beside = "DIR/d/a.yml[0].auth.oauth2.client_secret_file: \
        the file does not exist in DIR/d or DIR; expected the path of a file, not the secret itself";
    let cases = [
        ("[d/a.yml]", "d/a.yml", beside.to_owned()),
        (
            "[a.yml]",
            "a.yml",
            beside
                .replace("DIR/d or DIR", "DIR")
                .replace("DIR/d/", "DIR/"),
        ),
    ];
    check_each(cases, |(patterns, name, want)| {
        assert_eq!(folder(patterns, &[(name, account)]).error(&[]), want);
    });
}

#[test]
fn only_the_file_with_a_secret_is_warned_of() {
    let one = account("1");
    let without = "- id: \"2\"\n  auth: {oauth2: {client_id: a, client_secret_file: s}}\n";
    let folder = folder("[a.yml, b.yml]", &[("a.yml", &one), ("b.yml", without)]);
    folder.file("s", "hush-hush");
    for name in ["a.yml", "b.yml", "c.yml"] {
        let path = folder.path().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    let warnings = folder.load(&[]).unwrap().warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("a.yml contains a secret"),
        "{warnings:?}"
    );
}
