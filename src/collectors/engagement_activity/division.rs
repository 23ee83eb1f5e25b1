//! What to ask instead of a request whose answer is too large: less at a time.

use super::query::{EngagementQuery, slots_path};
use crate::collectors::collector::{Division, Target};
use crate::collectors::realtime::IdFilter;
use crate::totals::Counts;
use crate::vocabulary::{Id, Level};

/// Skills and agents apart, then half of the ids. `named` has the ids behind the word `all`.
pub(super) fn divide(
    target: &Target<'_>,
    query: &EngagementQuery,
    named: Option<&Counts>,
) -> Division<EngagementQuery> {
    match (&query.skills, &query.agents) {
        (None, None) => Division::Impossible,
        (Some(_), Some(_)) => Division::Into(apart(query)),
        (Some(skills), None) => halves(target, query, skills, named, Level::Skill, |part, ids| {
            part.skills = Some(ids);
        }),
        (None, Some(agents)) => halves(target, query, agents, named, Level::Agent, |part, ids| {
            part.agents = Some(ids);
        }),
    }
}

/// Agents beside skills are `all`, see `plan`: neither restricts the other.
fn apart(query: &EngagementQuery) -> Vec<EngagementQuery> {
    let of_agents = |level: &Level| *level == Level::Agent;
    let (agents, skills): (Vec<Level>, Vec<Level>) =
        query.levels.iter().partition(|l| of_agents(l));
    let skills = EngagementQuery {
        agents: None,
        levels: skills,
        ..query.clone()
    };
    let agents = EngagementQuery {
        skills: None,
        levels: agents,
        ..query.clone()
    };
    vec![skills, agents]
}

fn halves<I: Id>(
    target: &Target<'_>,
    query: &EngagementQuery,
    filter: &IdFilter<I>,
    named: Option<&Counts>,
    level: Level,
    set: impl Fn(&mut EngagementQuery, IdFilter<I>),
) -> Division<EngagementQuery> {
    let part = |ids: Vec<I>| {
        let mut part = query.clone();
        set(&mut part, IdFilter::Ids(ids));
        part
    };
    let mut lists = match (filter, named) {
        (IdFilter::Ids(ids), _) => vec![ids.clone()],
        (IdFilter::All, None) => return Division::NeedsIds,
        (IdFilter::All, Some(named)) => {
            let of_level = named.iter().filter(|(key, _)| key.level == level);
            let ids: Vec<I> = of_level.map(|(key, _)| key.ids[0].into()).collect();
            // Four digits of minutes are the most there can be.
            let empty = slots_path(target.account, &part(Vec::new()), 1440);
            target.split_ids(&empty, &ids)
        }
    };
    if let [ids] = lists.as_slice() {
        let (first, second) = ids.split_at(ids.len() / 2);
        if first.is_empty() {
            return Division::Impossible;
        }
        lists = vec![first.to_vec(), second.to_vec()];
    }
    Division::Into(lists.into_iter().map(part).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::totals::SeriesKey;
    use crate::vocabulary::{SkillId, Window};

    const TARGET: Target<'_> = Target {
        account: "1",
        base_url: None,
    };

    fn query(skills: Option<IdFilter<SkillId>>, agents: bool, levels: &[Level]) -> EngagementQuery {
        EngagementQuery {
            window: Window::SinceAnchor,
            skills,
            agents: agents.then_some(IdFilter::All),
            levels: levels.to_vec(),
        }
    }

    fn ids(ids: &[i64]) -> Option<IdFilter<SkillId>> {
        Some(IdFilter::Ids(
            ids.iter().copied().map(SkillId::from).collect(),
        ))
    }

    fn named(skills: impl Iterator<Item = i64>) -> Counts {
        let mut counts = Counts::new(1);
        for skill in skills {
            counts.push(SeriesKey::one(Level::Skill, skill), [Some(1.0)]);
        }
        counts.push(SeriesKey::one(Level::Agent, 1), [Some(1.0)]);
        counts.sorted()
    }

    #[test]
    fn skills_and_agents_are_asked_apart_first() {
        use Level::{Agent, Skill, SkillAgent};
        let both = query(Some(IdFilter::All), true, &[Skill, SkillAgent, Agent]);
        let expected = vec![
            query(Some(IdFilter::All), false, &[Skill, SkillAgent]),
            query(None, true, &[Agent]),
        ];
        assert_eq!(divide(&TARGET, &both, None), Division::Into(expected));
    }

    #[test]
    fn a_list_is_halved_down_to_single_ids() {
        let of = |skills| query(skills, false, &[Level::Skill]);
        let divided = divide(&TARGET, &of(ids(&[1, 2, 3])), None);
        assert_eq!(
            divided,
            Division::Into(vec![of(ids(&[1])), of(ids(&[2, 3]))])
        );
        assert_eq!(divide(&TARGET, &of(ids(&[1])), None), Division::Impossible);
        assert_eq!(divide(&TARGET, &of(None), None), Division::Impossible);
    }

    #[test]
    fn all_becomes_lists_once_the_ids_are_known() {
        let of = |skills| query(skills, false, &[Level::Skill]);
        let all = of(Some(IdFilter::All));
        assert_eq!(divide(&TARGET, &all, None), Division::NeedsIds);
        let divided = divide(&TARGET, &all, Some(&named(1..=2)));
        assert_eq!(divided, Division::Into(vec![of(ids(&[1])), of(ids(&[2]))]));
        let Division::Into(lists) = divide(&TARGET, &all, Some(&named(1_000_000..1_001_000)))
        else {
            panic!("1000 skills can be divided");
        };
        assert!(lists.len() > 2);
        assert!(
            lists
                .iter()
                .all(|part| slots_path("1", part, 1440).len() <= 2_000)
        );
    }
}
