//! OAuth 1.0 signatures of the real binary against an independent verifier: Python's `oauthlib`,
//! installed by `tests/run`.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::common::cases::{check_each, check_each_async};
use crate::common::optional::{is_there, python_packages};
use crate::common::{COLLECTORS, Exporter, eventually, only, sample, up};

/// Whether the verifier is there.
fn available() -> bool {
    let found = Command::new("python3")
        .args(["-c", "import oauthlib.oauth1"])
        .env("PYTHONPATH", python_packages())
        .output()
        .is_ok_and(|output| output.status.success());
    is_there(found, "Python's oauthlib")
}

struct Verifier {
    child: Child,
    port: u16,
    log: Arc<Mutex<Vec<Value>>>,
}

impl Verifier {
    fn start(key: &Value) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/product/oauthlib_server.py");
        let mut child = Command::new("python3")
            .arg(script)
            .env("PYTHONPATH", python_packages())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "{key}").unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let request = serde_json::from_str(&line).unwrap();
                written.lock().push(request);
            }
        });
        Self { child, port, log }
    }

    fn requests(&self) -> Vec<Value> {
        self.log.lock().clone()
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A key with every kind of character that has to be encoded in its secret parts.
fn key() -> Value {
    json!({
        "app_key": "0123456789abcdef0123456789abcdef",
        "app_secret": "a&b=c+d/e%f g~h-é",
        "access_token": "fedcba9876543210fedcba9876543210",
        "access_token_secret": "*('!)+%2B &",
    })
}

fn yaml(port: u16, key: &Value) -> String {
    format!(
        r#"
accounts:
  - id: "12345678"
    auth: {{oauth1: {key}}}
    hosts:
      leDataReporting: "http://127.0.0.1:{port}"
      accountConfigReadOnly: "http://127.0.0.1:{port}"
engagement_activity:
  {{interval: 1s, windows: [5m, 1h], skills: [-1, 4, 15], agents: [3, 9223372036854775807]}}
sla: {{interval: 1s, windows: [5m], skills: [4, 15], groups: [7]}}
limits: {{min_spacing: 10ms, max_in_flight: 2}}
{}"#,
        only(&COLLECTORS)
    )
}

#[tokio::test]
async fn oauthlib_accepts_every_call() {
    if !available() {
        return;
    }
    let verifier = Verifier::start(&key());
    let exporter = Exporter::start(&yaml(verifier.port, &key())).await;
    exporter.page_with_all_up("12345678").await;
    let requests = eventually("all kinds of calls were made", async || {
        let requests = verifier.requests();
        let names = requests.iter().filter(|r| {
            let path = r["path"].as_str().unwrap();
            path.contains("/le-users/")
        });
        (names.count() >= 3 && requests.len() > 30).then_some(requests)
    })
    .await;
    for request in &requests {
        assert_eq!(request["valid"], true, "{request}");
    }
    let paths: Vec<_> = requests
        .iter()
        .map(|r| r["path"].as_str().unwrap())
        .collect();
    let cases = [
        "skillIds=-1,4,15",
        "agentIds=3,9223372036854775807",
        "histogram=0,15,30",
        "groupIds=7",
    ];
    check_each(cases, |part| {
        assert!(
            paths.iter().any(|path| path.contains(part)),
            "{part} in {paths:#?}"
        );
    });
    let nonces: BTreeSet<_> = requests
        .iter()
        .map(|r| r["nonce"].as_str().unwrap())
        .collect();
    assert_eq!(
        nonces.len(),
        requests.len(),
        "every attempt has a different nonce"
    );
    check_each([503, 401], |status| {
        let failed = requests.iter().position(|r| r["status"] == status).unwrap();
        let again = requests[failed + 1..]
            .iter()
            .find(|r| r["path"] == requests[failed]["path"]);
        assert_eq!(again.unwrap()["status"], 200, "a retry is signed again");
    });
}

#[tokio::test]
async fn oauthlib_refuses_a_key_that_is_wrong_in_any_part() {
    if !available() {
        return;
    }
    let cases = [
        "app_key",
        "app_secret",
        "access_token",
        "access_token_secret",
    ];
    check_each_async(cases, async |part| {
        let verifier = Verifier::start(&key());
        let mut wrong = key();
        wrong[part] = json!("0123456789abcdef0123456789abcdeX");
        let exporter = Exporter::start(&yaml(verifier.port, &wrong)).await;
        let requests = eventually("it is refused", async || {
            let requests = verifier.requests();
            (requests.len() > 2).then_some(requests)
        })
        .await;
        assert!(
            requests.iter().all(|r| r["valid"] == false),
            "{part}: {requests:#?}"
        );
        let page = exporter.page().await;
        let failed = sample(&page, &up("12345678", "sla"));
        assert_eq!(failed, Some(0.0), "{part}");
    })
    .await;
}
