//! `healthcheck` asks an exporter that runs, as an image's health check does.

use std::fs;
use std::path::Path;
use std::process::Output;

use super::{FIRST, account, simulator};
use crate::common::cases::check_each;
use crate::common::{Exporter, command, configuration, free_address};

async fn healthcheck(words: &[&str], web: Option<&Path>) -> Output {
    let mut command = command();
    command.arg("healthcheck").args(words);
    command.args(web.map(|web| format!("--web.config.file={}", web.display())));
    let output = tokio::task::spawn_blocking(move || command.output());
    output.await.unwrap().unwrap()
}

/// An exporter with a web configuration.
async fn exporter(web: Option<&Path>) -> Exporter {
    let simulator = simulator(FIRST).await;
    let (folder, file) = configuration(&format!("accounts:{}", account(FIRST, &simulator, "")));
    let mut command = command();
    command.arg("--config.file").arg(&file);
    command.args(web.map(|web| format!("--web.config.file={}", web.display())));
    Exporter::spawn(command, folder).await
}

/// The flag with which it listens where it does.
fn flag(exporter: &Exporter) -> String {
    exporter
        .base_url
        .replace("http://", "--web.listen-address=")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exporter_that_answers_is_healthy_and_one_that_is_gone_not() {
    let exporter = exporter(None).await;
    let url = exporter.base_url.clone();
    let flag = flag(&exporter);
    for words in [[flag.as_str()], [url.as_str()]] {
        let output = healthcheck(&words, None).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(output.stdout.is_empty() && output.stderr.is_empty());
    }
    drop(exporter);
    let output = healthcheck(&[&url], None).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("does not answer: "), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_passwords_and_client_certificates_are_not_unhealthy() {
    let folder = tempfile::tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(["exporter".to_owned()]).unwrap();
    fs::write(folder.path().join("cert.pem"), certified.cert.pem()).unwrap();
    let key = certified.signing_key.serialize_pem();
    fs::write(folder.path().join("key.pem"), key).unwrap();
    let tls = "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n";
    let clients = "client_auth_type: RequireAndVerifyClientCert, client_ca_file: cert.pem";
    let clients = [clients, &format!("{clients}, max_version: TLS12")]
        .map(|keys| tls.replace("}", &format!(", {keys}}}")));
    let users = format!(
        "basic_auth_users: {{a: {}}}\n",
        bcrypt::hash("b", 4).unwrap()
    );
    for text in [
        tls,
        &users,
        &format!("{tls}{users}"),
        &clients[0],
        &clients[1],
    ] {
        let web = folder.path().join("web.yml");
        fs::write(&web, text).unwrap();
        let exporter = exporter(Some(&web)).await;
        let flag = flag(&exporter);
        let output = healthcheck(&[&flag], Some(&web)).await;
        assert_eq!(output.status.code(), Some(0), "{text}: {output:?}");
        // The exporter continues with what it has.
        fs::write(&web, "nonsense: true").unwrap();
        let output = healthcheck(&[&flag], Some(&web)).await;
        assert_eq!(output.status.code(), Some(0), "{text}: {output:?}");
    }
}

/// An exporter that a shell starts with these limits of open descriptors.
async fn limited(limits: &str) -> Exporter {
    let simulator = simulator(FIRST).await;
    let (folder, file) = configuration(&format!("accounts:{}", account(FIRST, &simulator, "")));
    let mut shell = std::process::Command::new("/bin/sh");
    let script = format!("{limits}; exec \"$@\"");
    shell.args([
        "-c",
        &script,
        "sh",
        env!("CARGO_BIN_EXE_liveperson_exporter"),
    ]);
    shell.arg("--config.file").arg(file);
    Exporter::spawn(shell, folder).await
}

#[tokio::test]
async fn the_limit_of_descriptors_is_raised_as_far_as_allowed() {
    let raised = limited("ulimit -Sn 256").await;
    let page = raised.page().await;
    let limit = crate::common::sample(&page, "process_max_fds").unwrap();
    assert!(limit > 256.0, "{limit}");
    let low = limited("ulimit -n 256").await;
    low.page_with("process_max_fds", 256.0).await;
    assert!(
        low.log().contains("too few open descriptors"),
        "{}",
        low.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn other_answers_and_bad_urls_have_their_status() {
    let exporter = exporter(None).await;
    let free = free_address();
    let cases = [
        (
            format!("{}/nowhere", exporter.base_url),
            1,
            "answered 404, not 200",
        ),
        (format!("http://{free}"), 1, "does not answer"),
        ("ftp://x".to_owned(), 2, "expected an http or https URL"),
        ("http://u:hush@x".to_owned(), 2, "a password in the URL"),
    ];
    check_each(cases, |(url, status, want)| {
        let output = command().args(["healthcheck", &url]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{error}");
        assert!(error.contains(want) && !error.contains("hush"), "{error}");
    });
}
