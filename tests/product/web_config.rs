//! Valid and invalid web configuration files, with the real binary.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use crate::common::cases::{check_each, check_each_async};
use crate::common::{self, Exporter, command, configuration, eventually, sample};

/// Nothing listens on that port; these tests need no data.
const CONFIGURATION: &str = r#"
accounts:
  - id: "12345678"
    auth: {oauth2: {client_id: demo, client_secret: demo-secret}}
domain_api: "http://127.0.0.1:9"
"#;

const UP_TO_DATE: &str = "liveperson_exporter_web_config_last_reload_successful";

fn key() -> String {
    rcgen::KeyPair::generate().unwrap().serialize_pem()
}

fn with_alice() -> String {
    let hash = bcrypt::hash("right", 4).unwrap();
    format!("basic_auth_users: {{alice: {hash}}}\n")
}

fn web_file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.yml");
    write(&path, text);
    (folder, path)
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn run(words: &[&str], file: &Path, web: &Path) -> Output {
    command()
        .args(words)
        .arg("--config.file")
        .arg(file)
        .arg("--web.config.file")
        .arg(web)
        .arg("--web.listen-address=127.0.0.1:0")
        .output()
        .unwrap()
}

#[test]
fn a_private_key_in_place_of_the_file_is_never_repeated() {
    let (_folder, file) = configuration(CONFIGURATION);
    let key = key();
    let secret = key.lines().nth(1).unwrap();
    let pasted = ["key_file", "cert_file", "client_ca_file"].map(|name| {
        let indented = key.replace('\n', "\n    ");
        let all = "client_auth_type: RequireAndVerifyClientCert";
        [
            format!("tls_server_config:\n  {all}\n  {name}: |\n    {indented}"),
            format!("tls_server_config:\n  {all}\n  {name}: {secret}"),
        ]
    });
    let pasted = pasted.into_iter().flatten();
    let broken = [key.clone(), format!("key: [{key}"), format!("{key}: x")];
    check_each(broken.into_iter().chain(pasted), |text| {
        let (_folder, web) = web_file(&text);
        for words in [&["run"][..], &["check-config"], &["demo"]] {
            let output = run(words, &file, &web);
            let output_text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert_eq!(output.status.code(), Some(2), "{words:?}: {output_text}");
            let paths = ["web.yml", "tls_server_config."];
            let has_path = paths.iter().any(|path| output_text.contains(path));
            assert!(has_path, "{words:?}: {output_text}");
            assert!(!output_text.contains(secret), "{words:?}: {output_text}");
        }
    });
}

#[test]
fn check_config_reports_the_errors_of_both_files_at_once() {
    let (_folder, good) = configuration(CONFIGURATION);
    let (_folder, bad) = configuration("accounts: []");
    let (_folder, good_web) = web_file(&with_alice());
    let (_folder, bad_web) = web_file("tls_server_config: {min_version: TLS11}\nunknown: 1\n");
    let cases = [
        (&good, &good_web, 0, &[][..]),
        (&good, &bad_web, 2, &["min_version: expected", "unknown: "]),
        (&bad, &good_web, 2, &["accounts"]),
        (
            &bad,
            &bad_web,
            2,
            &["accounts", "min_version: expected", "unknown: "],
        ),
    ];
    check_each(cases, |(file, web, status, expected)| {
        let output = run(&["check-config"], file, web);
        let output_text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{output_text}");
        for text in expected {
            assert!(output_text.contains(text), "{text} is not in {output_text}");
        }
    });
}

async fn status(exporter: &Exporter, password: Option<&str>) -> u16 {
    let request = common::http().get(format!("{}/-/healthy", exporter.base_url));
    let request = match password {
        Some(password) => request.basic_auth("alice", Some(password)),
        None => request,
    };
    request.send().await.unwrap().status().as_u16()
}

/// Scrapes until the exporter shows whether the current file is in use.
async fn until_up_to_date(exporter: &Exporter, expected: f64) {
    eventually("the metric follows the file", async || {
        let url = format!("{}/metrics", exporter.base_url);
        let request = common::http().get(url).basic_auth("alice", Some("right"));
        let page = request.send().await.unwrap().text().await.unwrap();
        (sample(&page, UP_TO_DATE) == Some(expected)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn no_invalid_file_disables_authentication() {
    let (folder, web) = web_file(&with_alice());
    let arguments = [format!("--web.config.file={}", web.display())];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let exporter = Exporter::start_with(CONFIGURATION, &arguments).await;
    until_up_to_date(&exporter, 1.0).await;
    let key = key();
    check_each_async(
        [
            "",
            "basic_auth_users:\n",
            "\0",
            &format!("# c\r\0{}", with_alice()),
            &key,
            &format!(
                "tls_server_config: {{key_file: {}}}",
                key.lines().nth(1).unwrap()
            ),
            "basic_auth_users: {alice:",
            &format!("# c\r{}", "- ".repeat(100_000)),
        ],
        async |invalid| {
            write(&web, invalid);
            until_up_to_date(&exporter, 0.0).await;
            assert_eq!(status(&exporter, None).await, 401, "{invalid:.40}");
            assert_eq!(status(&exporter, Some("right")).await, 200, "{invalid:.40}");
            write(&web, &with_alice());
            until_up_to_date(&exporter, 1.0).await;
        },
    )
    .await;
    let secret = key.lines().nth(1).unwrap();
    assert!(!exporter.log().contains(secret), "{}", exporter.log());
    drop(folder);
}

#[tokio::test]
async fn the_demo_prints_https_only_with_tls() {
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    write(&folder.path().join("crt"), &pair.cert.pem());
    write(
        &folder.path().join("key"),
        &pair.signing_key.serialize_pem(),
    );
    let tls = "tls_server_config: {cert_file: crt, key_file: key}";
    check_each(
        [(with_alice().as_str(), "http"), (tls, "https")],
        |(text, scheme)| {
            let web = folder.path().join("web.yml");
            write(&web, text);
            let mut demo = command()
                .arg("demo")
                .arg("--web.listen-address=127.0.0.1:0")
                .arg("--web.config.file")
                .arg(&web)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let lines = BufReader::new(demo.stdout.take().unwrap()).lines();
            let line = lines
                .map_while(Result::ok)
                .find(|line| line.contains("the series"));
            demo.kill().unwrap();
            demo.wait().unwrap();
            let line = line.unwrap();
            let prefix = format!("{scheme}://localhost:");
            assert!(line.trim().starts_with(&prefix), "{line}");
        },
    );
}
