//! All three methods of authorisation with the real binary: they work, and a rotated secret works
//! without a restart. `output` is that none is ever printed.

mod output;

use std::path::Path;
use std::time::Duration;

use liveperson_exporter::simulator::{Fault, Options, RequestRecord, Simulator, Target};
use secrecy::SecretString;

use crate::common::cases::check_each_async;
use crate::common::liveperson::simulator;
use crate::common::{self, COLLECTORS, Exporter, eventually, only, sample, up};

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
{}{more}"#,
        method.yaml,
        simulator.base_url(),
        only(&COLLECTORS)
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
        exporter.page_with_all_up("12345678").await;
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
            let page = exporter.page().await;
            let failed = sample(&page, &up("12345678", "engagement_activity"));
            assert_eq!(failed, Some(0.0), "{file}");
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
        exporter.page_with_all_up("12345678").await;
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
        exporter.page_with_all_up("12345678").await;
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
        // They are renewed 4 s before they end: time for calls that are under way on a busy machine.
        token_lifetime: Duration::from_secs(20),
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
    exporter.page_with_all_up("12345678").await;
    let calls = simulator.requests();
    assert!(
        calls.iter().all(|call| call.status != Some(401)),
        "{calls:#?}"
    );
    let tokens: Vec<_> = calls.iter().filter(|call| call.api == "token").collect();
    // At 80 % of their life; half of that, because a request may arrive late.
    let closest = smallest_distance(&tokens);
    assert!(closest > Duration::from_secs(8), "{closest:?}");
}

/// How close two calls came to each other.
fn smallest_distance(calls: &[&RequestRecord]) -> Duration {
    let distances = calls.windows(2).map(|pair| pair[1].at - pair[0].at);
    distances.min().unwrap()
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
    let closest = smallest_distance(&logins.collect::<Vec<_>>());
    // The first may arrive late; without the distance they would be two polls apart.
    assert!(closest >= Duration::from_millis(3_500), "{closest:?} apart");
    let page = exporter.page().await;
    assert!(sample(&page, &up("12345678", "engagement_activity")).is_some());
}
