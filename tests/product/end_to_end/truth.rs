//! Every series that is served is what the simulated LivePerson says, in every shape of its answers.

use std::collections::BTreeMap;

use super::*;

/// What an API answers, without the envelope that some answers have.
async fn ask(asker: &Asker, api: &str, query: &str) -> Value {
    let mut answer = asker.ask(&format!("{api}?v=1&{query}")).await;
    match answer.get_mut("body") {
        Some(body) => body.take(),
        None => answer,
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        other => other.as_f64().unwrap(),
    }
}

/// Over which time numbers are asked for: a window of the page, or what running totals begin with.
#[derive(Clone, Copy)]
enum Span {
    Window(&'static str),
    Totals,
}

impl Span {
    /// What to ask LivePerson for, in minutes.
    fn minutes(self) -> u32 {
        match self {
            Self::Window("5m") => 5,
            Self::Window(_) => 60,
            // The window that began at the mark 23 h before noon.
            Self::Totals => 23 * 60,
        }
    }

    /// A series of the page; `name` is that of a gauge, `kind` a label at the end or nothing.
    fn series(self, level: &str, name: &str, ids: &str, kind: &str) -> String {
        let labels = format!("account=\"12345678\"{ids}");
        match self {
            Self::Window(window) => {
                format!("liveperson_window_{level}_{name}{{{labels},window=\"{window}\"{kind}}}")
            }
            Self::Totals if name.ends_with("_bucket") => {
                format!("liveperson_{level}_{name}{{{labels}{kind}}}")
            }
            Self::Totals => format!("liveperson_{level}_{name}_total{{{labels}{kind}}}"),
        }
    }
}

type Series = BTreeMap<String, f64>;

fn activity(span: Span, level: &str, ids: &str, numbers: &Value, into: &mut Series) {
    for (series, kind, field) in [
        ("chats", ",kind=\"interactive\"", "totalInteractiveChats"),
        (
            "chats",
            ",kind=\"noninteractive\"",
            "totalNonInteractiveChats",
        ),
        (
            "handling_seconds",
            ",kind=\"interactive\"",
            "totalHandlingTime",
        ),
        (
            "handling_seconds",
            ",kind=\"noninteractive\"",
            "nonInteractiveTotalHandlingTime",
        ),
        ("connected_engagements", "", "connectedEngagements"),
    ] {
        let series = span.series(level, series, ids, kind);
        into.insert(series, number(&numbers[field]));
    }
}

fn waits(span: Span, level: &str, ids: &str, answer: &Value, into: &mut Series) {
    let range = answer["slaDataRange"].as_object().unwrap();
    let chats = |limit: u32| number(&range[&limit.to_string()]["chats"]);
    let limits = [0, 15, 30, 45, 60, 90, 120];
    let bucket =
        |le: &str| span.series(level, "wait_seconds_bucket", ids, &format!(",le=\"{le}\""));
    for limit in &limits[1..] {
        let below = limits.iter().filter(|l| *l < limit);
        let below = below.map(|l| chats(*l)).sum();
        into.insert(bucket(&format!("{limit}.0")), below);
    }
    let total: f64 = limits.iter().map(|limit| chats(*limit)).sum();
    into.insert(bucket("+Inf"), total);
    if let Span::Window(_) = span {
        for name in ["wait_seconds_count", "waited_chats"] {
            into.insert(span.series(level, name, ids, ""), total);
        }
    }
}

/// Every data series that `EVERYTHING` must give, computed from the simulator's raw answers.
async fn expected(simulator: &Simulator) -> Series {
    let asker = Asker::new(simulator).await;
    let mut series = Series::new();
    for span in [Span::Window("5m"), Span::Window("1h"), Span::Totals] {
        expected_activity(&asker, span, &mut series).await;
        expected_waits(&asker, span, &mut series).await;
    }
    series
}

/// The part of an answer about skills, whatever its name.
fn skills(answer: &Value) -> &serde_json::Map<String, Value> {
    let section = answer.get("skillsMetricsPerAgent");
    let section = section.or(answer.get("skillsMetrics")).unwrap();
    section["metricsPerSkill"].as_object().unwrap()
}

async fn expected_activity(asker: &Asker, span: Span, into: &mut Series) {
    let frame = format!("timeframe={}", span.minutes());
    let whole = ask(asker, "engactivity", &frame).await;
    activity(span, "account", "", &whole["metricsTotals"], into);
    let all = format!("{frame}&skillIds=all&agentIds=all");
    let by_id = ask(asker, "engactivity", &all).await;
    let empty = serde_json::Map::new();
    for (skill, numbers) in skills(&by_id) {
        let ids = format!(",skill=\"{skill}\"");
        activity(span, "skill", &ids, &numbers["metricsTotals"], into);
        for (agent, numbers) in numbers["metricsPerAgent"].as_object().unwrap_or(&empty) {
            let ids = format!("{ids},agent=\"{agent}\"");
            activity(span, "skill_agent", &ids, numbers, into);
        }
    }
    let agents = &by_id["agentsMetrics"]["metricsPerAgent"];
    for (agent, numbers) in agents.as_object().unwrap() {
        let ids = format!(",agent=\"{agent}\"");
        activity(span, "agent", &ids, numbers, into);
    }
}

async fn expected_waits(asker: &Asker, span: Span, into: &mut Series) {
    let minutes = span.minutes();
    let sla = format!("timeframe={minutes}&histogram=0,15,30,45,60,90,120");
    waits(span, "account", "", &ask(asker, "sla", &sla).await, into);
    for group in [11, 12, 13] {
        let answer = ask(asker, "sla", &format!("{sla}&groupIds={group}")).await;
        waits(span, "group", &format!(",group=\"{group}\""), &answer, into);
    }
    // The skills come from the longest window.
    let all = ask(asker, "engactivity", "timeframe=60&skillIds=all").await;
    for skill in skills(&all).keys() {
        let answer = ask(asker, "sla", &format!("{sla}&skillIds={skill}")).await;
        waits(span, "skill", &format!(",skill=\"{skill}\""), &answer, into);
    }
}

#[tokio::test]
async fn every_series_is_true_in_every_shape_of_answer() {
    let cases = [
        (Numbers::Integer, false, SectionName::SkillsMetricsPerAgent),
        (Numbers::Double, true, SectionName::SkillsMetrics),
        (Numbers::String, false, SectionName::SkillsMetrics),
    ];
    check_each_async(cases, async |(numbers, envelope, section_name)| {
        let options = Options {
            numbers,
            envelope,
            section_name,
            ..Options::in_process()
        };
        let simulator = simulator_at_noon(options).await;
        let exporter = Exporter::start(&yaml(&simulator, EVERYTHING)).await;
        let page = page_with_all_data(&exporter).await;
        let (mut got, expected) = (data(&page), expected(&simulator).await);
        got.extend(totals(&page));
        assert!(
            expected.len() > 1000,
            "only {} series to compare",
            expected.len()
        );
        let missing: Vec<_> = expected.keys().filter(|s| !got.contains_key(*s)).collect();
        let extra: Vec<_> = got.keys().filter(|s| !expected.contains_key(*s)).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "missing {missing:?}, extra {extra:?}"
        );
        for (series, value) in &expected {
            assert_eq!(got[series], *value, "{series}");
        }
        let served: f64 = COLLECTORS
            .map(|collector| {
                let labels = format!("account=\"12345678\",collector=\"{collector}\"");
                sample(&page, &format!("liveperson_series{{{labels}}}")).unwrap()
            })
            .iter()
            .sum();
        assert_eq!(served, got.values().map(|_| 1.0).sum::<f64>());
    })
    .await;
}
