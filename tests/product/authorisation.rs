//! All three methods of authorisation with the real binary: they work, a rotated secret works without
//! a restart, and no output holds a secret.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use liveperson_exporter::simulator::{Fault, Options, Simulator, SystemClock, Target};
use secrecy::SecretString;
use tokio::task::{JoinSet, LocalSet};

use crate::common::cases::check_each_async;
use crate::common::{self, Exporter, eventually, sample};

/// How an account is authorised, with a file for each secret.
#[derive(Debug)]
struct AuthMethod {
    name: &'static str,
    yaml: &'static str,
    /// Files and what is in them.
    secrets: &'static [(&'static str, &'static str)],
}

const AUTH_METHODS: [AuthMethod; 3] = [
    AuthMethod {
        name: "oauth2",
        yaml: "oauth2: {client_id: demo, client_secret_file: client_secret}",
        secrets: &[("client_secret", "s3cr3t/of+the&client")],
    },
    AuthMethod {
        name: "oauth1",
        yaml: "oauth1: {app_key: demo-app-key, app_secret_file: app_secret, \
               access_token_file: access_token, access_token_secret_file: token_secret}",
        secrets: &[
            ("app_secret", "s3cr3t+of/the&app"),
            ("access_token", "acc3ss+t0ken/=&"),
            ("token_secret", "s3cr3t of the t0ken%"),
        ],
    },
    AuthMethod {
        name: "login",
        yaml: "login: {username: demo, password_file: password}",
        secrets: &[("password", "pa55\"w\\ord of a user")],
    },
];

fn all_secrets() -> Vec<String> {
    let files = AUTH_METHODS.iter().flat_map(|method| method.secrets);
    let plain = files.map(|(_, secret)| (*secret).to_owned());
    plain.flat_map(|secret| in_every_form(&secret)).collect()
}

/// A secret plain, as it is in forms and queries, and as it is in JSON.
fn in_every_form(secret: &str) -> Vec<String> {
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let percent = form.replace('+', "%20");
    let json = serde_json::to_string(secret).unwrap();
    let json = json.trim_matches('"').to_owned();
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, secret);
    let mut forms = vec![secret.to_owned(), form, percent, json, base64];
    forms.sort();
    forms.dedup();
    forms
}

fn options() -> Options {
    let secret = |name: &str| -> SecretString {
        let mut files = AUTH_METHODS.iter().flat_map(|method| method.secrets);
        let (_, value) = files.find(|(file, _)| *file == name).unwrap();
        (*value).into()
    };
    Options {
        skills: 3,
        agents: 5,
        client_secret: secret("client_secret"),
        password: secret("password"),
        app_secret: secret("app_secret"),
        access_token: secret("access_token"),
        access_token_secret: secret("token_secret"),
        ..Options::in_process()
    }
}

async fn simulator(options: Options) -> Simulator {
    Simulator::start(options, Arc::new(SystemClock))
        .await
        .unwrap()
}

fn configuration(
    simulator: &Simulator,
    method: &AuthMethod,
    more: &str,
) -> (tempfile::TempDir, String) {
    let text = format!(
        r#"
accounts:
  - id: "12345678"
    auth: {{{}}}
domain_api: "{}"
limits: {{min_spacing: 10ms}}
engagement_activity: {{interval: 1s, windows: [5m], skills: [101, 102, -1], agents: [1001, 1002]}}
sla: {{interval: 1s, windows: [5m], skills: [101, 102]}}
{more}"#,
        method.yaml,
        simulator.base_url()
    );
    let (folder, _) = common::configuration(&text);
    for (name, secret) in method.secrets {
        write_secret(folder.path(), name, secret);
    }
    (folder, text)
}

fn write_secret(folder: &Path, name: &str, secret: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(name);
    std::fs::write(&path, format!("{secret}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

async fn exporter(folder: tempfile::TempDir, arguments: &[&str]) -> Exporter {
    let mut command = common::command();
    let file = folder.path().join("liveperson_exporter.yml");
    command.arg("--config.file").arg(file).args(arguments);
    Exporter::spawn(command, folder).await
}

const UP: [&str; 2] = [
    "liveperson_up{account=\"12345678\",collector=\"engagement_activity\"}",
    "liveperson_up{account=\"12345678\",collector=\"sla\"}",
];

fn answered(simulator: &Simulator, api: &str, status: u16) -> usize {
    let calls = simulator.requests();
    let calls = calls
        .iter()
        .filter(|call| call.api == api && call.status == Some(status));
    calls.count()
}

/// Every call of every method is accepted: ids lists with commas, names, retries and all.
#[tokio::test]
async fn every_method_is_accepted() {
    check_each_async(&AUTH_METHODS, async |method| {
        let simulator = simulator(options()).await;
        // A retry of a signed call has to be signed again, or its nonce is refused.
        for api in [Target::Api("engactivity"), Target::Api("sla")] {
            simulator.push_fault(Fault {
                api,
                count: Some(1),
                status: Some(429),
                ..Fault::default()
            });
        }
        let (folder, _) = configuration(&simulator, method, "");
        let exporter = exporter(folder, &[]).await;
        exporter.page_with(UP[0], 1.0).await;
        exporter.page_with(UP[1], 1.0).await;
        eventually("names are there", async || {
            (answered(&simulator, "names", 200) == 3).then_some(())
        })
        .await;
        for call in simulator.requests() {
            assert!(
                !matches!(call.status, Some(400 | 401 | 403)),
                "{}: {call:?}",
                method.name
            );
        }
        assert!(
            simulator
                .requests()
                .iter()
                .any(|call| call.path.contains("skillIds=-1,101,102")
                    || call.path.contains("skillIds=101,102,-1")),
            "{:#?}",
            simulator.requests()
        );
        let tokens = answered(&simulator, "token", 200);
        assert_eq!(
            tokens,
            usize::from(method.name != "oauth1"),
            "{}",
            method.name
        );
    })
    .await;
}

/// A wrong key is refused by the simulated LivePerson: the test above can fail.
#[tokio::test]
async fn a_wrong_key_of_any_kind_is_refused() {
    check_each_async(&AUTH_METHODS, async |method| {
        for (file, _) in method.secrets {
            let simulator = simulator(options()).await;
            let (folder, _) = configuration(&simulator, method, "");
            write_secret(folder.path(), file, "wrong");
            let exporter = exporter(folder, &[]).await;
            let refused = |api| answered(&simulator, api, 401);
            eventually("it is refused", async || {
                (refused("token") + refused("sla") > 0).then_some(())
            })
            .await;
            assert_eq!(answered(&simulator, "engactivity", 200), 0, "{file}");
            assert_eq!(sample(&exporter.page().await, UP[0]), Some(0.0), "{file}");
        }
    })
    .await;
}

/// The secret is rotated at LivePerson and in the file, and the old tokens end: no restart is
/// needed, and no poll is lost.
#[tokio::test]
async fn a_rotated_secret_works_without_a_restart() {
    check_each_async(&AUTH_METHODS, async |method| {
        let simulator = simulator(options()).await;
        let (folder, _) = configuration(&simulator, method, "");
        let path = folder.path().to_owned();
        let exporter = exporter(folder, &[]).await;
        exporter.page_with(UP[0], 1.0).await;
        exporter.page_with(UP[1], 1.0).await;
        for (name, _) in method.secrets {
            write_secret(&path, name, &format!("new {name}"));
        }
        simulator.rotate_secrets(|secrets| {
            secrets.client_secret = "new client_secret".into();
            secrets.password = "new password".into();
            secrets.app_secret = "new app_secret".into();
            secrets.access_token = "new access_token".into();
            secrets.access_token_secret = "new token_secret".into();
        });
        simulator.revoke_tokens();
        let before = (
            answered(&simulator, "engactivity", 200),
            answered(&simulator, "sla", 200),
        );
        eventually(
            &format!("{}: calls succeed again", method.name),
            async || {
                let engagement = answered(&simulator, "engactivity", 200) > before.0 + 3;
                let sla = answered(&simulator, "sla", 200) > before.1 + 3;
                (engagement && sla).then_some(())
            },
        )
        .await;
        exporter.page_with(UP[0], 1.0).await;
        exporter.page_with(UP[1], 1.0).await;
        assert_eq!(answered(&simulator, "token", 401), 0, "{}", method.name);
        let log = exporter.log();
        assert!(!log.contains("poll failed whole"), "{log}");
        assert!(log.contains("a secret was rotated"), "{log}");
    })
    .await;
}

/// Tokens that end quickly are renewed before they do: LivePerson refuses none, and there is one
/// renewal at a time.
#[tokio::test]
async fn short_lived_tokens_are_renewed_in_time() {
    tokio::join!(renewed_in_time(false), renewed_in_time(true));
}

async fn renewed_in_time(no_expires_in: bool) {
    let simulator = simulator(Options {
        token_lifetime: Duration::from_secs(13),
        no_expires_in,
        ..options()
    })
    .await;
    let (folder, _) = configuration(&simulator, &AUTH_METHODS[0], "names: {lookup: false}");
    let exporter = exporter(folder, &[]).await;
    eventually("tokens are renewed", async || {
        (answered(&simulator, "token", 200) >= 3).then_some(())
    })
    .await;
    exporter.page_with(UP[0], 1.0).await;
    let calls = simulator.requests();
    assert!(
        calls.iter().all(|call| call.status != Some(401)),
        "{calls:#?}"
    );
    let tokens: Vec<_> = calls.iter().filter(|call| call.api == "token").collect();
    let apart = |pair: &[&_]| {
        let [a, b]: [&&liveperson_exporter::simulator::RequestRecord; 2] = [&pair[0], &pair[1]];
        b.at - a.at
    };
    let closest = tokens.windows(2).map(apart).min().unwrap();
    assert!(
        closest > Duration::from_secs(9),
        "at 80 % of 13 s: {closest:?}"
    );
}

/// When LivePerson ends the session, logins stay five seconds apart, and there is never a second one
/// beside the first.
#[tokio::test]
async fn logins_are_five_seconds_apart() {
    let simulator = simulator(options()).await;
    let more = "names: {lookup: false}";
    let (folder, text) = configuration(&simulator, &AUTH_METHODS[2], more);
    let text = text.replace("min_spacing: 10ms", "min_spacing: 10ms, max_in_flight: 4");
    std::fs::write(folder.path().join("liveperson_exporter.yml"), text).unwrap();
    let exporter = exporter(folder, &[]).await;
    for logins in 1..=2 {
        eventually("it logs in", async || {
            (answered(&simulator, "token", 200) == logins).then_some(())
        })
        .await;
        let data = answered(&simulator, "sla", 200) + answered(&simulator, "engactivity", 200);
        eventually("and data is polled again", async || {
            let now = answered(&simulator, "sla", 200) + answered(&simulator, "engactivity", 200);
            (now > data + 2).then_some(())
        })
        .await;
        simulator.revoke_tokens();
    }
    let calls = simulator.requests();
    let logins = calls.iter().filter(|call| call.api == "token");
    let at: Vec<_> = logins.map(|call| call.at).collect();
    for pair in at.windows(2) {
        let apart = pair[1] - pair[0];
        // They arrive a little later than they start, not all equally.
        assert!(apart >= Duration::from_millis(4_700), "{apart:?} apart");
    }
    assert!(sample(&exporter.page().await, UP[0]).is_some());
}

/// All output of the daemon from start to stop, at every log level and in both formats, with every
/// kind of fault, holds no secret, no token and no signature.
#[tokio::test]
async fn no_output_ever_holds_a_secret() {
    LocalSet::new().run_until(search_all_output()).await;
}

async fn search_all_output() {
    let mut everything = Vec::new();
    let mut credentials = all_secrets();
    for method in &AUTH_METHODS {
        // All at once: most of a run is waiting.
        let mut runs = JoinSet::new();
        for level in ["debug", "info", "warn", "error"] {
            for format in ["logfmt", "json"] {
                runs.spawn_local(async move {
                    let simulator = simulator(options()).await;
                    let printed = output_with_every_fault(&simulator, method, level, format).await;
                    assert!(level == "error" || !printed.is_empty());
                    (printed, simulator.credentials_seen())
                });
            }
        }
        for (printed, seen) in runs.join_all().await {
            everything.push(printed);
            assert!(!seen.is_empty(), "{}: nothing was presented", method.name);
            credentials.extend(seen.iter().flat_map(|one| in_every_form(one)));
        }
    }
    let help = common::command().arg("--help").output().unwrap();
    everything.push(String::from_utf8(help.stdout).unwrap());
    credentials.sort();
    credentials.dedup();
    assert!(credentials.len() > 50);
    let everything = everything.join("\n");
    assert!(everything.contains("401") && everything.contains("call ended"));
    // What was repeated has come as far as here, and was made unreadable on its way.
    assert!(everything.contains("Bearer [secret]") && everything.contains("[secret]\\\""));
    for credential in &credentials {
        assert!(
            credential.len() >= 8,
            "too short to be looked for: {credential}"
        );
        if let Some(at) = everything.find(credential.as_str()) {
            let around = &everything[at.saturating_sub(300)..(at + 100).min(everything.len())];
            panic!("{credential} in\n{around}");
        }
    }
}

/// Everything that is printed by a daemon that meets faults of all kinds, and by the commands.
async fn output_with_every_fault(
    simulator: &Simulator,
    method: &AuthMethod,
    level: &str,
    format: &str,
) -> String {
    let (folder, text) = configuration(simulator, method, "");
    let file = folder.path().join("liveperson_exporter.yml");
    let level = format!("--log.level={level}");
    let format = format!("--log.format={format}");
    let mut printed = String::new();
    for command in ["check-config", "test-connection"] {
        printed.push_str(&output_of(command, &file, &level).await);
    }
    // Logged at info only: a process that says nothing is found by its port.
    let flags = [&level, &format, "--web.enable-lifecycle"];
    let exporter = listening(folder, &flags).await;
    exporter.page_with(UP[1], 1.0).await;
    repeat_requests_in_errors(simulator);
    simulator.revoke_tokens();
    printed.push_str(&pages(&exporter).await);
    eventually("some of it has happened", async || {
        let calls = simulator.requests();
        let failed = calls
            .iter()
            .filter(|call| call.status.is_some_and(|s| s >= 300));
        (failed.count() >= 4).then_some(())
    })
    .await;
    printed.push_str(&pages(&exporter).await);
    printed.push_str(&bad_reloads(&exporter, method, &text).await);
    std::fs::write(&file, &text).unwrap();
    exporter.signal("HUP");
    simulator.revoke_tokens();
    printed.push_str(&pages(&exporter).await);
    printed.push_str(&exporter.log());
    printed
}

async fn output_of(command: &str, file: &Path, level: &str) -> String {
    let mut process = common::command();
    process
        .arg(command)
        .arg("--config.file")
        .arg(file)
        .arg(level);
    let run = tokio::task::spawn_blocking(move || process.output().unwrap());
    let output = run.await.unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// Servers that repeat the request, in errors of every kind.
fn repeat_requests_in_errors(simulator: &Simulator) {
    for status in [400, 401, 403, 404, 500, 302] {
        simulator.push_fault(Fault {
            api: Target::Any,
            count: Some(2),
            status: Some(status),
            echo: true,
            ..Fault::default()
        });
    }
}

/// The answers to reloads of configurations with mistakes, after the secrets have become wrong.
async fn bad_reloads(exporter: &Exporter, method: &AuthMethod, text: &str) -> String {
    let file = exporter.config_file();
    for (name, _) in method.secrets {
        write_secret(file.parent().unwrap(), name, "x");
    }
    let mut printed = String::new();
    let wrong = text.replace("limits:", "limts:").replace("_file: ", ": ");
    for (name, secret) in method.secrets {
        let secret = serde_json::json!(secret);
        let inline = wrong.replace(&format!(": {name}"), &format!(": {secret}"));
        std::fs::write(&file, inline).unwrap();
        let reload = format!("{}/-/reload", exporter.base_url);
        let answer = common::http().post(&reload).send().await.unwrap();
        printed.push_str(&answer.text().await.unwrap());
    }
    printed
}

async fn pages(exporter: &Exporter) -> String {
    let mut printed = String::new();
    for path in ["/", "/metrics", "/-/ready", "/-/healthy", "/nowhere"] {
        printed.push_str(&exporter.get(path).await.1);
    }
    printed
}

/// A daemon on a free port, which it may not log.
async fn listening(folder: tempfile::TempDir, arguments: &[&str]) -> Exporter {
    let address = common::free_address();
    let mut command = common::command();
    let file = folder.path().join("liveperson_exporter.yml");
    command.arg("--config.file").arg(file).args(arguments);
    Exporter::spawn_at(command, folder, address).await
}
