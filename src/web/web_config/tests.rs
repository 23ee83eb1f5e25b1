//! Files that change, are being written, or are not regular, under a running server.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rcgen::{CertifiedKey, generate_simple_self_signed};

use super::*;
use crate::cases::check_each_async;

const HASH: &str = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";
const EVERY: Duration = Duration::from_secs(1);

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn valid_changes_are_used_and_invalid_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.yml");
    let users = |names: &[&str]| {
        let lines: String = names
            .iter()
            .map(|name| format!("  {name}: {HASH}\n"))
            .collect();
        format!("basic_auth_users:\n{lines}")
    };
    write(&path, &users(&["a"]), 0o600);
    let web = WebConfig::load(&path).unwrap();
    let first = web.current(EVERY).await;
    assert!(first.users.is_some() && !web.tls_enabled());

    write(&path, &users(&["a", "bob"]), 0o600);
    let early = web.current(EVERY).await;
    assert!(Arc::ptr_eq(&first, &early), "checked again too soon");
    tokio::time::advance(EVERY).await;
    let second = web.current(EVERY).await;
    assert!(!Arc::ptr_eq(&first, &second), "the change was not noticed");

    let cases = ["basic_auth_users: {a: b}", "tls_server_config: {cert: x}"];
    check_each_async(cases, async |invalid| {
        write(&path, invalid, 0o600);
        tokio::time::advance(EVERY).await;
        assert!(Arc::ptr_eq(&second, &web.current(EVERY).await));
    })
    .await;
    fs::remove_file(&path).unwrap();
    tokio::time::advance(EVERY).await;
    assert!(Arc::ptr_eq(&second, &web.current(EVERY).await));

    write(&path, &users(&["carol"]), 0o600);
    tokio::time::advance(EVERY).await;
    assert!(
        !Arc::ptr_eq(&second, &web.current(EVERY).await),
        "it never recovered"
    );
    assert!(web.last_reload_successful());
}

/// Whether there are users and the file is up to date, at a check `after` the previous one.
async fn check(web: &WebConfig, after: Duration) -> (bool, bool) {
    tokio::time::advance(after).await;
    let users = web.current(EVERY).await.users.is_some();
    (users, web.last_reload_successful())
}

#[tokio::test(start_paused = true)]
async fn a_half_written_file_does_not_disable_authentication() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.yml");
    let with_users = format!("basic_auth_users: {{a: {HASH}}}\n");
    let without_users = "http_server_config: {http2: true}\n";
    write(&path, &with_users, 0o600);
    let web = WebConfig::load(&path).unwrap();
    let cases = [
        "",
        "# users follow\n",
        "\u{feff}",
        "---\n",
        "{}",
        "basic_auth_users:",
        "basic_auth_users:\n  # alice follows\n",
        "http_server_config: {http2: true}\nbasic_auth_users:\n",
    ];
    check_each_async(cases, async |empty| {
        write(&path, empty, 0o600);
        for _ in 0..3 {
            let found = check(&web, SETTLE_TIME * 10).await;
            assert_eq!(found, (true, false), "{empty:?} is never used");
        }
    })
    .await;
    write(&path, "basic_auth_users: {}\n", 0o600);
    assert_eq!(check(&web, EVERY).await, (true, false));
    assert_eq!(check(&web, SETTLE_TIME - EVERY).await, (true, false));
    // Now the next part of it is written.
    write(&path, without_users, 0o600);
    assert_eq!(check(&web, EVERY).await, (true, false), "it has changed");
    write(&path, &with_users, 0o600);
    assert_eq!(
        check(&web, SETTLE_TIME).await,
        (true, true),
        "it is complete"
    );
    write(&path, &format!("{with_users}\0"), 0o600);
    assert_eq!(check(&web, SETTLE_TIME * 10).await, (true, false), "NUL");

    write(&path, without_users, 0o600);
    assert_eq!(check(&web, EVERY).await, (true, false));
    assert_eq!(
        check(&web, SETTLE_TIME).await,
        (false, true),
        "it is settled"
    );
    write(&path, "", 0o600);
    assert_eq!(
        check(&web, EVERY).await,
        (false, true),
        "there are no users to lose"
    );
}

const NONE: &str = "client_auth_type: NoClientCert";
const REQUEST: &str = "client_auth_type: RequestClientCert";
const IF_GIVEN: &str = "client_auth_type: VerifyClientCertIfGiven, client_ca_file: one";
const ANY: &str = "client_auth_type: RequireAnyClientCert";
const ANY_A: &str = "client_auth_type: RequireAnyClientCert, client_allowed_sans: [a]";
const ANY_B: &str = "client_auth_type: RequireAnyClientCert, client_allowed_sans: [b]";
const ANY_A_B: &str = "client_auth_type: RequireAnyClientCert, client_allowed_sans: [a, b]";
const ONE: &str = "client_auth_type: RequireAndVerifyClientCert, client_ca_file: one";
const ONE_A: &str =
    "client_auth_type: RequireAndVerifyClientCert, client_ca_file: one, client_allowed_sans: [a]";
const TWO: &str = "client_auth_type: RequireAndVerifyClientCert, client_ca_file: two";
const BOTH: &str = "client_auth_type: RequireAndVerifyClientCert, client_ca_file: both";

/// `tls_server_config` before and after a change, and whether the change has to settle.
const CHANGES: [(&str, &str, bool); 16] = [
    (ANY_A, ANY, true),
    (ANY, ANY_A, false),
    (ANY_A, ANY_A_B, true),
    (ANY_A_B, ANY_B, false),
    (ONE_A, ONE, true),
    (ONE_A, ANY_A, true),
    (ANY_A, ONE_A, false),
    (ONE, ANY, true),
    (ANY, ONE, false),
    (ONE, TWO, true),
    (ONE, BOTH, true),
    (BOTH, TWO, false),
    (ONE, IF_GIVEN, true),
    (ANY, REQUEST, true),
    (ANY, NONE, true),
    (REQUEST, ANY, false),
];

#[tokio::test(start_paused = true)]
async fn files_that_admit_more_clients_have_to_settle() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let pair = || generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let [server, one, two] = [pair(), pair(), pair()];
    write(&at("crt"), &server.cert.pem(), 0o644);
    write(&at("key"), &server.signing_key.serialize_pem(), 0o600);
    write(&at("one"), &one.cert.pem(), 0o644);
    write(&at("two"), &two.cert.pem(), 0o644);
    write(
        &at("both"),
        &[one.cert.pem(), two.cert.pem()].concat(),
        0o644,
    );
    check_each_async(CHANGES, async |(before, after, has_to_settle)| {
        let file = |policy: &str| {
            let text = format!("tls_server_config: {{cert_file: crt, key_file: key, {policy}}}");
            write(&at("web.yml"), &text, 0o600);
        };
        file(before);
        let web = WebConfig::load(&at("web.yml")).unwrap();
        let first = web.current(EVERY).await;
        file(after);
        tokio::time::advance(EVERY).await;
        let at_once = !Arc::ptr_eq(&first, &web.current(EVERY).await);
        tokio::time::advance(SETTLE_TIME).await;
        let in_the_end = !Arc::ptr_eq(&first, &web.current(EVERY).await);
        assert_eq!((at_once, in_the_end), (!has_to_settle, true));
    })
    .await;
}

/// Where the system has no authorities, some of these are invalid, so only the first check counts.
#[tokio::test(start_paused = true)]
async fn removing_client_ca_or_tls_is_not_used_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let pair = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    write(&at("crt"), &pair.cert.pem(), 0o644);
    write(&at("key"), &pair.signing_key.serialize_pem(), 0o600);
    let tls = "cert_file: crt, key_file: key, client_auth_type: RequireAndVerifyClientCert";
    let with_client_ca = format!("tls_server_config: {{{tls}, client_ca_file: crt}}\n");
    let cases = [
        format!("tls_server_config: {{{tls}}}\n"),
        "http_server_config: {http2: true}\n".to_owned(),
        "tls_server_config:\n".to_owned(),
    ];
    check_each_async(cases, async |changed| {
        write(&at("web.yml"), &with_client_ca, 0o600);
        let web = WebConfig::load(&at("web.yml")).unwrap();
        let first = web.current(EVERY).await;
        write(&at("web.yml"), &changed, 0o600);
        tokio::time::advance(EVERY).await;
        assert!(Arc::ptr_eq(&first, &web.current(EVERY).await), "{changed}");
        assert!(!web.last_reload_successful(), "{changed}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn null_users_are_valid_where_there_were_no_users() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.yml");
    write(&path, "rate_limit: {interval: 1s, burst: 9}\n", 0o600);
    let web = WebConfig::load(&path).unwrap();
    write(&path, "basic_auth_users:\nhttp_server_config:\n", 0o600);
    assert_eq!(check(&web, EVERY).await, (false, true));
    assert!(web.current(EVERY).await.rate.is_none());
}

#[tokio::test(start_paused = true)]
async fn files_that_are_not_regular_are_rejected_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.yml");
    let make_pipe = |path: &Path| {
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.unwrap().success());
    };
    make_pipe(&path);
    let errors = WebConfig::load(&path).err().unwrap();
    assert!(errors[0].ends_with("is not a regular file"), "{errors:?}");
    fs::remove_file(&path).unwrap();
    write(&path, &format!("basic_auth_users: {{a: {HASH}}}\n"), 0o600);
    let web = WebConfig::load(&path).unwrap();
    fs::remove_file(&path).unwrap();
    make_pipe(&path);
    assert_eq!(check(&web, EVERY).await, (true, false));
    make_pipe(&folder.path().join("crt"));
    write(
        &folder.path().join("t.yml"),
        "tls_server_config: {cert_file: crt, key_file: crt}",
        0o600,
    );
    let errors = WebConfig::load(&folder.path().join("t.yml")).err().unwrap();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].ends_with("is not a regular file"), "{errors:?}");
}

#[test]
fn an_expired_certificate_gives_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    params.not_before = rcgen::date_time_ymd(2019, 1, 1);
    let at = |name: &str| folder.path().join(name);
    write(&at("crt"), &params.self_signed(&key).unwrap().pem(), 0o644);
    write(&at("key"), &key.serialize_pem(), 0o600);
    write(
        &at("web.yml"),
        "tls_server_config: {cert_file: crt, key_file: key}",
        0o600,
    );
    let warnings = WebConfig::load(&at("web.yml")).unwrap().warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("expired at 2020-01-01"),
        "{warnings:?}"
    );
}

#[test]
fn errors_of_file_and_certificates_are_reported_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.yml");
    let missing = WebConfig::load(&path).err().unwrap();
    assert!(missing[0].ends_with(" does not exist"), "{missing:?}");
    write(
        &path,
        "unknown: 1\ntls_server_config: {cert_file: c, min_version: TLS11}\n",
        0o600,
    );
    let errors = WebConfig::load(&path).err().unwrap();
    assert_eq!(errors.len(), 4, "key, version, cert_file, key: {errors:#?}");
    let path = folder.path().join("c");
    assert!(
        errors.concat().contains(&path.display().to_string()),
        "{errors:#?}"
    );
    write(&path, &"#".repeat(2 * 1024 * 1024), 0o600);
    let errors = WebConfig::load(&path).err().unwrap();
    assert!(errors[0].contains("is larger than"), "{errors:?}");
}

#[test]
fn world_readable_secrets_give_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let at = |name: &str| folder.path().join(name);
    write(&at("crt"), &cert.pem(), 0o644);
    write(&at("key"), &signing_key.serialize_pem(), 0o644);
    write(
        &at("web.yml"),
        "tls_server_config: {cert_file: crt, key_file: key}",
        0o644,
    );
    let warnings = WebConfig::load(&at("web.yml")).unwrap().warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with(&at("key").display().to_string()));
    write(&at("key"), &signing_key.serialize_pem(), 0o640);
    assert!(
        WebConfig::load(&at("web.yml"))
            .unwrap()
            .warnings()
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_renewed_certificate_keeps_verified_passwords_and_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let renew = || {
        let pair = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        write(&at("crt"), &pair.cert.pem(), 0o644);
        write(&at("key"), &pair.signing_key.serialize_pem(), 0o600);
    };
    renew();
    let hash = bcrypt::hash("secret", 4).unwrap();
    let text = format!(
        "tls_server_config: {{cert_file: crt, key_file: key}}\n\
         basic_auth_users: {{alice: {hash}}}\nrate_limit: {{interval: 1h, burst: 1}}\n"
    );
    write(&at("web.yml"), &text, 0o600);
    let web = WebConfig::load(&at("web.yml")).unwrap();
    let before = web.current(EVERY).await;
    let header = hyper::header::HeaderValue::from_static("Basic YWxpY2U6c2VjcmV0");
    let peer = std::net::SocketAddr::from(([192, 0, 2, 1], 1)).into();
    let users = before.users.as_ref().unwrap();
    let verdict = users.check(Some(&header), peer, EVERY, |_| ()).await;
    assert_eq!(verdict, crate::web::basic_auth::Verdict::Granted);
    assert!(before.rate.as_ref().unwrap().allow());

    renew();
    tokio::time::advance(EVERY).await;
    let after = web.current(EVERY).await;
    assert!(!Arc::ptr_eq(&before, &after), "the certificate is not used");
    assert!(after.users.as_ref().unwrap().has_verified("alice"));
    assert!(
        !after.rate.as_ref().unwrap().allow(),
        "the bucket was refilled"
    );
}
