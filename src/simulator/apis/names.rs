//! Names for ids (accountConfigReadOnly): skills, agent groups and users, each with one deleted
//! entry, with `ETag` and `If-None-Match`.

use hyper::header::ETAG;
use serde_json::{Value, json};

use crate::simulator::params::Params;
use crate::simulator::response::Answer;
use crate::simulator::world::sample_names as people;
use crate::simulator::world::staffing::{Agent, FIRST_AGENT, FIRST_GROUP, FIRST_SKILL, Staff};

/// One of the three lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    /// `le-users/skills`.
    Skills,
    /// `le-users/agentGroups`.
    Groups,
    /// `le-users/users`.
    Users,
}

impl List {
    /// By the last segment of the path.
    pub(crate) fn named(segment: &str) -> Option<Self> {
        match segment {
            "skills" => Some(Self::Skills),
            "agentGroups" => Some(Self::Groups),
            "users" => Some(Self::Users),
            _ => None,
        }
    }

    /// The answer, or 304 when the client holds the same already.
    pub(crate) fn answer(
        self,
        staff: &Staff,
        params: &Params,
        if_none_match: Option<&str>,
    ) -> Answer {
        let version = params.get("v").unwrap_or_default();
        if version.parse::<f32>().is_err() {
            return Answer::error(400, "Required parameter 'v' is missing or not numeric");
        }
        let mut entries = match self {
            Self::Skills => skills(staff),
            Self::Groups => groups(staff),
            Self::Users => users(staff),
        };
        if let Some(fields) = params.get("select").filter(|fields| *fields != "$all") {
            let fields: Vec<&str> = fields.split(',').map(str::trim).collect();
            for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
                entry.retain(|key, _| fields.contains(&key.as_str()));
            }
        }
        let body = Value::Array(entries).to_string();
        let tag = format!("\"{:016x}\"", fnv(body.as_bytes()));
        let known = if_none_match.is_some_and(|tags| tags.contains(&tag) || tags.trim() == "*");
        let answer = if known {
            Answer::text(304, "application/json", String::new())
        } else {
            Answer::text(200, "application/json", body)
        };
        answer.with(ETAG, tag)
    }
}

fn skills(staff: &Staff) -> Vec<Value> {
    let skill = |id: i64, name: String, deleted: bool| {
        json!({
            "id": id, "name": name, "description": "", "maxWaitTime": 120, "skillOrder": 1,
            "deleted": deleted,
        })
    };
    let current = staff.skills.iter().enumerate();
    let current = current.map(|(index, entry)| skill(entry.id, people::skill(index), false));
    current
        .chain([skill(FIRST_SKILL - 1, "Fax".to_owned(), true)])
        .collect()
}

fn groups(staff: &Staff) -> Vec<Value> {
    let group = |id: i64, name: String, deleted: bool| json!({ "id": id, "name": name, "isEnabled": !deleted, "deleted": deleted });
    let current = staff.groups.iter().enumerate();
    let current = current.map(|(index, &id)| group(id, people::group(index), false));
    current
        .chain([group(FIRST_GROUP - 1, "Old Town".to_owned(), true)])
        .collect()
}

fn users(staff: &Staff) -> Vec<Value> {
    let mut users: Vec<Value> = staff
        .agents
        .iter()
        .enumerate()
        .map(|(index, agent)| user(staff, index, agent))
        .collect();
    users.push(json!({
        "id": FIRST_AGENT - 1, "pid": "former", "name": "Former Colleague",
        "loginName": "former@example.com", "nickname": "Former", "fullName": "Former Colleague",
        "isEnabled": false, "deleted": true, "skillIds": [],
    }));
    users
}

fn user(staff: &Staff, index: usize, agent: &Agent) -> Value {
    let person = people::person(index);
    let skill_ids: Vec<i64> = staff
        .skills
        .iter()
        .filter(|skill| agent.lines.contains(&skill.line))
        .map(|skill| skill.id)
        .collect();
    json!({
        "id": agent.id,
        "pid": format!("{:032x}", agent.id),
        "name": person.full_name,
        "loginName": person.login_name,
        "nickname": person.nickname,
        "fullName": person.full_name,
        "isEnabled": true,
        "deleted": false,
        // Empty means: no restriction.
        "skillIds": skill_ids,
        "memberOf": { "agentGroupId": agent.group },
    })
}

/// FNV-1a: the same tag for the same list in every process.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
