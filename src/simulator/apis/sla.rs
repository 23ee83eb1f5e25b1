//! SLA Histogram: how long visitors waited from being queued until an agent replied.
//!
//! Only answered chats count, in the bucket in which they were answered. `skillIds` restricts by
//! the chat's skill, `groupIds` by the group of the agent who took it; `all` or nothing at all
//! restricts nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::simulator::json_style::Numbers;
use crate::simulator::params::{BadParameter, Ids, Params};
use crate::simulator::world::arrivals::Chat;
use crate::simulator::world::window::Window;

/// A checked request.
pub(crate) struct Request {
    /// Minutes.
    pub(crate) timeframe: i64,
    skills: Ids,
    groups: Ids,
    /// By lower limit in seconds: no chats yet.
    buckets: BTreeMap<u32, u32>,
}

impl Request {
    /// Checks every parameter; the first mistake is the answer.
    pub(crate) fn read(params: &Params) -> Result<Self, BadParameter> {
        params.check_version()?;
        Ok(Self {
            timeframe: params.timeframe()?,
            skills: params.ids("skillIds")?.unwrap_or(Ids::All),
            groups: params.ids("groupIds")?.unwrap_or(Ids::All),
            buckets: params
                .histogram()?
                .into_iter()
                .map(|limit| (limit, 0))
                .collect(),
        })
    }

    /// The body of the answer.
    pub(crate) fn answer<'a>(
        &self,
        window: Window,
        chats: impl Iterator<Item = &'a Chat>,
        numbers: Numbers,
    ) -> Value {
        let mut buckets = self.buckets.clone();
        for chat in chats {
            let Some(answered_at) = chat.answered_at.filter(|&time| window.holds(time)) else {
                continue;
            };
            if !self.skills.holds(chat.skill) || !self.group_holds(chat.group) {
                continue;
            }
            let wait = u32::try_from((answered_at - chat.queued_at) / 1000).unwrap_or(0);
            if let Some((_, count)) = buckets.range_mut(..=wait).next_back() {
                *count += 1;
            }
        }
        let total = buckets.values().sum();
        let mut so_far = 0;
        let range = buckets.iter().map(|(limit, &chats)| {
            so_far += chats;
            let bucket = json!({
                "accumulated": numbers.ratio(so_far, total),
                "percentageFromTotal": numbers.ratio(chats, total),
                "chats": numbers.whole(i64::from(chats)),
            });
            (limit.to_string(), bucket)
        });
        json!({ "slaDataRange": range.collect::<Map<_, _>>() })
    }

    fn group_holds(&self, group: Option<i64>) -> bool {
        match group {
            Some(group) => self.groups.holds(group),
            None => self.groups == Ids::All,
        }
    }
}
