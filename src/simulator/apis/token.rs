//! OAuth 2.0 client credentials (sentinel): a token for an id and a secret.

use hyper::Method;
use serde_json::json;
use url::form_urlencoded;

use super::{Access, Api, ApiRequest};
use crate::simulator::auth::{self, JwtClaims};
use crate::simulator::params::InvalidParameter;
use crate::simulator::response::ApiResponse;
use crate::simulator::world::World;

/// The API.
pub(super) struct Token;

impl Api for Token {
    fn name(&self) -> &'static str {
        "token"
    }

    fn service(&self) -> Option<&'static str> {
        Some("sentinel")
    }

    fn path(&self) -> &'static str {
        "/sentinel/api/v2/account/{account}/app/token"
    }

    fn method(&self) -> Method {
        Method::POST
    }

    fn access(&self) -> Access {
        Access::SignIn
    }

    fn respond(
        &self,
        request: &ApiRequest,
        world: &World<'_>,
    ) -> Result<ApiResponse, InvalidParameter> {
        Ok(match check_form(request, world) {
            Ok(()) => ApiResponse::json(200, &issue(world)),
            Err(refused) => refused,
        })
    }
}

fn check_form(request: &ApiRequest, world: &World<'_>) -> Result<(), ApiResponse> {
    if !request.has_media_type("application/x-www-form-urlencoded") {
        let message = "Content-Type must be application/x-www-form-urlencoded";
        return Err(oauth_error(415, "invalid_request", message));
    }
    let form: Vec<_> = form_urlencoded::parse(request.body()).collect();
    let field = |name: &str| {
        let found = form.iter().find(|(key, _)| key == name);
        let value = found.map(|(_, value)| value.as_ref());
        value.filter(|value| !value.is_empty())
    };
    let (Some(grant_type), Some(id), Some(secret)) = (
        field("grant_type"),
        field("client_id"),
        field("client_secret"),
    ) else {
        let message = "grant_type, client_id and client_secret are required";
        return Err(oauth_error(400, "invalid_request", message));
    };
    if grant_type != "client_credentials" {
        let message = "grant_type must be client_credentials";
        return Err(oauth_error(400, "unsupported_grant_type", message));
    }
    let secrets = world.credentials().secrets();
    if id != world.options().client_id || !auth::equals(&secrets.client_secret, secret) {
        let message = "Client authentication failed";
        return Err(oauth_error(401, "invalid_client", message));
    }
    Ok(())
}

fn issue(world: &World<'_>) -> serde_json::Value {
    let options = world.options();
    let credentials = world.credentials();
    let token = credentials.tokens().issue_jwt(&JwtClaims {
        client_id: &options.client_id,
        account: &options.account,
        issued_at: world.token_time(),
        expires_at: world.token_expiry(),
    });
    credentials.record(&token);
    let mut body = json!({ "access_token": token, "token_type": "Bearer" });
    if !options.no_expires_in {
        body["expires_in"] = json!(options.token_lifetime.as_secs());
    }
    body
}

fn oauth_error(status: u16, error: &str, description: &str) -> ApiResponse {
    let body = json!({ "error": error, "error_description": description });
    ApiResponse::json(status, &body)
}
