use super::*;
use crate::collectors::engagement_activity::{self, EngagementActivity, EngagementQuery};
use crate::collectors::realtime::IdFilter;
use crate::collectors::sla::{self, Sla, SlaQuery, Subject};
use crate::exposition::{Format, SegmentWriter};
use crate::metrics::{LabelValue, Sink as _};
use crate::vocabulary::{AgentId, Level, SkillId, Window};

const STALE: Duration = Duration::from_secs(300);

fn histogram(subject: Subject) -> Request {
    let query = SlaQuery {
        window: Window::Minutes(5),
        subject,
        lower_limits: vec![0],
    };
    Request::new(&Sla, query)
}

fn engagement(minutes: u16, agents: Option<IdFilter<AgentId>>, levels: &[Level]) -> Request {
    let query = EngagementQuery {
        window: Window::Minutes(minutes),
        skills: Some(IdFilter::All),
        agents,
        levels: levels.to_vec(),
    };
    Request::new(&EngagementActivity, query)
}

fn discover() -> Request {
    engagement(5, None, &[]).for_skill_discovery()
}

fn publication(name: &'static str, came: Instant) -> Publication {
    let family = &sla::of_level(Level::Account).unwrap().waited_chats;
    let mut writer = SegmentWriter::new(&[]);
    writer.gauge(family, &[LabelValue::Text(name)], 1.0);
    Publication {
        chunks: writer.finish().unwrap(),
        received_at: Some(came),
    }
}

fn answer(results: &mut Results, index: usize, name: &'static str, came: Instant) {
    let key = results.order[index];
    results.answer(key, publication(name, came), None);
}

/// An answer without series that names skills.
fn name_skills(results: &mut Results, index: usize, skills: &[i64], came: Instant) {
    let nothing = Publication {
        chunks: Vec::new(),
        received_at: Some(came),
    };
    let key = results.order[index];
    let request = results.request(key).unwrap().clone();
    let skills =
        DiscoveredSkills::new(request, skills.iter().copied().map(SkillId::from).collect());
    results.answer(key, nothing, Some(skills));
}

fn named_skills(results: &Results) -> Vec<i64> {
    let ids = DiscoveredSkills::ids_of_all(&results.discovered_skills());
    ids.into_iter().map(i64::from).collect()
}

/// The names that [`publication`] was given.
fn served(results: &Results) -> Vec<String> {
    let publications = results.publications();
    let chunks = publications.iter().flat_map(|p| &p.chunks);
    let segments = chunks.flat_map(|chunk| chunk.segments(Format::Text));
    let name = |line: String| line.split('"').nth(1).unwrap().to_owned();
    segments
        .map(|segment| name(String::from_utf8(segment.plain().unwrap().to_vec()).unwrap()))
        .collect()
}

#[test]
fn an_answer_is_served_at_once_and_ages_from_then() {
    let t0 = crate::clock::real_time();
    let mut results = Results::default();
    let plan = vec![
        histogram(Subject::Account),
        histogram(Subject::Group(7.into())),
    ];
    assert_eq!(results.begin(plan.clone()).len(), 2);
    answer(&mut results, 0, "a1", t0);
    assert_eq!(served(&results), ["a1"], "before the poll ends");
    answer(&mut results, 1, "g1", t0);
    results.end(t0, STALE);
    results.begin(plan);
    assert_eq!(served(&results), ["a1", "g1"]);
    let later = t0 + STALE / 2;
    answer(&mut results, 0, "a2", later);
    results.end(later, STALE);
    assert_eq!(served(&results), ["a2", "g1"]);
    let publications = results.publications();
    assert_eq!(publications[0].received_at, Some(later));
    assert_eq!(
        publications[1].received_at,
        Some(t0),
        "no younger than it is"
    );
    results.end(t0 + STALE, STALE);
    assert_eq!(served(&results), ["a2"]);
}

#[test]
fn what_is_no_longer_planned_goes_when_the_next_poll_ends() {
    let t0 = crate::clock::real_time();
    let mut results = Results::default();
    results.begin(vec![
        histogram(Subject::Skill(4.into())),
        histogram(Subject::Skill(5.into())),
    ]);
    answer(&mut results, 0, "s4", t0);
    answer(&mut results, 1, "s5", t0);
    results.end(t0, STALE);
    results.begin(vec![histogram(Subject::Skill(5.into()))]);
    assert_eq!(served(&results), ["s5", "s4"]);
    results.end(t0, STALE);
    assert_eq!(served(&results), ["s5"]);
}

#[test]
fn what_is_still_asked_for_outlives_a_change_and_a_failure() {
    let t0 = crate::clock::real_time();
    let mut old = Results::default();
    old.begin(vec![
        histogram(Subject::Account),
        histogram(Subject::Group(7.into())),
    ]);
    answer(&mut old, 0, "a1", t0);
    answer(&mut old, 1, "g1", t0);
    old.end(t0, STALE);
    let new_plan = vec![
        histogram(Subject::Account),
        histogram(Subject::Group(8.into())),
    ];
    let mut new = Results::default();
    new.restore_from(&old, &new_plan, |request| new_plan.contains(request));
    assert_eq!(served(&new), ["a1"]);
    assert_eq!(
        new.publications()[0].received_at,
        Some(t0),
        "no younger than it is"
    );
    new.begin(new_plan);
    answer(&mut new, 1, "g8", t0);
    new.end(t0, STALE);
    assert_eq!(served(&new), ["a1", "g8"]);
}

#[test]
fn skills_stay_while_their_list_is_unknown() {
    let t0 = crate::clock::real_time();
    let mut results = Results::default();
    results.begin(vec![discover()]);
    name_skills(&mut results, 0, &[4], t0);
    assert_eq!(
        results
            .extend(vec![histogram(Subject::Skill(4.into()))])
            .len(),
        1
    );
    answer(&mut results, 1, "s4", t0);
    results.end(t0, STALE);
    results.begin(vec![discover()]);
    results.end(t0, STALE);
    assert_eq!(served(&results), ["s4"]);
    results.begin(vec![discover()]);
    name_skills(&mut results, 0, &[], t0);
    results.end(t0, STALE);
    assert_eq!(served(&results), [""; 0]);
}

#[test]
fn skills_are_those_of_each_requests_last_fresh_answer() {
    let t0 = crate::clock::real_time();
    let naming = |minutes| engagement(minutes, None, &[]).for_skill_discovery();
    let plan = || vec![naming(5), naming(60), histogram(Subject::Account)];
    let mut results = Results::default();
    assert_eq!(results.discovered_skills(), []);
    results.begin(plan());
    name_skills(&mut results, 0, &[4], t0);
    name_skills(&mut results, 1, &[5, 4], t0);
    results.end(t0, STALE);
    assert_eq!(named_skills(&results), [4, 5]);
    // A request that has nothing to do with skills fails; skill 5 is gone from both windows.
    let later = t0 + STALE / 2;
    results.begin(plan());
    name_skills(&mut results, 0, &[4], later);
    name_skills(&mut results, 1, &[4], later);
    results.end(later, STALE);
    assert_eq!(named_skills(&results), [4]);
    // One that names skills fails until its last answer is too old.
    results.begin(plan());
    name_skills(&mut results, 0, &[7], later + STALE);
    assert_eq!(named_skills(&results), [4, 7]);
    results.end(later + STALE, STALE);
    assert_eq!(named_skills(&results), [7]);
}

#[test]
fn levels_of_another_request_stay_until_its_first_answer() {
    let t0 = crate::clock::real_time();
    let all = Some(IdFilter::All);
    let before = [Level::Skill, Level::Agent];
    let mut old = Results::default();
    old.begin(vec![engagement(5, all.clone(), &before)]);
    let mut writer = SegmentWriter::new(&[]);
    for (level, name) in [(Level::Skill, "skills"), (Level::Agent, "agents")] {
        let family = &engagement_activity::of_level(level)
            .unwrap()
            .connected_engagements;
        writer.gauge(family, &[LabelValue::Text(name)], 1.0);
    }
    let publication = Publication {
        chunks: writer.finish().unwrap(),
        received_at: Some(t0),
    };
    let skills = DiscoveredSkills::new(old.request(old.order[0]).unwrap().clone(), vec![4.into()]);
    old.answer(old.order[0], publication, Some(skills));
    let after = |plan: Request| {
        let plan = vec![plan];
        let mut new = Results::default();
        new.restore_from(&old, &plan, |request| plan.contains(request));
        new.begin(plan);
        let at_first = served(&new);
        let came: Vec<_> = new.publications().iter().map(|p| p.received_at).collect();
        assert!(came.iter().all(|came| *came == Some(t0)), "no younger");
        answer(&mut new, 0, "new", t0);
        assert_eq!(served(&new), ["new"], "nothing twice");
        at_first
    };
    let more = [Level::Skill, Level::SkillAgent, Level::Agent];
    assert_eq!(
        after(engagement(5, all.clone(), &more)),
        ["skills", "agents"]
    );
    assert_eq!(after(engagement(5, None, &[Level::Skill])), ["skills"]);
    let some = Some(IdFilter::Ids(vec![3.into()]));
    assert_eq!(after(engagement(5, some, &before)), ["skills"]);
    assert_eq!(after(engagement(60, all, &before)), [""; 0]);
}

#[test]
fn equal_requests_have_equal_keys_in_every_poll() {
    let mut results = Results::default();
    let plan = vec![
        histogram(Subject::Skill(4.into())),
        histogram(Subject::Skill(5.into())),
    ];
    let first = results.begin(plan.clone());
    assert_ne!(first[0], first[1]);
    assert_eq!(results.begin(plan), first);
}
