//! The skills that LivePerson named, with the request whose answer named them.

use super::request::{Answer, Purpose, Request};
use crate::vocabulary::SkillId;

/// The skills that an answer named: all that had chats in the window of its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveredSkills {
    named_by: Request,
    ids: Vec<SkillId>,
}

impl DiscoveredSkills {
    /// The skills that the answer to a request named, ascending.
    pub fn new(named_by: Request, ids: Vec<SkillId>) -> Self {
        Self { named_by, ids }
    }

    /// The skills that an answer names; `None` when its request does not ask which skills there are.
    pub fn in_answer(request: &Request, answer: &Answer) -> Option<Self> {
        let names_them = request.names_skills();
        names_them.then(|| Self::new(request.clone(), answer.skills()))
    }

    /// The label of the collector whose API named them.
    pub fn collector(&self) -> &'static str {
        self.named_by.about().label
    }

    /// Their ids.
    pub fn ids(&self) -> &[SkillId] {
        &self.ids
    }

    /// Whether the request was made only to learn them, so that the poll that made it asks for each
    /// of them as well.
    pub fn extend_their_poll(&self) -> bool {
        self.named_by.purpose() == Purpose::SkillDiscovery
    }

    /// The ids of several answers, ascending, unique.
    pub fn ids_of_all(all: &[Self]) -> Vec<SkillId> {
        let ids = all.iter().flat_map(|named| &named.ids).copied();
        let mut ids: Vec<SkillId> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}
