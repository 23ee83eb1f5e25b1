//! `/api/v1/status`: its promised shape in every state, what it says of failures, and what it never
//! says.

use std::io::Write as _;
use std::process::{Command, Stdio};

use liveperson_exporter::simulator::{Options, Simulator};
use serde_json::Value;

use crate::common::cases::check_each;
use crate::common::optional::{has_python_package, python_packages};
use crate::common::{self, Exporter, eventually, http, liveperson};

pub(crate) async fn simulator() -> Simulator {
    liveperson::simulator(Options::in_process()).await
}

/// Hours and not minutes: at night there is not a chat in every five minutes.
pub(crate) fn yaml(simulator: &Simulator, secret: &str) -> String {
    let more = "engagement_activity: {windows: [8h, today], interval: 2s}\n\
                sla: {windows: [8h], skills: all, interval: 2s}\n";
    liveperson::yaml(simulator, more).replace("demo-secret", secret)
}

pub(crate) async fn fault(simulator: &Simulator, fault: &str) {
    let url = format!("{}/control/faults", simulator.base_url());
    let answer = http().post(url).body(fault.to_owned()).send().await;
    assert!(answer.unwrap().status().is_success());
}

async fn status(exporter: &Exporter) -> Value {
    let (status, json) = exporter.get("/api/v1/status").await;
    assert_eq!(status, 200, "{json}");
    serde_json::from_str(&json).unwrap()
}

/// A collector of an account; null if there is none.
fn collector<'a>(account: &'a Value, label: &str) -> &'a Value {
    let mut collectors = account["collectors"].as_array().into_iter().flatten();
    let found = collectors.find(|collector| collector["name"] == label);
    found.unwrap_or(&Value::Null)
}

/// The status as soon as it is as wanted.
async fn status_when(exporter: &Exporter, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || {
        let status = status(exporter).await;
        is(&status).then_some(status)
    })
    .await
}

/// What a validator of JSON schemas says against documents; nothing where there is no validator.
fn mistakes(documents: &[Value]) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    if !has_python_package("jsonschema") {
        return String::new();
    }
    let mut python = Command::new("python3")
        .arg(format!("{root}/tests/product/status_schema.py"))
        .arg(python_packages())
        .arg(format!("{root}/docs/status.schema.json"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: Vec<String> = documents.iter().map(Value::to_string).collect();
    let written = python
        .stdin
        .take()
        .unwrap()
        .write_all(lines.join("\n").as_bytes());
    let output = python.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() == output.stderr.is_empty() || written.is_ok(),
        "{complaint}"
    );
    assert!(!complaint.contains("Traceback"), "{complaint}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn the_status_has_its_promised_shape_in_every_state() {
    let simulator = simulator().await;
    let exporter = Exporter::start(&yaml(&simulator, "demo-secret")).await;
    let first = status(&exporter).await;
    // Chats without a skill may be the slowest, and have no name.
    let has_a_name = |skills: &Value| {
        let mut skills = skills.as_array().into_iter().flatten();
        skills.any(|skill| skill["name"].is_string())
    };
    let has_figures = |status: &Value| {
        let activity = &status["accounts"][0]["activity"];
        status["state"] == "ok"
            && activity["windows"][0]["waits"].is_object()
            && activity["windows"][1]["window"] == "today"
            && has_a_name(&activity["slowest_skills"])
    };
    let well = status_when(&exporter, "everything is up, with names", has_figures).await;
    fault(
        &simulator,
        r#"[{"api": "any", "status": 429, "retry_after": "60"}]"#,
    )
    .await;
    let throttled = status_when(&exporter, "LivePerson throttles", |status| {
        status["accounts"][0]["backoff"]["reason"] == "throttled"
    })
    .await;
    assert_eq!(throttled["state"], "attention", "{throttled}");
    let wrong = Exporter::start(&yaml(&simulator, "wrong-secret")).await;
    let refused = status_when(&wrong, "the secret is refused", |status| {
        status["state"] == "down"
    })
    .await;
    assert_eq!(mistakes(&[first, well, throttled, refused]), "");
    // The validator finds what is wrong.
    let unknown = serde_json::json!({"shape": 2});
    if has_python_package("jsonschema") {
        assert_ne!(mistakes(&[unknown]), "");
    }
}

#[tokio::test]
async fn the_status_says_what_fails_and_what_to_do() {
    let simulator = simulator().await;
    let exporter = Exporter::start(&yaml(&simulator, "wrong-secret")).await;
    let failed = |status: &Value| {
        let problem = &collector(&status["accounts"][0], "sla")["problem"];
        let message = problem["message"].as_str();
        message.is_some_and(|message| message.contains("401"))
    };
    let status = status_when(&exporter, "the token is refused", failed).await;
    let account = &status["accounts"][0];
    assert_eq!(account["contact"]["answers"], true, "{account}");
    assert_eq!(account["name"], Value::Null, "{account}");
    let codes = account["calls"].as_array().unwrap().iter();
    let token = codes.clone().find(|calls| calls["api"] == "token").unwrap();
    assert_eq!(token["outcomes"][0]["code"], "401", "{account}");
    let cases = [("message", "401"), ("advice", "client_secret")];
    check_each(cases, |(field, word)| {
        let text = collector(account, "sla")["problem"][field]
            .as_str()
            .unwrap();
        assert!(text.contains(word), "{text}");
    });
    assert!(!status.to_string().contains("wrong-secret"));
    let (_, page) = exporter.get("/").await;
    assert!(
        page.contains("client_secret") && !page.contains("wrong-secret"),
        "{page}"
    );
}

#[tokio::test]
async fn names_that_cannot_be_looked_up_need_attention() {
    let simulator = simulator().await;
    fault(
        &simulator,
        r#"[{"api": "names", "status": 403, "body": "no"}]"#,
    )
    .await;
    let exporter = Exporter::start(&yaml(&simulator, "demo-secret")).await;
    let failing = status_when(&exporter, "names fail, data is fresh", |status| {
        let account = &status["accounts"][0];
        account["names"]["state"] == "failing" && collector(account, "sla")["state"] == "up"
    })
    .await;
    assert_eq!(failing["state"], "attention", "{failing}");
    let problem = &failing["accounts"][0]["names"]["problem"];
    let advice = problem["advice"].as_str().unwrap();
    assert!(advice.contains("names.lookup"), "{failing}");
    assert_eq!(mistakes(std::slice::from_ref(&failing)), "");
    let (_, page) = exporter.get("/").await;
    assert!(page.contains("set names.lookup to false"), "{page}");
}

#[tokio::test]
async fn a_429_is_the_problem_of_the_refused_collector_alone() {
    let simulator = simulator().await;
    let exporter = Exporter::start(&yaml(&simulator, "demo-secret")).await;
    status_when(&exporter, "everything is up", |status| {
        status["state"] == "ok"
    })
    .await;
    fault(
        &simulator,
        r#"[{"api": "sla", "status": 429, "retry_after": "60"}]"#,
    )
    .await;
    let throttled = status_when(&exporter, "the account is throttled", |status| {
        status["accounts"][0]["backoff"]["reason"] == "throttled"
    })
    .await;
    let collectors = throttled["accounts"][0]["collectors"].as_array().unwrap();
    for collector in collectors {
        let refused = collector["name"] == "sla";
        assert_eq!(collector["problem"].is_object(), refused, "{collector}");
    }
}

#[tokio::test]
async fn a_hanging_first_call_is_seen_under_way() {
    let simulator = simulator().await;
    fault(&simulator, r#"[{"api": "any", "delay": "60s"}]"#).await;
    let exporter = Exporter::start(&yaml(&simulator, "demo-secret")).await;
    let hanging = status_when(&exporter, "a call hangs", |status| {
        let account = &status["accounts"][0];
        account["calls_under_way"].as_u64() > Some(0)
            && collector(account, "engagement_activity")["next_call_in_seconds"].is_null()
    })
    .await;
    assert_eq!(mistakes(&[hanging]), "");
    let (_, page) = exporter.get("/").await;
    assert!(page.contains("has not answered the first calls"), "{page}");
}

#[tokio::test]
async fn nothing_of_a_request_is_reflected() {
    let simulator = simulator().await;
    let exporter = Exporter::start(&yaml(&simulator, "demo-secret")).await;
    let cases = ["/", "/api/v1/status"];
    common::cases::check_each_async(cases, async |path| {
        let request = http()
            .get(format!("{}{path}?q=marker-1", exporter.base_url))
            .header("Host", "marker-2.example")
            .header("Referer", "http://marker-3.example/")
            .header("User-Agent", "marker-4")
            .header("X-Forwarded-Host", "marker-5.example");
        let answer = request.send().await.unwrap();
        let headers = format!("{:?}", answer.headers());
        let body = answer.text().await.unwrap();
        assert!(
            !headers.contains("marker") && !body.contains("marker"),
            "{headers}\n{body}"
        );
    })
    .await;
}

#[tokio::test]
async fn the_page_is_compressed_for_those_who_accept_it() {
    let simulator = simulator().await;
    let exporter = Exporter::start(&yaml(&simulator, "demo-secret")).await;
    let cases = ["/", "/api/v1/status"];
    common::cases::check_each_async(cases, async |path| {
        let url = format!("{}{path}", exporter.base_url);
        // This client leaves the answer as it is.
        let client = reqwest::Client::builder().no_proxy().no_gzip().build();
        let request = client.unwrap().get(&url).header("Accept-Encoding", "gzip");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-encoding"], "gzip");
        let bytes = answer.bytes().await.unwrap();
        let mut text = String::new();
        let mut gzip = flate2::read::GzDecoder::new(&bytes[..]);
        std::io::Read::read_to_string(&mut gzip, &mut text).unwrap();
        assert!(
            text.contains("12345678") && text.len() > bytes.len(),
            "{text}"
        );
    })
    .await;
}
