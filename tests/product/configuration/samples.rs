//! The sample files are what users copy: they must load, be complete and be correct.

use std::fs;
use std::time::Duration;

use liveperson_exporter::collectors::Registry;
use liveperson_exporter::collectors::engagement_activity;
use liveperson_exporter::collectors::sla;
use liveperson_exporter::config::{Auth, Config, Environment, known_keys, load};
use liveperson_exporter::vocabulary::{Selection, Window};

use super::folder::Folder;
use crate::common::cases::check_each;

const FULL: &str = "config/liveperson_exporter.yml";
const MINIMAL: &str = "config/liveperson_exporter.minimal.yml";

/// Loads both samples from one folder, so that they name the same secret file.
fn load_samples() -> (Config, Config) {
    let folder = Folder::with("");
    folder.file("client_secret.txt", "hush-hush\n");
    let loaded = [FULL, MINIMAL].map(|sample| {
        let path = folder.file("c.yml", fs::read(sample).unwrap());
        let loaded = load(
            Some(&path),
            &Environment::default(),
            &Registry::standard().sections(),
        )
        .unwrap();
        let placeholder = "accounts[0].auth.oauth2.client_id: still has the placeholder of the \
            sample; replace it by what LivePerson issued";
        assert_eq!(loaded.warnings, [placeholder], "{sample}");
        loaded.config
    });
    let [full, minimal] = loaded;
    (full, minimal)
}

#[test]
fn the_full_sample_shows_the_defaults() {
    let (full, minimal) = load_samples();
    assert_eq!(full, minimal);
}

#[test]
fn the_defaults_are_as_documented() {
    let (_, config) = load_samples();
    let [account] = config.accounts.as_slice() else {
        panic!("{config:?}");
    };
    assert_eq!(account.id, "12345678");
    let Auth::OAuth2 {
        client_id,
        client_secret,
    } = &account.auth
    else {
        panic!("{account:?}");
    };
    assert_eq!(
        (client_id.as_str(), client_secret.expose()),
        ("your-client-id", "hush-hush")
    );
    assert!(account.hosts.is_empty());

    let activity = account.section::<engagement_activity::Settings>().unwrap();
    let windows = [Window::Minutes(5), Window::Minutes(60)];
    assert!(activity.enabled && !activity.skill_agents);
    assert!(activity.totals);
    assert_eq!(activity.interval, Duration::from_secs(30));
    assert_eq!(activity.windows, windows);
    assert_eq!(
        (&activity.skills, &activity.agents),
        (&Selection::All, &Selection::All)
    );

    let sla = account.section::<sla::Settings>().unwrap();
    assert!(sla.enabled && sla.account);
    assert!(sla.totals);
    assert_eq!(sla.interval, Duration::from_secs(60));
    assert_eq!(sla.windows, windows);
    assert_eq!(sla.buckets, [15, 30, 45, 60, 90, 120]);
    assert_eq!(
        (&sla.skills, &sla.groups),
        (&Selection::None, &Selection::None)
    );

    let limits = &config.limits;
    assert_eq!(limits.max_in_flight, 1);
    assert_eq!(limits.min_spacing, Duration::from_millis(250));
    assert_eq!(limits.request_timeout, Duration::from_secs(15));
    assert_eq!(limits.max_response_bytes, 64 * 1024 * 1024);
    assert_eq!(limits.max_series, 1_000_000);

    assert_eq!(config.stale_after, Duration::from_secs(300));
    assert_eq!(config.timezone.iana_name(), Some("UTC"));
    assert!(config.names.lookup);
    assert_eq!(config.names.refresh, Duration::from_secs(3600));
    assert_eq!(config.domain_api.as_str(), "https://api.liveperson.net/");
    assert_eq!(config.tls.ca_file, None);
}

/// What a sample has in place of a credential, in the manifests too.
#[test]
fn each_placeholder_of_a_sample_is_a_warning() {
    let replace_me = fs::read("deploy/kubernetes/secrets/client_secret.txt").unwrap();
    let cases = [
        (
            "oauth2: {client_id: your-client-id, client_secret: x}",
            "oauth2.client_id",
        ),
        (
            "oauth2: {client_id: a, client_secret: your-client-secret}",
            "oauth2.client_secret",
        ),
        (
            "oauth2: {client_id: a, client_secret_file: s.txt}",
            "oauth2.client_secret_file",
        ),
        (
            "login: {username: a, password: your-password}",
            "login.password",
        ),
    ];
    check_each(cases, |(auth, key)| {
        let yaml = format!("accounts: [{{id: 1, auth: {{{auth}}}}}]\n");
        let folder = Folder::with(yaml);
        folder.file("s.txt", &replace_me);
        let warnings = folder.load(&[]).unwrap().warnings;
        let want = format!("accounts[0].auth.{key}: still has the placeholder");
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with(&want), "{warnings:?}");
    });
}

/// The full sample with every setting that is commented out.
fn uncommented() -> String {
    let line = |line: &str| {
        let words = line.strip_prefix("#   ").map(str::trim_start);
        let key = words
            .and_then(|words| words.split_once(':'))
            .map_or("", |(key, _)| key);
        let is_setting =
            !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let rest = line.get(1..).filter(|_| is_setting);
        rest.map_or(line.to_owned(), |rest| format!(" {rest}")) + "\n"
    };
    fs::read_to_string(FULL)
        .unwrap()
        .lines()
        .map(line)
        .collect()
}

#[test]
fn settings_commented_out_in_the_full_sample_are_valid() {
    let folder = Folder::with(uncommented());
    assert_eq!(
        folder.error(&[]),
        "accounts[0].auth: expected exactly one of oauth2, oauth1, login, found oauth2 and oauth1 and login"
    );
}

/// The path of every key in a file of plain block YAML.
fn paths(text: &str) -> Vec<String> {
    let mut stack: Vec<(usize, String)> = Vec::new();
    let mut paths = Vec::new();
    for line in text.lines() {
        let bare = line.trim_start();
        let Some((key, _)) = bare.split_once(':').filter(|_| !bare.starts_with('#')) else {
            continue;
        };
        let (key, dash) = key.strip_prefix("- ").map_or((key, 0), |key| (key, 2));
        let indent = line.len() - bare.len() + dash;
        while stack.last().is_some_and(|(outer, _)| *outer >= indent) {
            stack.pop();
        }
        let parent = stack.last().map_or("", |(_, path)| path).to_owned();
        let path = match parent.as_str() {
            "" => key.to_owned(),
            "accounts" => format!("accounts[].{key}"),
            parent => format!("{parent}.{key}"),
        };
        paths.push(path.clone());
        stack.push((indent, path));
    }
    paths
}

#[test]
fn the_full_sample_contains_every_key() {
    let mentioned = paths(&uncommented());
    let known = known_keys(&Registry::standard().sections());
    assert!(known.contains(&"accounts[].auth.login.password_file".to_owned()));
    check_each(known, |key| {
        assert!(mentioned.contains(&key), "{FULL} does not contain {key}");
    });
}
