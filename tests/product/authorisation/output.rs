//! No output of the daemon or a command ever holds a secret.

use std::path::Path;

use liveperson_exporter::simulator::{Fault, Simulator, Target};
use tokio::task::{JoinSet, LocalSet};

use super::{AUTH_METHODS, AuthMethod, configuration, options, write_secret};
use crate::common::liveperson::simulator;
use crate::common::{self, Exporter, eventually, up};

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
    exporter.page_with(&up("12345678", "sla"), 1.0).await;
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
