//! Names for ids (accountConfigReadOnly): skills, agent groups and users, each with one deleted
//! entry, with `ETag` and `If-None-Match`.

use hyper::header::{ETAG, IF_NONE_MATCH};
use serde_json::{Value, json};

use super::{Api, ApiRequest};
use crate::simulator::params::InvalidParameter;
use crate::simulator::response::ApiResponse;
use crate::simulator::world::{Agent, FIRST_AGENT, FIRST_GROUP, FIRST_SKILL, World};

/// The API; each list has its own path.
pub(super) enum Names {
    Skills,
    AgentGroups,
    Users,
}

impl Api for Names {
    fn name(&self) -> &'static str {
        "names"
    }

    fn service(&self) -> Option<&'static str> {
        Some("accountConfigReadOnly")
    }

    fn path(&self) -> &'static str {
        match self {
            Self::Skills => "/api/account/{account}/configuration/le-users/skills",
            Self::AgentGroups => "/api/account/{account}/configuration/le-users/agentGroups",
            Self::Users => "/api/account/{account}/configuration/le-users/users",
        }
    }

    fn example_query(&self) -> &'static str {
        match self {
            Self::AgentGroups => "v=2.0",
            Self::Skills | Self::Users => "v=4.0",
        }
    }

    fn respond(
        &self,
        request: &ApiRequest,
        world: &World<'_>,
    ) -> Result<ApiResponse, InvalidParameter> {
        let version = request.params().get("v").unwrap_or_default();
        if version.parse::<f32>().is_err() {
            let message = "Required parameter 'v' is missing or not numeric";
            return Ok(ApiResponse::error(400, message));
        }
        let mut entries = match self {
            Self::Skills => skills(world),
            Self::AgentGroups => groups(world),
            Self::Users => users(world),
        };
        if let Some(fields) = request.params().get("select") {
            select(&mut entries, fields);
        }
        let body = Value::Array(entries).to_string();
        let tag = format!("\"{:016x}\"", fnv(body.as_bytes()));
        let known = request.header(IF_NONE_MATCH);
        let is_known = known.is_some_and(|tags| tags.contains(&tag) || tags.trim() == "*");
        let response = if is_known {
            ApiResponse::text(304, "application/json", String::new())
        } else {
            ApiResponse::text(200, "application/json", body)
        };
        Ok(response.with_header(ETAG, tag))
    }
}

/// Keeps the fields named by `select`; `$all` keeps all of them.
fn select(entries: &mut [Value], fields: &str) {
    if fields == "$all" {
        return;
    }
    let fields: Vec<&str> = fields.split(',').map(str::trim).collect();
    for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
        entry.retain(|key, _| fields.contains(&key.as_str()));
    }
}

fn skills(world: &World<'_>) -> Vec<Value> {
    let current = world.skills().iter();
    let current = current.map(|entry| skill(entry.id(), &entry.name(), false));
    let deleted = skill(FIRST_SKILL - 1, "Fax", true);
    current.chain([deleted]).collect()
}

fn skill(id: i64, name: &str, deleted: bool) -> Value {
    json!({
        "id": id,
        "name": name,
        "description": "",
        "maxWaitTime": 120,
        "skillOrder": 1,
        "deleted": deleted,
    })
}

fn groups(world: &World<'_>) -> Vec<Value> {
    let current = world.groups().iter();
    let current = current.map(|entry| group(entry.id(), &entry.name(), false));
    let deleted = group(FIRST_GROUP - 1, "Old Town", true);
    current.chain([deleted]).collect()
}

fn group(id: i64, name: &str, deleted: bool) -> Value {
    json!({ "id": id, "name": name, "isEnabled": !deleted, "deleted": deleted })
}

fn users(world: &World<'_>) -> Vec<Value> {
    let current = world.agents().iter().map(|agent| user(world, agent));
    let deleted = json!({
        "id": FIRST_AGENT - 1,
        "pid": "former",
        "name": "Former Colleague",
        "loginName": "former@example.com",
        "nickname": "Former",
        "fullName": "Former Colleague",
        "isEnabled": false,
        "deleted": true,
        "skillIds": [],
    });
    current.chain([deleted]).collect()
}

fn user(world: &World<'_>, agent: &Agent) -> Value {
    let names = agent.names();
    let skills = world.skills().iter();
    let assigned = skills.filter(|skill| agent.is_assigned(skill));
    let skill_ids: Vec<i64> = assigned.map(|skill| skill.id()).collect();
    json!({
        "id": agent.id(),
        "pid": format!("{:032x}", agent.id()),
        "name": names.full_name,
        "loginName": names.login_name,
        "nickname": names.nickname,
        "fullName": names.full_name,
        "isEnabled": true,
        "deleted": false,
        // Empty means: no restriction.
        "skillIds": skill_ids,
        "memberOf": { "agentGroupId": agent.group() },
    })
}

/// FNV-1a: the same tag for the same list in every process.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
