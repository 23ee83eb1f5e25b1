//! Tests of the whole simulator: what the contact centre is like, what is counted from it, and how
//! it responds over HTTP.

mod apis;
mod chat_index;
mod data_apis;
mod deployment;
mod faults;
mod http;
mod intervals;
mod truth;
mod world;

use std::sync::Arc;

use serde_json::Value;

use super::apis::Api;
use super::{ManualClock, Options, Simulator};

impl std::fmt::Debug for dyn Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.path())
    }
}

/// Tuesday, 3 June 2025, 11:02:37 UTC: a busy moment.
const BUSY: i64 = 1_748_948_557_000;
/// Wednesday, 4 June 2025, 03:07:12 UTC: the small hours.
const QUIET: i64 = 1_749_006_432_000;

/// A simulator standing at [`BUSY`].
async fn started(options: Options) -> (Simulator, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(BUSY));
    let simulator = Simulator::start(options, clock.clone()).await.unwrap();
    (simulator, clock)
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A client that has a token.
struct Caller {
    client: reqwest::Client,
    base: String,
    token: String,
}

impl Caller {
    async fn authorized(simulator: &Simulator) -> Self {
        let client = client();
        let base = simulator.base_url();
        let url = format!("{base}/sentinel/api/v2/account/12345678/app/token");
        let form = "grant_type=client_credentials&client_id=demo&client_secret=demo-secret";
        let response = client
            .post(url)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        let token = json(response).await["access_token"]
            .as_str()
            .unwrap()
            .to_owned();
        Self {
            client,
            base,
            token,
        }
    }

    /// GET of a path below `/operations/api/account/12345678/`.
    async fn operations(&self, path: &str) -> reqwest::Response {
        self.get(&format!("/operations/api/account/12345678/{path}"))
            .await
            .unwrap()
    }

    /// The JSON of a data API's response, which must be a success.
    async fn data(&self, path: &str) -> Value {
        let response = self.operations(path).await;
        assert_eq!(response.status(), 200, "{path}");
        json(response).await
    }

    async fn get(&self, path: &str) -> reqwest::Result<reqwest::Response> {
        let url = format!("{}{path}", self.base);
        self.client.get(url).bearer_auth(&self.token).send().await
    }
}

async fn json(response: reqwest::Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}
