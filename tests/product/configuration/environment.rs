//! Environment variables that override a file, and that replace one.

use std::path::Path;
use std::time::Duration;

use liveperson_exporter::collectors::Registry;
use liveperson_exporter::collectors::engagement_activity;
use liveperson_exporter::collectors::sla;
use liveperson_exporter::config::{Account, Auth, Config, Environment, load_or_default};
use liveperson_exporter::vocabulary::{Selection, SkillId, Window};

use super::folder::{ACCOUNT, Folder};
use crate::common::cases::check_each;

fn overridden(text: &str, env: &[(&str, &str)]) -> Config {
    let env: Vec<_> = env
        .iter()
        .map(|(name, value)| (format!("LIVEPERSON_EXPORTER__{name}"), *value))
        .collect();
    let env: Vec<_> = env
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    Folder::with(text).load(&env).unwrap().config
}

fn sla(account: &Account) -> &sla::Settings {
    account.section().unwrap()
}

#[test]
fn any_scalar_can_be_overridden() {
    let config = overridden(
        ACCOUNT,
        &[
            ("STALE_AFTER", "1h"),
            ("TIMEZONE", "Asia/Tokyo"),
            ("LIMITS__MIN_SPACING", "1s"),
            ("LIMITS__MAX_IN_FLIGHT", "3"),
            ("SLA__ENABLED", "false"),
            ("NAMES__LOOKUP", "FALSE"),
            ("NAMES__SKILLS__4", "Sales"),
            ("NAMES__SKILLS__-1", "Unassigned"),
            ("DOMAIN_API", "http://localhost:8080"),
            ("ACCOUNTS__0__ID", "999"),
            ("ACCOUNTS__0__AUTH__OAUTH2__CLIENT_ID", "other"),
            ("ACCOUNTS__0__AUTH__OAUTH2__CLIENT_SECRET", "a,b"),
            ("ACCOUNTS__0__HOSTS__LEDATAREPORTING", "http://127.0.0.1:1"),
            ("ACCOUNTS__0__ENGAGEMENT_ACTIVITY__INTERVAL", "15s"),
            ("ENGAGEMENT_ACTIVITY__TOTALS", "true"),
            ("ACCOUNTS__0__SLA__TOTALS", "false"),
        ],
    );
    let account = &config.accounts[0];
    assert_eq!(account.id, "999");
    let Auth::OAuth2 {
        client_id,
        client_secret,
    } = &account.auth
    else {
        panic!("{account:?}");
    };
    assert_eq!(
        (client_id.as_str(), client_secret.expose()),
        ("other", "a,b")
    );
    assert_eq!(
        account.hosts["leDataReporting"].as_str(),
        "http://127.0.0.1:1/"
    );
    let activity = account.section::<engagement_activity::Settings>().unwrap();
    assert_eq!(activity.interval, Duration::from_secs(15));
    assert!(!sla(account).enabled && !config.names.lookup);
    assert!(activity.totals && !sla(account).totals);
    assert_eq!(config.stale_after, Duration::from_secs(3600));
    assert_eq!(config.timezone.iana_name(), Some("Asia/Tokyo"));
    assert_eq!(config.limits.min_spacing, Duration::from_secs(1));
    assert_eq!(config.limits.max_in_flight, 3);
    assert_eq!(config.domain_api.as_str(), "http://localhost:8080/");
    let names: Vec<_> = config.names.skills.keys().copied().collect();
    assert_eq!(names, [-1, 4].map(SkillId::from));
}

#[test]
fn lists_are_overridden_by_element_or_whole() {
    let text = format!("{ACCOUNT}sla: {{buckets: [15, 30]}}\n");
    let sla = |env| sla(&overridden(&text, env).accounts[0]).clone();
    assert_eq!(sla(&[("SLA__BUCKETS__1", "60")]).buckets, [15, 60]);
    assert_eq!(sla(&[("SLA__BUCKETS__2", "60")]).buckets, [15, 30, 60]);
    assert_eq!(sla(&[("SLA__BUCKETS", "5, 10")]).buckets, [5, 10]);
    assert_eq!(
        sla(&[("SLA__BUCKETS", "5"), ("SLA__BUCKETS__1", "20")]).buckets,
        [5, 20]
    );
    assert_eq!(
        sla(&[("SLA__WINDOWS", "today,1h")]).windows,
        [Window::Today, Window::Minutes(60)]
    );
    assert_eq!(sla(&[("SLA__SKILLS", "all")]).skills, Selection::All);
    assert_eq!(
        sla(&[("SLA__SKILLS", "-1,4")]).skills,
        Selection::Ids([-1, 4].map(SkillId::from).to_vec())
    );
    assert_eq!(
        sla(&[("SLA__GROUPS__0", "7")]).groups,
        Selection::Ids(vec![7.into()])
    );
}

#[test]
fn a_secret_from_the_environment_replaces_either_form() {
    let folder = Folder::with(ACCOUNT.replace(
        "client_secret: hush-hush",
        "client_secret_file: no-such-file",
    ));
    let name = "LIVEPERSON_EXPORTER__ACCOUNTS__0__AUTH__OAUTH2__CLIENT_SECRET";
    let loaded = folder.load(&[(name, "from-env")]).unwrap();
    let Auth::OAuth2 { client_secret, .. } = &loaded.config.accounts[0].auth else {
        panic!("{loaded:?}");
    };
    assert_eq!(client_secret.expose(), "from-env");

    let folder = Folder::with(ACCOUNT);
    folder.file("s", "from-file");
    let loaded = folder.load(&[(&format!("{name}_FILE"), "s")]).unwrap();
    let Auth::OAuth2 { client_secret, .. } = &loaded.config.accounts[0].auth else {
        panic!("{loaded:?}");
    };
    assert_eq!(client_secret.expose(), "from-file");
}

#[test]
fn mistakes_in_the_environment_name_the_variable() {
    let text = Folder::with(ACCOUNT).error(&[
        ("LIVEPERSON_EXPORTER__LIMITS__MIN_SPACING", "fast"),
        ("LIVEPERSON_EXPORTER__LIMTS__MIN_SPACING", "1s"),
        ("LIVEPERSON_EXPORTER__SLA__BUCKETS__1", "47"),
        ("LIVEPERSON_EXPORTER__SLA__WINDOWS", "5m,"),
        ("LIVEPERSON_EXPORTER__ACCOUNTS__7__ID", "1"),
        (
            "LIVEPERSON_EXPORTER__ACCOUNTS__0__AUTH__OAUTH2__CLIENT_SECRET",
            "",
        ),
    ]);
    assert_eq!(
        text,
        "LIVEPERSON_EXPORTER__LIMTS__MIN_SPACING: LIMTS: unknown key; did you mean limits?\n\
         LIVEPERSON_EXPORTER__ACCOUNTS__7__ID: expected an index of at most 1, found 7: list items have no gaps\n\
         LIVEPERSON_EXPORTER__SLA__BUCKETS__1: expected an index of at most 0, found 1: list items have no gaps\n\
         sla.windows[1]: expected a window (whole minutes from 1m to 24h, or today), found an empty string (set by LIVEPERSON_EXPORTER__SLA__WINDOWS)\n\
         accounts[0].auth.oauth2.client_secret: expected a non-empty string, found an empty string (set by LIVEPERSON_EXPORTER__ACCOUNTS__0__AUTH__OAUTH2__CLIENT_SECRET)\n\
         limits.min_spacing: expected a duration such as 250ms, 30s or 1h30m, found fast (set by LIVEPERSON_EXPORTER__LIMITS__MIN_SPACING)"
    );
}

/// A default path that does not exist, even where the exporter is installed.
const NO_FILE: &str = "/nowhere/liveperson_exporter.yml";

fn load_without_file(env: &[(&str, &str)]) -> Result<liveperson_exporter::config::Loaded, String> {
    let env = Environment::from_pairs(env.iter().copied());
    load_or_default(
        None,
        Path::new(NO_FILE),
        &env,
        &Registry::standard().sections(),
    )
    .map_err(|errors| {
        assert_eq!(errors.source, "environment");
        errors.to_string()
    })
}

#[test]
fn one_account_can_come_from_the_environment_alone() {
    let folder = Folder::with("");
    let file = folder.file("s", "hush-hush\n");
    let secrets = [
        ("LIVEPERSON_CLIENT_SECRET", "hush-hush"),
        ("LIVEPERSON_CLIENT_SECRET_FILE", file.to_str().unwrap()),
    ];
    check_each(secrets, |secret| {
        let loaded = load_without_file(&[
            ("LIVEPERSON_ACCOUNT_ID", "12345678"),
            ("LIVEPERSON_CLIENT_ID", "abc"),
            secret,
            ("LIVEPERSON_EXPORTER__SLA__INTERVAL", "2m"),
            (
                "LIVEPERSON_EXPORTER__ACCOUNTS__0__HOSTS__SENTINEL",
                "https://s.example",
            ),
        ])
        .unwrap();
        let account = &loaded.config.accounts[0];
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
            ("abc", "hush-hush")
        );
        assert_eq!(sla(account).interval, Duration::from_secs(120));
        assert!(account.hosts.contains_key("sentinel"));
        assert_eq!(loaded.warnings, Vec::<String>::new());
    });
}

#[test]
fn an_account_can_come_from_overrides_alone() {
    let loaded = load_without_file(&[
        ("LIVEPERSON_EXPORTER__ACCOUNTS__0__ID", "1"),
        (
            "LIVEPERSON_EXPORTER__ACCOUNTS__0__AUTH__LOGIN__USERNAME",
            "u",
        ),
        (
            "LIVEPERSON_EXPORTER__ACCOUNTS__0__AUTH__LOGIN__PASSWORD",
            "hush-hush",
        ),
    ]);
    assert!(matches!(
        &loaded.unwrap().config.accounts[0].auth,
        Auth::Login { .. }
    ));
}

#[test]
fn an_incomplete_account_says_what_is_missing() {
    let reason = "is not set or empty; an account from the environment requires it";
    assert_eq!(
        load_without_file(&[("LIVEPERSON_ACCOUNT_ID", "1"), ("LIVEPERSON_CLIENT_ID", "")])
            .unwrap_err(),
        format!(
            "LIVEPERSON_CLIENT_ID: {reason}\n\
             LIVEPERSON_CLIENT_SECRET: {reason} (or LIVEPERSON_CLIENT_SECRET_FILE)"
        )
    );
    assert_eq!(
        load_without_file(&[
            ("LIVEPERSON_CLIENT_SECRET", "hush-hush"),
            ("LIVEPERSON_CLIENT_SECRET_FILE", "/nowhere"),
            ("LIVEPERSON_EXPORTER__STALE_AFTER", "soon"),
        ])
        .unwrap_err(),
        format!(
            "LIVEPERSON_ACCOUNT_ID: {reason}\n\
             LIVEPERSON_CLIENT_ID: {reason}\n\
             LIVEPERSON_CLIENT_SECRET: is set and so is LIVEPERSON_CLIENT_SECRET_FILE; keep one\n\
             stale_after: expected a duration such as 250ms, 30s or 1h30m, found soon (set by LIVEPERSON_EXPORTER__STALE_AFTER)"
        )
    );
}

#[test]
fn without_file_and_account_the_error_names_both() {
    let text = load_without_file(&[]).unwrap_err();
    let remedies = [NO_FILE, "--config.file", "LIVEPERSON_ACCOUNT_ID"];
    check_each(remedies, |remedy| {
        assert!(text.contains(remedy), "{text}");
    });
}

#[test]
fn the_default_file_is_used_when_it_exists() {
    let folder = Folder::with(ACCOUNT);
    let env = Environment::from_pairs([("LIVEPERSON_ACCOUNT_ID", "1")]);
    let loaded = load_or_default(
        None,
        &folder.path().join("c.yml"),
        &env,
        &Registry::standard().sections(),
    )
    .unwrap();
    assert_eq!(loaded.config.accounts[0].id, "12345678");
    // The path exists: its error is reported, not ignored.
    let error =
        load_or_default(None, folder.path(), &env, &Registry::standard().sections()).unwrap_err();
    assert!(
        error.to_string().ends_with("is a directory, not a file"),
        "{error}"
    );
}

#[test]
fn a_file_makes_the_environment_account_ignored_with_a_warning() {
    let loaded = Folder::with(ACCOUNT)
        .load(&[("LIVEPERSON_CLIENT_SECRET", "hush-env")])
        .unwrap();
    assert_eq!(loaded.config.accounts[0].id, "12345678");
    let [warning] = loaded.warnings.as_slice() else {
        panic!("{loaded:?}");
    };
    assert!(
        warning.starts_with("LIVEPERSON_CLIENT_SECRET is ignored, because "),
        "{warning}"
    );
    assert!(!warning.contains("hush-env"));
}
