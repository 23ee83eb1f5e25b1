//! Where a configuration comes from: files that can and cannot be read, secrets in files, which
//! value overrides which, and warnings.

use std::fs;
use std::time::Duration;

use liveperson_exporter::collectors::engagement_activity;
use liveperson_exporter::collectors::sla;
use liveperson_exporter::config::{Account, Auth, Config};
use liveperson_exporter::vocabulary::{Selection, SkillId, Window};

use super::folder::{ACCOUNT, Folder};
use crate::common::cases::check_each;

fn config(text: &str) -> Config {
    Folder::with(text).load(&[]).unwrap().config
}

fn sla(account: &Account) -> &sla::Settings {
    account.section().unwrap()
}

fn secret(account: &Account) -> &str {
    match &account.auth {
        Auth::OAuth2 { client_secret, .. } => client_secret.expose(),
        Auth::OAuth1 { app_secret, .. } => app_secret.expose(),
        Auth::Login { password, .. } => password.expose(),
    }
}

#[test]
fn the_documented_example_loads() {
    let folder = Folder::with(
        r#"
accounts:
  - id: "12345678"
    auth:                                  # exactly one of oauth2, oauth1, login
      oauth2: {client_id: abc, client_secret_file: secret.txt}
    hosts: {leDataReporting: "https://va.data.liveperson.net"}
engagement_activity: {enabled: true, interval: 30s, windows: [5m, 1h], skills: all, agents: all, skill_agents: false, totals: true}
sla:
  enabled: true
  interval: 1m
  windows: [5m, 1h, today]
  buckets: [0, 15, 30, 45, 60, 90, 120]
  account: true
  skills: none
  groups: [7]
  totals: true
limits: {max_in_flight: 1, min_spacing: 250ms, request_timeout: 15s, max_response_bytes: 64MiB, max_series: 1000000}
stale_after: 5m
timezone: Europe/Berlin
names: {lookup: true, refresh: 1h, skills: {4: Sales, -1: Unassigned, 9223372036854775807: 007}, agents: {}, groups: {}}
domain_api: "https://api.liveperson.net"
tls: {ca_file: null}
"#,
    );
    folder.file("secret.txt", "hush-hush\n");
    let config = folder.load(&[]).unwrap().config;
    let account = &config.accounts[0];
    assert_eq!(secret(account), "hush-hush");
    assert_eq!(
        account.hosts["leDataReporting"].as_str(),
        "https://va.data.liveperson.net/"
    );
    assert_eq!(
        sla(account).windows,
        [Window::Minutes(5), Window::Minutes(60), Window::Today]
    );
    assert_eq!(sla(account).buckets, [15, 30, 45, 60, 90, 120]);
    assert_eq!(sla(account).groups, Selection::Ids(vec![7.into()]));
    let activity = account.section::<engagement_activity::Settings>().unwrap();
    assert!(activity.totals && sla(account).totals);
    assert_eq!(config.timezone.iana_name(), Some("Europe/Berlin"));
    let names: Vec<_> = config.names.skills.into_iter().collect();
    let want = [(-1, "Unassigned"), (4, "Sales"), (i64::MAX, "007")];
    assert_eq!(names, want.map(|(id, name)| (id.into(), name.to_owned())));
}

#[test]
fn scalars_are_taken_as_they_are_written() {
    let config = config(
        "accounts:\n  - id: 0123\n    auth: {oauth1: {app_key: 1e5, app_secret: 12345678901234567890123, access_token: true, access_token_secret: 0x10}}\n\
         engagement_activity: {skills: [\"-1\", 4], agents: [9223372036854775807], enabled: \"true\"}\n",
    );
    let account = &config.accounts[0];
    assert_eq!(account.id, "0123");
    let Auth::OAuth1 {
        app_key,
        app_secret,
        access_token,
        access_token_secret,
    } = &account.auth
    else {
        panic!("{account:?}");
    };
    assert_eq!(app_key, "1e5");
    assert_eq!(app_secret.expose(), "12345678901234567890123");
    assert_eq!(
        (access_token.expose(), access_token_secret.expose()),
        ("true", "0x10")
    );
    let activity = account.section::<engagement_activity::Settings>().unwrap();
    assert_eq!(
        activity.skills,
        Selection::Ids([-1, 4].map(SkillId::from).to_vec())
    );
    assert_eq!(activity.agents, Selection::Ids(vec![i64::MAX.into()]));
}

#[test]
fn an_account_has_totals_of_its_own_choice() {
    for (global, own, expected) in [
        ("true", "false", false),
        ("false", "true", true),
        ("true", "null", true),
        ("false", "null", false),
    ] {
        let config = config(&format!(
            "{ACCOUNT}    sla: {{totals: {own}}}\n    engagement_activity: {{totals: {own}}}\n\
             sla: {{totals: {global}}}\nengagement_activity: {{totals: {global}}}\n"
        ));
        let account = &config.accounts[0];
        let activity = account.section::<engagement_activity::Settings>().unwrap();
        let found = (activity.totals, sla(account).totals);
        assert_eq!(found, (expected, expected), "{global}, {own}");
    }
}

#[test]
fn an_account_overrides_the_global_sections_key_by_key() {
    let text = format!(
        "{ACCOUNT}    sla: {{interval: 2m, skills: [4], buckets: null}}\n\
         sla: {{interval: 5m, account: false, buckets: [20, 40]}}\nstale_after: 1h\n"
    );
    let config = config(&text);
    let sla = sla(&config.accounts[0]);
    assert_eq!(sla.interval, Duration::from_secs(120));
    assert_eq!(sla.skills, Selection::Ids(vec![4.into()]));
    assert!(!sla.account);
    assert_eq!(sla.buckets, [20, 40]);
    assert_eq!(sla.windows, [Window::Minutes(5), Window::Minutes(60)]);
}

#[test]
fn empty_sections_are_the_defaults() {
    let empty = "engagement_activity:\nsla:\nlimits: {}\nnames: ~\ntls: null\ntimezone:\n";
    assert_eq!(config(&format!("{ACCOUNT}{empty}")), config(ACCOUNT));
}

#[test]
fn unreadable_files_are_errors() {
    let folder = Folder::with(b"accounts: \xff\n");
    assert_eq!(
        folder.error(&[]),
        "DIR/c.yml: is not UTF-8 text (byte 11 is the first invalid one)"
    );
    folder.file("c.yml", vec![b'#'; (8 << 20) + 1]);
    assert_eq!(folder.error(&[]), "DIR/c.yml: is larger than 8MiB");
    folder.file("c.yml", format!("{ACCOUNT}\0limits: {{}}\n"));
    assert_eq!(folder.error(&[]), "DIR/c.yml: holds a NUL character");
    fs::remove_file(folder.path().join("c.yml")).unwrap();
    assert_eq!(folder.error(&[]), "DIR/c.yml: does not exist");
    fs::create_dir(folder.path().join("c.yml")).unwrap();
    assert_eq!(folder.error(&[]), "DIR/c.yml: is a directory, not a file");
}

#[test]
fn a_file_of_the_maximum_size_is_read() {
    let mut text = ACCOUNT.as_bytes().to_vec();
    text.resize(8 << 20, b'#');
    text[ACCOUNT.len()] = b'#';
    assert!(Folder::with(text).load(&[]).is_ok());
}

#[test]
fn errors_name_secret_files_without_their_content() {
    let text = ACCOUNT.replace("client_secret: hush-hush", "client_secret_file: s");
    let folder = Folder::with(text);
    let contents: [(&[u8], &str); 5] = [
        (b"hush\xff", "is not UTF-8 text"),
        (b"hush\0", "contains a NUL character"),
        (b"\r\n\n", "is empty; write the secret into it"),
        (b"", "is empty; write the secret into it"),
        (&[b'x'; 70_000], "is larger than 64KiB"),
    ];
    check_each(contents, |(content, reason)| {
        folder.file("s", content);
        let want = format!("accounts[0].auth.oauth2.client_secret_file: DIR/s {reason}");
        assert_eq!(folder.error(&[]), want);
    });
}

/// The secret is pasted where the path of its file belongs.
#[test]
fn a_secret_given_as_a_path_is_not_repeated() {
    let long = "hunter2".repeat(100);
    let cases = [
        "hunter2",
        "hunter2/with+slash==",
        "/hunter2/x",
        "hunter2.txt",
        &long,
        "c.yml/hunter2",
    ];
    check_each(cases, |pasted| {
        let text = ACCOUNT.replace(
            "client_secret: hush-hush",
            &format!("client_secret_file: {pasted}"),
        );
        let error = Folder::with(text).error(&[]);
        let path = "accounts[0].auth.oauth2.client_secret_file: the file does not exist";
        assert!(error.starts_with(path), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    });
}

#[test]
fn line_breaks_after_a_secret_are_not_part_of_it() {
    let inline = ACCOUNT.replace(
        "client_secret: hush-hush",
        "client_secret: \"hush-hush\\n\"",
    );
    let folder = Folder::with(inline);
    let loaded = folder.load(&[]).unwrap().config;
    assert_eq!(secret(&loaded.accounts[0]), "hush-hush");
    let variable = "LIVEPERSON_EXPORTER__ACCOUNTS__0__AUTH__OAUTH2__CLIENT_SECRET";
    let loaded = folder
        .load(&[(variable, "from-outside\r\n")])
        .unwrap()
        .config;
    assert_eq!(secret(&loaded.accounts[0]), "from-outside");
}

#[test]
fn a_secret_in_the_credentials_directory_is_preferred() {
    let text = ACCOUNT.replace("client_secret: hush-hush", "client_secret_file: s");
    let folder = Folder::with(text);
    folder.file("s", "beside");
    let credentials = tempfile::tempdir().unwrap();
    let env = [(
        "CREDENTIALS_DIRECTORY",
        credentials.path().to_str().unwrap(),
    )];
    assert_eq!(
        secret(&folder.load(&env).unwrap().config.accounts[0]),
        "beside"
    );
    fs::write(credentials.path().join("s"), "credential").unwrap();
    assert_eq!(
        secret(&folder.load(&env).unwrap().config.accounts[0]),
        "credential"
    );
    fs::write(credentials.path().join("s"), "").unwrap();
    let error = folder.load(&env).unwrap_err().to_string();
    let want = "is empty; write the secret into it (this is systemd's copy: change the file that LoadCredential= names, then restart)";
    assert!(error.ends_with(want), "{error}");
}

#[test]
fn a_certificate_path_is_relative_to_the_file() {
    let folder = Folder::with(format!("{ACCOUNT}tls: {{ca_file: ca.pem}}\n"));
    folder.file("ca.pem", "# private\n-----BEGIN CERTIFICATE-----\n");
    let config = folder.load(&[]).unwrap().config;
    assert_eq!(config.tls.ca_file, Some(folder.path().join("ca.pem")));
}

#[cfg(unix)]
#[test]
fn secrets_that_others_can_read_cause_warnings() {
    use std::os::unix::fs::PermissionsExt;
    let open = |path: &std::path::Path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap()
    };
    let folder = Folder::with(ACCOUNT);
    assert_eq!(folder.load(&[]).unwrap().warnings, Vec::<String>::new());
    open(&folder.path().join("c.yml"));
    let [warning] = &folder.load(&[]).unwrap().warnings[..] else {
        panic!("not one warning");
    };
    assert!(
        warning.contains("c.yml contains a secret and can be read by every user"),
        "{warning}"
    );

    let writable = fs::Permissions::from_mode(0o602);
    fs::set_permissions(folder.path().join("c.yml"), writable).unwrap();
    let [warning] = &folder.load(&[]).unwrap().warnings[..] else {
        panic!("not one warning");
    };
    assert!(
        warning.contains("c.yml can be changed by every user"),
        "{warning}"
    );

    // With the secret elsewhere, all users may read the configuration, but not that file.
    folder.file(
        "c.yml",
        ACCOUNT.replace("client_secret: hush-hush", "client_secret_file: s"),
    );
    open(&folder.path().join("c.yml"));
    open(&folder.file("s", "hush-hush"));
    let [warning] = &folder.load(&[]).unwrap().warnings[..] else {
        panic!("not one warning");
    };
    assert!(warning.contains("/s contains a secret"), "{warning}");
    assert!(!warning.contains("hush"), "{warning}");
}

#[test]
fn unsuitable_intervals_cause_one_warning_each() {
    let second = ACCOUNT.replace("accounts:\n", "").replace("12345678", "2");
    let text = format!(
        "{ACCOUNT}{second}    sla: {{interval: 10m}}\nengagement_activity: {{interval: 5s}}\n"
    );
    assert_eq!(
        Folder::with(text).load(&[]).unwrap().warnings,
        [
            "engagement_activity.interval: 5s is shorter than LivePerson takes to refresh its numbers (about 10s); 10s or more gives the same data with fewer requests",
            "stale_after: 5m is less than twice accounts[1].sla.interval (10m), so that data can disappear between two polls; make it at least twice as long",
        ]
    );
    let disabled = format!("{ACCOUNT}sla: {{enabled: false, interval: 1s}}\n");
    assert_eq!(
        Folder::with(disabled).load(&[]).unwrap().warnings,
        Vec::<String>::new()
    );
}

#[test]
fn debug_output_contains_no_secrets() {
    let loaded = Folder::with(ACCOUNT).load(&[]).unwrap();
    assert!(!format!("{loaded:?}").contains("hush"));
}
