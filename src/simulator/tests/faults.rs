//! Faults, limits, the control paths, and how the server starts and stops.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json as value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::simulator::{Fault, Options, Simulator, StartError, SystemClock, Target};

use super::{Caller, client, json, started};
use crate::cases::check_each_async;

const SLA: &str = "sla?v=1&timeframe=5";

async fn started_with(faults: Vec<Fault>) -> (Simulator, Caller) {
    let (simulator, _) = started(Options::in_process()).await;
    let caller = Caller::authorized(&simulator).await;
    for fault in faults {
        simulator.push_fault(fault);
    }
    (simulator, caller)
}

fn once(fault: Fault) -> Fault {
    Fault {
        api: Target::Api("sla"),
        count: Some(1),
        ..fault
    }
}

#[tokio::test]
async fn faults_with_a_count_are_followed_by_normal_data() {
    let (simulator, caller) = started_with(vec![
        once(Fault {
            status: Some(429),
            retry_after: Some("3".to_owned()),
            ..Fault::default()
        }),
        once(Fault {
            body: Some("{}".to_owned()),
            ..Fault::default()
        }),
    ])
    .await;
    assert_eq!(
        caller
            .operations("engactivity?v=1&timeframe=5")
            .await
            .status(),
        200
    );
    let throttled = caller.operations(SLA).await;
    assert_eq!(throttled.status(), 429);
    assert_eq!(throttled.headers()["retry-after"], "3");
    assert_eq!(caller.operations(SLA).await.text().await.unwrap(), "{}");
    assert!(caller.data(SLA).await.get("slaDataRange").is_some());
    let log: Vec<_> = simulator
        .requests()
        .into_iter()
        .map(|call| (call.api, call.status))
        .collect();
    let ok = Some(200);
    assert_eq!(
        log,
        [
            ("token", ok),
            ("engactivity", ok),
            ("sla", Some(429)),
            ("sla", ok),
            ("sla", ok)
        ]
    );
}

#[tokio::test]
async fn an_html_page_can_have_status_200() {
    let (_simulator, caller) = started_with(vec![once(Fault {
        html: true,
        ..Fault::default()
    })])
    .await;
    let page = caller.operations(SLA).await;
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().starts_with("<!DOCTYPE html>"));
}

#[tokio::test]
async fn a_dropped_connection_has_no_response() {
    let (simulator, caller) = started_with(vec![once(Fault {
        drop: true,
        ..Fault::default()
    })])
    .await;
    let path = format!("/operations/api/account/12345678/{SLA}");
    assert!(caller.get(&path).await.is_err());
    assert_eq!(simulator.requests().last().unwrap().status, None);
    caller.data(SLA).await;
}

#[tokio::test]
async fn a_truncated_body_ends_in_the_middle() {
    let (simulator, caller) = started_with(vec![]).await;
    let whole = caller.operations(SLA).await.bytes().await.unwrap();
    simulator.push_fault(once(Fault {
        truncate: true,
        ..Fault::default()
    }));
    let mut stream = TcpStream::connect(simulator.local_addr()).await.unwrap();
    let head = format!(
        "GET /operations/api/account/12345678/{SLA} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        caller.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    // Whether the end is a close or a reset is the system's choice.
    let _ = stream.read_to_end(&mut response).await;
    let response = String::from_utf8(response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        head.contains(&format!("content-length: {}", whole.len())),
        "{head}"
    );
    assert_eq!(body.as_bytes(), &whole[..whole.len() / 2]);
}

#[tokio::test]
async fn more_concurrent_requests_than_allowed_get_429() {
    let options = Options {
        max_concurrent: 1,
        ..Options::in_process()
    };
    let (simulator, _) = started(options).await;
    let caller = Caller::authorized(&simulator).await;
    simulator.push_fault(once(Fault {
        delay: Some(Duration::from_secs(3600)),
        ..Fault::default()
    }));
    let slow = caller.operations(SLA);
    let others = async {
        while simulator.requests().len() < 2 {
            tokio::task::yield_now().await;
        }
        let throttled = caller.operations(SLA).await;
        assert_eq!(throttled.status(), 429);
        assert!(throttled.headers().get("retry-after").is_none());
        let domain = "/api/account/12345678/service/baseURI.json?version=1.0";
        assert_eq!(caller.get(domain).await.unwrap().status(), 200);
    };
    tokio::select! {
        _ = slow => panic!("the slow call must not finish"),
        () = others => {}
    }
    // The client cancelled the slow call; its permit becomes free again.
    while caller.operations(SLA).await.status() != 200 {
        tokio::task::yield_now().await;
    }
    simulator.shutdown().await;
}

#[tokio::test]
async fn control_paths_list_add_and_remove() {
    let (simulator, caller) = started_with(vec![]).await;
    let url = |path: &str| format!("{}/control/{path}", simulator.base_url());
    let client = client();
    let posted = client
        .post(url("faults"))
        .body(r#"[{"api":"sla","count":2,"status":503}]"#);
    assert_eq!(posted.send().await.unwrap().status(), 200);
    assert_eq!(caller.operations(SLA).await.status(), 503);
    let left = json(client.get(url("faults")).send().await.unwrap()).await;
    assert_eq!(left, value!([{ "api": "sla", "count": 1, "status": 503 }]));
    let wrong = client
        .post(url("faults"))
        .body("[{}]")
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 400);
    assert!(
        json(wrong).await["errors"][0]
            .as_str()
            .unwrap()
            .starts_with("faults[0].api")
    );
    assert_eq!(
        client.delete(url("faults")).send().await.unwrap().status(),
        200
    );
    caller.data(SLA).await;
    let long = client
        .post(url("faults"))
        .body("x".repeat(1024 * 1024 + 1))
        .send()
        .await;
    assert!(long.is_err() || long.is_ok_and(|response| response.status() == 413));
    let log = json(client.get(url("requests")).send().await.unwrap()).await;
    assert_eq!(log.as_array().unwrap().len(), 3);
    assert_eq!(
        (&log[1]["api"], &log[1]["status"]),
        (&value!("sla"), &value!(503))
    );
    let cleared = json(client.delete(url("requests")).send().await.unwrap()).await;
    assert_eq!(cleared, value!([]));
    assert_eq!(
        client.post(url("revoke")).send().await.unwrap().status(),
        200
    );
    assert_eq!(caller.operations(SLA).await.status(), 401);
    assert_eq!(
        client.put(url("faults")).send().await.unwrap().status(),
        405
    );
    assert_eq!(client.get(url("other")).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn malformed_requests_do_not_block_other_connections() {
    let (simulator, caller) = started_with(vec![]).await;
    let mut malformed = TcpStream::connect(simulator.local_addr()).await.unwrap();
    malformed
        .write_all(b"\x16\x03\x01 nonsense\r\n\r\n")
        .await
        .unwrap();
    let mut response = Vec::new();
    let _ = malformed.read_to_end(&mut response).await;
    assert!(response.is_empty() || response.starts_with(b"HTTP/1.1 400"));
    let mut silent = TcpStream::connect(simulator.local_addr()).await.unwrap();
    silent.write_all(b"GET /").await.unwrap();
    caller.data(SLA).await;
    let mut huge = TcpStream::connect(simulator.local_addr()).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(200_000));
    let _ = huge.write_all(head.as_bytes()).await;
    let mut response = Vec::new();
    let _ = huge.read_to_end(&mut response).await;
    assert!(response.is_empty() || response.starts_with(b"HTTP/1.1 431"));
}

#[tokio::test]
async fn start_reports_errors_and_shutdown_frees_the_port() {
    let clock = Arc::new(SystemClock);
    let invalid = Options {
        max_concurrent: 0,
        ..Options::in_process()
    };
    let error = Simulator::start(invalid, clock.clone())
        .await
        .err()
        .unwrap();
    assert!(matches!(error, StartError::Options(_)), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("faults.yml");
    let options = Options {
        faults: Some(file.clone()),
        ..Options::in_process()
    };
    let error = Simulator::start(options.clone(), clock.clone())
        .await
        .err()
        .unwrap();
    assert!(error.to_string().contains("does not exist"), "{error}");
    std::fs::write(&file, "- {api: slaa}\n").unwrap();
    let error = Simulator::start(options.clone(), clock.clone())
        .await
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .contains("faults.yml: faults[0].api: expected one of "),
        "{error}"
    );
    std::fs::write(&file, "- {api: token, count: 1, status: 500}\n").unwrap();
    let simulator = Simulator::start(options, clock.clone()).await.unwrap();
    let url = format!(
        "{}/sentinel/api/v2/account/12345678/app/token",
        simulator.base_url()
    );
    assert_eq!(client().post(url).send().await.unwrap().status(), 500);

    let taken = Options {
        listen: simulator.local_addr(),
        ..Options::in_process()
    };
    let error = Simulator::start(taken.clone(), clock.clone())
        .await
        .err()
        .unwrap();
    assert!(matches!(error, StartError::Listen { .. }), "{error}");
    simulator.shutdown().await;
    Simulator::start(taken, clock)
        .await
        .unwrap()
        .shutdown()
        .await;
}

#[tokio::test]
async fn a_fault_file_has_the_limits_of_every_yaml_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("faults.yml");
    let start = async || {
        let options = Options {
            faults: Some(file.clone()),
            ..Options::in_process()
        };
        let started = Simulator::start(options, Arc::new(SystemClock)).await;
        started.err().map(|error| error.to_string())
    };
    let cases = [
        (b"- {api: sla, status: 503}\n".to_vec(), None),
        (b"# c\r- {api: sla}\0\n".to_vec(), Some("holds a NUL")),
        (b"\xff".to_vec(), Some("is not UTF-8 text")),
        ("- ".repeat(100_000).into_bytes(), Some("levels deep")),
        (vec![b'#'; 2 << 20], Some("faults.yml: is larger than 1MiB")),
    ];
    check_each_async(cases, async |(bytes, wanted)| {
        std::fs::write(&file, bytes).unwrap();
        match (start().await, wanted) {
            (None, None) => {}
            (Some(error), Some(wanted)) if error.contains(wanted) => {}
            (found, wanted) => panic!("{wanted:?}: {found:?}"),
        }
    })
    .await;
    std::fs::remove_file(&file).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&file).status();
    assert!(made.unwrap().success());
    let error = start().await.unwrap();
    assert!(error.ends_with("is not a regular file"), "{error}");
}

/// `demo` has the control path, too: a caller must not be able to stop the exporter.
#[tokio::test]
async fn deeply_nested_faults_are_refused_by_the_control_path() {
    let (simulator, _) = started(Options::in_process()).await;
    let url = format!("{}/control/faults", simulator.base_url());
    let cases = ["- ".repeat(30_000), format!("# c\r{}", "- ".repeat(30_000))];
    check_each_async(cases, async |text| {
        let response = client().post(&url).body(text).send().await.unwrap();
        assert_eq!(response.status(), 400);
        assert!(response.text().await.unwrap().contains("levels deep"));
    })
    .await;
}
