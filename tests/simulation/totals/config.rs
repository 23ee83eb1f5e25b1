//! A configuration: which requests there are, and which of them feeds the totals of an id.

use fastrand::Rng;
use liveperson_exporter::totals::{Counts, SeriesKey, TotalsQuery};
use liveperson_exporter::vocabulary::Level;

use super::scenario::Kind;
use super::truth::Truth;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Query {
    pub(crate) asks: Asks,
    pub(crate) layout: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Asks {
    Account,
    AllSkills,
    Skills(Vec<i64>),
}

impl TotalsQuery for Query {
    fn layout(&self) -> Vec<u32> {
        self.layout.clone()
    }
}

impl Query {
    /// What a node answers that knows everything until `known`.
    pub(crate) fn answer(&self, truth: &Truth, skills: usize, from: i64, known: i64) -> Counts {
        let fields = if self.layout.len() == 2 { 4 } else { 2 };
        let mut counts = Counts::new(fields);
        let mut push = |key, sums: super::truth::Sums| {
            counts.push(key, sums.fields(&self.layout).into_iter().map(Some));
        };
        match &self.asks {
            Asks::Account => push(SeriesKey::ACCOUNT, truth.answer(None, from, known)),
            Asks::AllSkills | Asks::Skills(_) => {
                let all: Vec<i64> = (0..i64::try_from(skills).unwrap()).collect();
                let listed = match &self.asks {
                    Asks::Skills(listed) => listed,
                    _ => &all,
                };
                for id in listed {
                    let sums = truth.answer(Some(*id), from, known);
                    if sums.chats.iter().any(|chats| *chats > 0) {
                        push(SeriesKey::one(Level::Skill, *id), sums);
                    }
                }
            }
        }
        counts.sorted()
    }
}

/// How skills are asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Split {
    Not,
    AllInOne,
    InTwoLists,
    /// One request for each that is known to have chats.
    OneEach,
}

#[derive(Clone, Debug)]
pub(crate) struct Config {
    skills: i64,
    account: bool,
    split: Split,
    /// Skills below this are left out.
    first: i64,
    layout: Vec<u32>,
}

impl Config {
    pub(crate) fn draw(rng: &mut Rng, kind: &Kind) -> Self {
        let splits = [
            Split::Not,
            Split::AllInOne,
            Split::InTwoLists,
            Split::OneEach,
            Split::OneEach,
        ];
        let split = splits[rng.usize(..splits.len())];
        let skills = i64::try_from(kind.skills).unwrap();
        Self {
            skills,
            account: split == Split::Not || rng.bool(),
            split,
            first: if rng.u32(..4) == 0 {
                rng.i64(0..skills)
            } else {
                0
            },
            layout: match (kind.histograms, rng.u32(..3)) {
                (false, _) => Vec::new(),
                (true, 0) => vec![15],
                (true, _) => vec![15, 30],
            },
        }
    }

    fn query(&self, asks: Asks) -> Query {
        Query {
            asks,
            layout: self.layout.clone(),
        }
    }

    fn list(&self, even: bool) -> Vec<i64> {
        let ids = self.first..self.skills;
        ids.filter(|id| (id % 2 == 0) == even).collect()
    }

    /// The request that feeds the totals of an id.
    pub(crate) fn query_of(&self, key: SeriesKey) -> Option<Query> {
        if key == SeriesKey::ACCOUNT {
            return self.account.then(|| self.query(Asks::Account));
        }
        let id = key.ids[0];
        let asks = match self.split {
            Split::Not => return None,
            Split::AllInOne => Asks::AllSkills,
            _ if id < self.first => return None,
            Split::InTwoLists => Asks::Skills(self.list(id % 2 == 0)),
            Split::OneEach => Asks::Skills(vec![id]),
        };
        Some(self.query(asks))
    }

    /// The requests of a poll when LivePerson names these skills.
    pub(crate) fn wanted(&self, named: &[i64]) -> Vec<Query> {
        let lists = match self.split {
            Split::Not => Vec::new(),
            Split::AllInOne => vec![Asks::AllSkills],
            Split::InTwoLists => [true, false]
                .map(|even| self.list(even))
                .into_iter()
                .filter(|list| !list.is_empty())
                .map(Asks::Skills)
                .collect(),
            Split::OneEach => named
                .iter()
                .filter(|id| **id >= self.first)
                .map(|id| Asks::Skills(vec![*id]))
                .collect(),
        };
        let account = self.account.then_some(Asks::Account);
        let asks = account.into_iter().chain(lists);
        asks.map(|asks| self.query(asks)).collect()
    }

    /// Whether a skill is asked for only after it was named.
    pub(crate) fn waits_for_names(&self) -> bool {
        self.split == Split::OneEach
    }

    /// The id of a request for a single skill.
    pub(crate) fn discovered(query: &Query) -> Option<i64> {
        match &query.asks {
            Asks::Skills(ids) if ids.len() == 1 => Some(ids[0]),
            _ => None,
        }
    }
}
