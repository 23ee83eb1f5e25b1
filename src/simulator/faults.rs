//! Faults to order: what goes wrong with the next calls of an API.
//!
//! Faults stand in a list. A call meets the first one that is meant for it; one with a `count` is
//! used up by so many calls and then makes room for the next. How they are written in files and
//! over the control path is in [`super::fault_file`].

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Most faults that wait at once; more are refused.
pub(super) const MOST_FAULTS: usize = 1000;

/// Which calls a fault is meant for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// Engagement Activity.
    EngagementActivity,
    /// SLA Histogram.
    Sla,
    /// OAuth 2.0 token and user login.
    Token,
    /// Domain API.
    Domain,
    /// Names of skills, groups and users.
    Names,
    /// Every one of them.
    #[default]
    Any,
}

impl Target {
    /// Every target with its name in files and in the request log.
    pub(super) const ALL: [(&'static str, Self); 6] = [
        ("engactivity", Self::EngagementActivity),
        ("sla", Self::Sla),
        ("token", Self::Token),
        ("domain", Self::Domain),
        ("names", Self::Names),
        ("any", Self::Any),
    ];

    /// The name in files and in the request log.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, target)| *target == self);
        found.map_or("any", |(name, _)| name)
    }
}

/// Something that goes wrong. What is not set is as in a healthy answer, so that a fault with
/// nothing but a `delay` gives the right answer late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// Which calls.
    pub api: Target,
    /// Only calls whose path and query hold this text as it was sent.
    pub contains: Option<String>,
    /// How many calls; for ever when not set.
    pub count: Option<u64>,
    /// Status of the answer, 200 to 599.
    pub status: Option<u16>,
    /// `Retry-After`, word for word.
    pub retry_after: Option<String>,
    /// Time before the answer, instead of the usual latency.
    pub delay: Option<Duration>,
    /// Body of the answer instead of the usual one.
    pub body: Option<String>,
    /// The body is announced whole and cut in the middle.
    pub truncate: bool,
    /// A gateway's HTML page is answered, with status 200 unless `status` says otherwise.
    pub html: bool,
    /// The error, 400 unless `status` says otherwise, repeats the `Authorization` header and the body
    /// of the request, as careless gateways do.
    pub echo: bool,
    /// The connection is closed without an answer.
    pub drop: bool,
}

impl Fault {
    fn is_for(&self, api: Target, path: &str) -> bool {
        (self.api == Target::Any || self.api == api)
            && self
                .contains
                .as_ref()
                .is_none_or(|text| path.contains(text))
    }
}

/// The faults still to come.
#[derive(Default)]
pub(super) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// Adds faults behind the others; false when they would become too many, and none is added.
    pub(super) fn push(&self, faults: Vec<Fault>) -> bool {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() + faults.len() > MOST_FAULTS {
            return false;
        }
        list.extend(faults);
        true
    }

    /// What remains.
    pub(super) fn list(&self) -> Vec<Fault> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// The fault that a call of `api` meets, used up by one.
    pub(super) fn take(&self, api: Target, path: &str) -> Option<Fault> {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(|fault| fault.count != Some(0));
        let place = list.iter().position(|fault| fault.is_for(api, path))?;
        let met = list[place].clone();
        if let Some(count) = &mut list[place].count {
            *count -= 1;
            if *count == 0 {
                list.remove(place);
            }
        }
        Some(met)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_met_in_order_and_used_up() {
        let faults = Faults::default();
        let counted = Fault {
            api: Target::Sla,
            count: Some(2),
            ..Fault::default()
        };
        let lasting = Fault {
            contains: Some("agentIds".to_owned()),
            ..Fault::default()
        };
        let nothing = Fault {
            count: Some(0),
            ..Fault::default()
        };
        assert!(faults.push(vec![nothing, counted.clone(), lasting.clone()]));
        assert_eq!(faults.take(Target::EngagementActivity, "/x"), None);
        assert_eq!(faults.take(Target::Sla, "/x"), Some(counted));
        assert_eq!(faults.list()[0].count, Some(1));
        assert!(faults.take(Target::Sla, "/x").is_some());
        assert_eq!(faults.take(Target::Sla, "/x"), None);
        assert_eq!(
            faults.take(Target::Sla, "/x?agentIds=1"),
            Some(lasting.clone())
        );
        assert_eq!(faults.list(), [lasting]);
        faults.clear();
        assert!(faults.list().is_empty());
    }

    #[test]
    fn the_list_is_bounded() {
        let faults = Faults::default();
        assert!(faults.push(vec![Fault::default(); MOST_FAULTS]));
        assert!(!faults.push(vec![Fault::default()]));
        assert_eq!(faults.list().len(), MOST_FAULTS);
    }
}
