//! Responses without faults over HTTP: hosts, authorisation, data and names.

use std::time::Duration;

use serde_json::{Value, json as value};

use crate::simulator::{Numbers, Options, SectionName, Simulator};

use super::{BUSY, Caller, client, json, started};
use crate::cases::check_each_async;

async fn post(
    simulator: &Simulator,
    path: &str,
    content_type: &str,
    body: &str,
) -> reqwest::Response {
    let url = format!("{}{path}", simulator.base_url());
    let call = client().post(url).header("Content-Type", content_type);
    call.body(body.to_owned()).send().await.unwrap()
}

#[tokio::test]
async fn the_domain_api_lists_this_host_for_every_service() {
    let (simulator, _) = started(Options::in_process()).await;
    let host = simulator.local_addr().to_string();
    let base = format!("{}/api/account/12345678/service", simulator.base_url());
    let get = async |path: &str| client().get(format!("{base}{path}")).send().await.unwrap();
    let one = json(get("/leDataReporting/baseURI.json?version=1.0").await).await;
    let expected = value!({ "service": "leDataReporting", "account": "12345678", "baseURI": host });
    assert_eq!(one, expected);
    let all = json(get("/baseURI.json?version=1.0").await).await;
    assert!(all["baseURIs"].as_array().unwrap().contains(&expected));
    assert_eq!(
        get("/ledatareporting/baseURI.json?version=1.0")
            .await
            .status(),
        404
    );
    assert_eq!(get("/leDataReporting/baseURI.json").await.status(), 400);
    let other = simulator.base_url() + "/api/account/1/service/baseURI.json?version=1.0";
    let other = client().get(other).send().await.unwrap();
    assert_eq!(other.status(), 404);
    assert!(
        json(other).await["error"]["message"]
            .as_str()
            .unwrap()
            .contains("'1'")
    );
    simulator.shutdown().await;
}

#[tokio::test]
async fn tokens_are_issued_for_a_correct_form_only() {
    let (simulator, _) = started(Options::in_process()).await;
    let path = "/sentinel/api/v2/account/12345678/app/token";
    let form = "application/x-www-form-urlencoded";
    let good = "grant_type=client_credentials&client_id=demo&client_secret=demo-secret";
    let response = post(&simulator, path, &format!("{form}; charset=UTF-8"), good).await;
    assert_eq!(response.status(), 200);
    let response = json(response).await;
    assert_eq!(response["token_type"], "Bearer");
    assert_eq!(response["expires_in"], 3600);
    assert_eq!(
        response["access_token"]
            .as_str()
            .unwrap()
            .split('.')
            .count(),
        3
    );
    let table = [
        (form, good.replace("demo-secret", "wrong"), 401),
        (form, good.replace("=demo&", "=other&"), 401),
        (form, good.replace("client_credentials", "password"), 400),
        (
            form,
            "grant_type=client_credentials&client_id=demo".to_owned(),
            400,
        ),
        ("application/json", good.to_owned(), 415),
        (form, "x".repeat(20_000), 413),
    ];
    check_each_async(table, async |(content_type, body, status)| {
        let response = post(&simulator, path, content_type, &body).await;
        assert_eq!(response.status(), status, "{content_type} {body:.60}");
        assert!(json(response).await.get("error").is_some());
    })
    .await;
    let elsewhere = post(
        &simulator,
        "/sentinel/api/v2/account/9/app/token",
        form,
        good,
    )
    .await;
    assert_eq!(elsewhere.status(), 401);
}

#[tokio::test]
async fn a_login_bearer_is_accepted_by_the_data_apis() {
    let (simulator, _) = started(Options::in_process()).await;
    let path = "/api/account/12345678/login?v=1.3";
    let body = r#"{"username":"demo","password":"demo-password"}"#;
    let response = json(post(&simulator, path, "application/json", body).await).await;
    assert!(response["csrf"].is_string());
    let mut caller = Caller::authorized(&simulator).await;
    caller.token = response["bearer"].as_str().unwrap().to_owned();
    caller.data("sla?v=1&timeframe=5").await;
    let wrong = body.replace("demo-password", "wrong");
    assert_eq!(
        post(&simulator, path, "application/json", &wrong)
            .await
            .status(),
        401
    );
    assert_eq!(
        post(&simulator, path, "application/json", "[]")
            .await
            .status(),
        400
    );
    assert_eq!(
        post(&simulator, path, "text/plain", body).await.status(),
        415
    );
}

#[tokio::test]
async fn data_apis_need_a_valid_token() {
    let options = Options {
        token_lifetime: Duration::from_secs(60),
        no_expires_in: true,
        ..Options::in_process()
    };
    let (simulator, clock) = started(options).await;
    let url = format!(
        "{}/operations/api/account/12345678/sla?v=1&timeframe=5",
        simulator.base_url()
    );
    assert_eq!(client().get(&url).send().await.unwrap().status(), 401);
    let mut caller = Caller::authorized(&simulator).await;
    caller.data("sla?v=1&timeframe=5").await;
    clock.advance(60_000);
    assert_eq!(caller.operations("sla?v=1&timeframe=5").await.status(), 401);
    caller = Caller::authorized(&simulator).await;
    caller.data("engactivity?v=1&timeframe=5").await;
    simulator.revoke_tokens();
    assert_eq!(caller.operations("sla?v=1&timeframe=5").await.status(), 401);
    let caller = Caller::authorized(&simulator).await;
    let other = caller
        .get("/operations/api/account/87654321/sla?v=1&timeframe=5")
        .await
        .unwrap();
    assert_eq!(other.status(), 403);
}

#[tokio::test]
async fn bad_parameters_methods_and_paths_have_their_own_status() {
    let (simulator, _) = started(Options::in_process()).await;
    let caller = Caller::authorized(&simulator).await;
    let cases = [
        "timeframe=5",
        "v=1",
        "v=1&timeframe=1441",
        "v=1&timeframe=60&interval=31",
        "v=1&timeframe=5&skillIds=x",
    ];
    check_each_async(cases, async |query| {
        let response = caller.operations(&format!("engactivity?{query}")).await;
        assert_eq!(response.status(), 400, "{query}");
        assert!(json(response).await["error"]["message"].is_string());
    })
    .await;
    assert_eq!(
        caller
            .operations("sla?v=1&timeframe=5&histogram=7")
            .await
            .status(),
        400
    );
    assert_eq!(
        caller
            .operations("sla?v=1&timeframe=5&unknown=%ff&groupIds=11%2C12")
            .await
            .status(),
        200
    );
    assert_eq!(caller.operations("other?v=1").await.status(), 404);
    let url = format!(
        "{}/operations/api/account/12345678/sla",
        simulator.base_url()
    );
    let wrong = client().post(url).send().await.unwrap();
    assert_eq!(
        (
            wrong.status().as_u16(),
            wrong.headers()["allow"].to_str().unwrap()
        ),
        (405, "GET")
    );
    let long = caller
        .operations(&format!("sla?v=1&x={}", "y".repeat(9_000)))
        .await;
    assert_eq!(long.status(), 414);
    let root = caller.get("/").await.unwrap().text().await.unwrap();
    assert!(root.contains("12345678"));
}

#[tokio::test]
async fn numbers_change_every_ten_seconds_and_not_before() {
    let (simulator, clock) = started(Options::in_process()).await;
    let caller = Caller::authorized(&simulator).await;
    clock.set(BUSY - BUSY % 10_000);
    let path = "engactivity?v=1&timeframe=1440&skillIds=all&agentIds=all";
    let first = caller.data(path).await;
    clock.advance(9_999);
    assert_eq!(caller.data(path).await, first);
    clock.advance(60_001);
    assert_ne!(caller.data(path).await, first);
    let account = caller.data("engactivity?v=1&timeframe=1440").await;
    assert!(
        account["metricsTotals"]["totalInteractiveChats"]
            .as_i64()
            .unwrap()
            > 1_000
    );
}

#[tokio::test]
async fn one_seed_gives_one_history_and_two_seeds_give_two() {
    let path = "engactivity?v=1&timeframe=1440&skillIds=all";
    let mut responses = Vec::new();
    for seed in [1, 1, 2] {
        let (simulator, _) = started(Options {
            seed,
            ..Options::in_process()
        })
        .await;
        responses.push(Caller::authorized(&simulator).await.data(path).await);
        simulator.shutdown().await;
    }
    assert_eq!(responses[0], responses[1]);
    assert_ne!(responses[0], responses[2]);
}

#[tokio::test]
async fn numbers_envelope_and_section_name_can_be_chosen() {
    let options = Options {
        numbers: Numbers::String,
        envelope: true,
        section_name: SectionName::SkillsMetrics,
        ..Options::in_process()
    };
    let (simulator, _) = started(options).await;
    let caller = Caller::authorized(&simulator).await;
    let response = caller
        .data("engactivity?v=1&timeframe=60&skillIds=all&interval=60")
        .await;
    assert_eq!(response["meta"]["responseCode"], 200);
    let body = &response["body"];
    assert!(body["skillsMetrics"]["metricsTotals"]["totalHandlingTime"].is_string());
    assert!(body["metricsByIntervals"][0]["timestamp"].is_string());
    let sla = caller.data("sla?v=1&timeframe=60").await;
    let first: f64 = sla["body"]["slaDataRange"]["0"]["accumulated"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(first > 0.0 && first <= 1.0);
    let bad = caller.operations("sla?v=1").await;
    assert_eq!(bad.status(), 400);
    assert_eq!(json(bad).await["meta"]["responseCode"], 400);

    let (simulator, _) = started(Options {
        numbers: Numbers::Double,
        ..Options::in_process()
    })
    .await;
    let response = Caller::authorized(&simulator)
        .await
        .operations("engactivity?v=1&timeframe=60")
        .await;
    assert!(response.text().await.unwrap().contains(".0"));
}

/// Where the lists of names are.
const NAMES: &str = "/api/account/12345678/configuration/le-users";

#[tokio::test]
async fn names_exist_for_every_id_and_have_an_etag() {
    let (simulator, _) = started(Options::in_process()).await;
    let caller = Caller::authorized(&simulator).await;
    let cases = [
        ("skills", "4.0", 9),
        ("agentGroups", "2.0", 4),
        ("users", "4.0", 41),
    ];
    check_each_async(cases, async |(list, version, count)| {
        let path = format!("{NAMES}/{list}?v={version}");
        let response = caller.get(&path).await.unwrap();
        let tag = response.headers()["etag"].clone();
        let entries = json(response).await;
        let entries = entries.as_array().unwrap();
        assert_eq!(entries.len(), count, "{list}");
        assert!(
            entries
                .iter()
                .all(|entry| entry["id"].is_i64() && entry["name"].is_string())
        );
        let deleted = entries
            .iter()
            .filter(|entry| entry["deleted"] == Value::Bool(true));
        assert_eq!(deleted.count(), 1);
        let url = format!("{}{path}", caller.base);
        let again = caller.client.get(url).bearer_auth(&caller.token);
        let again = again.header("If-None-Match", tag).send().await.unwrap();
        assert_eq!(again.status(), 304);
        assert!(again.bytes().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn lists_of_names_take_select_and_want_v_and_a_token() {
    let (simulator, _) = started(Options::in_process()).await;
    let caller = Caller::authorized(&simulator).await;
    let select = caller
        .get(&format!("{NAMES}/users?v=4.0&select=id,name"))
        .await
        .unwrap();
    assert_eq!(json(select).await[0].as_object().unwrap().len(), 2);
    assert_eq!(
        caller
            .get(&format!("{NAMES}/skills"))
            .await
            .unwrap()
            .status(),
        400
    );
    let bare = client()
        .get(format!("{}{NAMES}/skills?v=4.0", caller.base))
        .send()
        .await
        .unwrap();
    assert_eq!(bare.status(), 401);
}

#[tokio::test]
async fn every_agent_with_chats_has_a_name() {
    let (simulator, _) = started(Options::in_process()).await;
    let caller = Caller::authorized(&simulator).await;
    let users = caller.get(&format!("{NAMES}/users?v=4.0")).await.unwrap();
    let known: Vec<String> = json(users)
        .await
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["id"].to_string())
        .collect();
    let agents = caller
        .data("engactivity?v=1&timeframe=1440&agentIds=all")
        .await;
    let seen = agents["agentsMetrics"]["metricsPerAgent"]
        .as_object()
        .unwrap();
    assert!(seen.len() > 25 && seen.keys().all(|id| known.contains(id)));
}
