//! What holds for every API of the registry, and an API that is added from outside.

use std::sync::Arc;

use hyper::Method;
use serde_json::{Value, json as value};

use crate::simulator::apis::{Access, Api, ApiRequest, Apis};
use crate::simulator::{
    ApiResponse, Fault, InvalidParameter, ManualClock, Options, Simulator, Target, World,
};

use super::{BUSY, Caller, json};
use crate::cases::{check_each, check_each_async};

/// The path and query of an example call for `account`.
fn example(api: &dyn Api, account: &str) -> String {
    let path = api.path().replace("{account}", account);
    let path = path.replace("{service}", "leDataReporting");
    format!("{path}?{}", api.example_query())
}

async fn send(caller: &Caller, method: Method, path: &str, token: &str) -> reqwest::Response {
    let url = format!("{}{path}", caller.base);
    let call = caller.client.request(method, url).bearer_auth(token);
    call.send().await.unwrap()
}

async fn call(caller: &Caller, api: &dyn Api, account: &str, token: &str) -> u16 {
    let path = example(api, account);
    let response = send(caller, api.method(), &path, token).await;
    response.status().as_u16()
}

async fn with_waiting_chats() -> (Simulator, Caller) {
    let apis = Apis::standard().with(&WaitingChats);
    let options = Options {
        max_concurrent: 1,
        ..Options::in_process()
    };
    let clock = Arc::new(ManualClock::at(BUSY));
    let simulator = Simulator::start_with(apis, options, clock).await.unwrap();
    let caller = Caller::authorized(&simulator).await;
    (simulator, caller)
}

#[tokio::test]
async fn every_api_requires_the_access_that_it_declares() {
    let (simulator, caller) = with_waiting_chats().await;
    check_each_async(simulator.state.apis.iter(), async |api| {
        let own = call(&caller, api, "12345678", &caller.token).await;
        let other_account = call(&caller, api, "87654321", &caller.token).await;
        let without_token = call(&caller, api, "12345678", "x").await;
        let expected = match api.access() {
            Access::Authorized => (200, 403, 401),
            // The body is missing.
            Access::SignIn => (415, 401, 415),
            Access::Public => (200, 404, 200),
        };
        let statuses = (own, other_account, without_token);
        assert_eq!(statuses, expected);
    })
    .await;
}

#[tokio::test]
async fn every_api_refuses_another_method() {
    let (simulator, caller) = with_waiting_chats().await;
    check_each_async(simulator.state.apis.iter(), async |api| {
        let path = example(api, "12345678");
        let response = send(&caller, Method::PATCH, &path, &caller.token).await;
        assert_eq!(response.status(), 405, "{path}");
        assert_eq!(response.headers()["allow"], api.method().as_str());
    })
    .await;
}

#[tokio::test]
async fn every_api_is_logged_and_subject_to_faults_by_name() {
    let (simulator, caller) = with_waiting_chats().await;
    check_each_async(simulator.state.apis.iter(), async |api| {
        simulator.push_fault(Fault {
            api: Target::Api(api.name()),
            count: Some(1),
            status: Some(503),
            ..Fault::default()
        });
        assert_eq!(call(&caller, api, "12345678", &caller.token).await, 503);
        let last = simulator.requests().pop().unwrap();
        assert_eq!((last.api, last.status), (api.name(), Some(503)));
    })
    .await;
    let url = format!("{}/control/faults", caller.base);
    check_each_async(simulator.state.apis.names(), async |name| {
        let fault = value!([{ "api": name, "status": 500 }]).to_string();
        let added = caller.client.post(&url).body(fault).send().await.unwrap();
        assert_eq!(added.status(), 200, "{name}");
    })
    .await;
}

#[tokio::test]
async fn every_api_is_on_the_start_page_and_every_service_is_listed() {
    let (simulator, caller) = with_waiting_chats().await;
    let page = caller.get("/").await.unwrap().text().await.unwrap();
    let services = "/api/account/12345678/service/baseURI.json?version=1.0";
    let services = caller.get(services).await.unwrap().text().await.unwrap();
    check_each(simulator.state.apis.iter(), |api| {
        let path = api.path().replace("{account}", "12345678");
        assert!(page.contains(&path), "{path} in {page}");
        let mut service = api.service().into_iter();
        assert!(service.all(|service| services.contains(service)));
    });
}

/// The number of chats that wait and of slots that are free, by skill.
struct WaitingChats;

impl Api for WaitingChats {
    fn name(&self) -> &'static str {
        "waitingchats"
    }

    fn service(&self) -> Option<&'static str> {
        Some("leDataReporting")
    }

    fn path(&self) -> &'static str {
        "/operations/api/account/{account}/waitingchats"
    }

    fn example_query(&self) -> &'static str {
        "v=1"
    }

    fn has_envelope(&self) -> bool {
        true
    }

    fn respond(
        &self,
        request: &ApiRequest,
        world: &World<'_>,
    ) -> Result<ApiResponse, InvalidParameter> {
        request.params().check_version()?;
        let waiting = world.waiting_chats();
        let on_duty = world.agents_on_duty();
        let skills = world.skills().iter().map(|skill| {
            let queued = waiting.iter().filter(|chat| chat.skill == skill.id());
            let serving = on_duty.iter().filter(|state| state.agent.serves(skill));
            let slots: usize = serving.map(|state| state.free_slots).sum();
            let state = value!({
                "waiting": queued.count(),
                "freeSlots": slots,
            });
            (skill.id().to_string(), state)
        });
        let skills: serde_json::Map<String, Value> = skills.collect();
        Ok(ApiResponse::json(200, &value!({ "skills": skills })))
    }
}

#[tokio::test]
async fn an_added_api_reads_the_simulated_world() {
    let (_simulator, caller) = with_waiting_chats().await;
    let state = caller.data("waitingchats?v=1").await;
    let skills = state["skills"].as_object().unwrap();
    assert_eq!(skills.len(), 8);
    let mut slots = skills.values().map(|skill| &skill["freeSlots"]);
    assert!(slots.any(|slots| slots.as_u64() > Some(0)), "{state}");
    let refused = caller.operations("waitingchats?v=9").await;
    assert_eq!(refused.status(), 400);
    let message = &json(refused).await["error"]["message"];
    assert!(message.as_str().unwrap().contains("version"), "{message}");
}
