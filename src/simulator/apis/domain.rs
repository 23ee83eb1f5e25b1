//! The Domain API: which host serves which service. Here one host serves all of them.

use serde_json::json;

use super::{Access, Api, ApiRequest};
use crate::simulator::params::InvalidParameter;
use crate::simulator::response::ApiResponse;
use crate::simulator::world::World;

/// Services that LivePerson has and of which no API is simulated.
const OTHER_SERVICES: [&str; 1] = ["agentManagerWorkspace"];

/// The API; its two paths are for one service and for all of them.
pub(super) enum Domain {
    OneService,
    AllServices,
}

impl Api for Domain {
    fn name(&self) -> &'static str {
        "domain"
    }

    fn path(&self) -> &'static str {
        match self {
            Self::OneService => "/api/account/{account}/service/{service}/baseURI.json",
            Self::AllServices => "/api/account/{account}/service/baseURI.json",
        }
    }

    fn example_query(&self) -> &'static str {
        "version=1.0"
    }

    fn access(&self) -> Access {
        Access::Public
    }

    fn respond(
        &self,
        request: &ApiRequest,
        world: &World<'_>,
    ) -> Result<ApiResponse, InvalidParameter> {
        let account = &world.options().account;
        if request.account() != account {
            let message = format!("Account '{}' was not found", shortened(request.account()));
            return Ok(ApiResponse::error(404, &message));
        }
        if request.params().get("version") != Some("1.0") {
            let message = "Required parameter 'version' must be 1.0";
            return Ok(ApiResponse::error(400, message));
        }
        // Host and port without a scheme.
        let host = request.host();
        let entry =
            |service: &str| json!({ "service": service, "account": account, "baseURI": host });
        let mut services = world.services().to_vec();
        services.extend(OTHER_SERVICES);
        Ok(match self {
            Self::AllServices => {
                let all: Vec<_> = services.into_iter().map(entry).collect();
                ApiResponse::json(200, &json!({ "baseURIs": all }))
            }
            // Names are case sensitive.
            Self::OneService => match request.path_param("service").unwrap_or_default() {
                service if services.contains(&service) => ApiResponse::json(200, &entry(service)),
                service => {
                    let service = shortened(service);
                    let message =
                        format!("Service '{service}' was not found for account {account}");
                    ApiResponse::error(404, &message)
                }
            },
        })
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}
