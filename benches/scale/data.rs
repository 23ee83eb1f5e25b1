//! The account that is measured: skills with a hundred agents in each, five series for every agent.

use std::io::Write as _;

use liveperson_exporter::collectors::engagement_activity::{
    EngagementAnswer, EngagementQuery, map, read,
};
use liveperson_exporter::collectors::realtime::IdFilter;
use liveperson_exporter::exposition::{Chunk, SegmentWriter};
use liveperson_exporter::vocabulary::{Level, Window};

pub(crate) const ACCOUNT: &str = "12345678";
pub(crate) const AGENTS: u64 = 100;
/// Series of one agent in one skill.
const EACH: u64 = 5;

pub(crate) fn skills(series: u64) -> u64 {
    series / AGENTS / EACH
}

/// One answer with `series` series of the level `skill_agent`.
pub(crate) fn body(series: u64) -> Vec<u8> {
    version(series, 0)
}

/// The same ids with other numbers: what the next polls find in a busy hour.
pub(crate) fn version(series: u64, version: u64) -> Vec<u8> {
    answer(series, series + version, 0)
}

/// The same ids with every number higher by one at each step: what is counted since a mark.
pub(crate) fn grown(series: u64, steps: u32) -> Vec<u8> {
    answer(series, series, steps)
}

fn answer(series: u64, seed: u64, more: u32) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut out = Vec::new();
    out.extend_from_slice(b"{\"skillsMetricsPerAgent\":{\"metricsPerSkill\":{");
    for skill in 0..skills(series) {
        let comma = if skill == 0 { "" } else { "," };
        write!(
            out,
            "{comma}\"{}\":{{\"metricsPerAgent\":{{",
            100_000 + skill * 7
        )
        .unwrap();
        for agent in 0..AGENTS {
            let comma = if agent == 0 { "" } else { "," };
            write!(
                out,
                "{comma}\"{}\":",
                3_000_000 + agent * 13 + skill % 7 * 1000
            )
            .unwrap();
            numbers(&mut random, more, &mut out);
        }
        out.extend_from_slice(b"},\"metricsTotals\":");
        numbers(&mut random, more, &mut out);
        out.push(b'}');
    }
    out.extend_from_slice(b"},\"metricsTotals\":");
    numbers(&mut random, more, &mut out);
    out.extend_from_slice(b"}}");
    out
}

/// The five numbers, as they are in a busy hour, and so many more.
pub(crate) fn numbers(random: &mut fastrand::Rng, more: u32, out: &mut Vec<u8>) {
    write!(
        out,
        "{{\"connectedEngagements\":{},\"nonInteractiveTotalHandlingTime\":{},\
         \"totalHandlingTime\":{},\"totalInteractiveChats\":{},\"totalNonInteractiveChats\":{}}}",
        more + random.u32(0..60),
        more + random.u32(0..900),
        more + random.u32(0..9000),
        more + random.u32(0..60),
        more + random.u32(0..9),
    )
    .unwrap();
}

pub(crate) fn query() -> EngagementQuery {
    EngagementQuery {
        window: Window::Minutes(60),
        skills: Some(IdFilter::All),
        agents: None,
        levels: vec![Level::SkillAgent],
    }
}

pub(crate) fn parse(body: &[u8]) -> EngagementAnswer {
    read(body, &query()).unwrap().value
}

/// What a poll makes of an answer: mapped, rendered and compressed.
pub(crate) fn render(answer: &EngagementAnswer, previous: &[Chunk]) -> Vec<Chunk> {
    let mut writer = SegmentWriter::new(previous);
    map(ACCOUNT, &query(), answer, &mut writer);
    writer.finish().unwrap()
}
