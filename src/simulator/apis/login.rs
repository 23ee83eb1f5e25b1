//! User login (agentVep): a bearer for a user name and a password.

use hyper::Method;
use serde_json::{Value, json};

use super::{Access, Api, ApiRequest};
use crate::simulator::auth;
use crate::simulator::params::InvalidParameter;
use crate::simulator::response::ApiResponse;
use crate::simulator::world::World;

/// The API.
pub(super) struct Login;

impl Api for Login {
    fn name(&self) -> &'static str {
        "token"
    }

    fn service(&self) -> Option<&'static str> {
        Some("agentVep")
    }

    fn path(&self) -> &'static str {
        "/api/account/{account}/login"
    }

    fn method(&self) -> Method {
        Method::POST
    }

    fn example_query(&self) -> &'static str {
        "v=1.3"
    }

    fn access(&self) -> Access {
        Access::SignIn
    }

    fn respond(
        &self,
        request: &ApiRequest,
        world: &World<'_>,
    ) -> Result<ApiResponse, InvalidParameter> {
        Ok(match check_user(request, world) {
            Ok(()) => ApiResponse::json(200, &issue(world)),
            Err(refused) => refused,
        })
    }
}

fn check_user(request: &ApiRequest, world: &World<'_>) -> Result<(), ApiResponse> {
    if !request.has_media_type("application/json") {
        let message = "Content-Type must be application/json";
        return Err(ApiResponse::error(415, message));
    }
    let Ok(Value::Object(login)) = serde_json::from_slice(request.body()) else {
        let message = "The body must be a JSON object with username and password";
        return Err(ApiResponse::error(400, message));
    };
    let field = |name: &str| login.get(name).and_then(Value::as_str);
    let (Some(username), Some(password)) = (field("username"), field("password")) else {
        let message = "username and password are required";
        return Err(ApiResponse::error(400, message));
    };
    let secrets = world.credentials().secrets();
    if username != world.options().username || !auth::equals(&secrets.password, password) {
        let message = "Login failed: wrong user name or password";
        return Err(ApiResponse::error(401, message));
    }
    Ok(())
}

fn issue(world: &World<'_>) -> Value {
    let options = world.options();
    let credentials = world.credentials();
    let bearer = credentials.tokens().issue_bearer(world.token_expiry());
    let csrf = format!("{:016x}", fastrand::u64(..));
    credentials.record(&bearer);
    credentials.record(&csrf);
    json!({
        "bearer": bearer,
        "csrf": csrf,
        "config": { "loginName": options.username, "isAdmin": false },
        "accountData": { "id": options.account },
    })
}
