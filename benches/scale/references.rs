//! The same series by other libraries, each in a separate process to measure its memory.

use std::process::Command;

use prometheus::{Encoder as _, GaugeVec, Opts, Registry, TextEncoder};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::data;
use crate::measure::{cpu, memory};

/// CPU of one scrape in milliseconds, and the memory held, in megabytes.
pub(crate) struct Reference {
    pub(crate) scrape: f64,
    pub(crate) held: f64,
}

/// Measures in a child process.
pub(crate) fn measured(name: &str, series: u64) -> Reference {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--reference", name, &series.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut numbers = text
        .split_whitespace()
        .map(|number| number.parse().unwrap());
    Reference {
        scrape: numbers.next().unwrap(),
        held: numbers.next().unwrap(),
    }
}

/// What the child process does.
pub(crate) fn run(name: &str, series: u64) {
    let answer = data::parse(&data::body(series));
    let mut samples: Vec<(usize, [String; 4], f64)> = Vec::new();
    for (skill, numbers) in answer.skills.iter().flat_map(|section| &section.skills) {
        for (agent, numbers) in &numbers.agents {
            let labels = |kind: &str| {
                [
                    skill.to_string(),
                    agent.to_string(),
                    crate::shape::WINDOW.to_owned(),
                    kind.to_owned(),
                ]
            };
            for (family, kind, value) in [
                (0, "interactive", numbers.interactive_chats),
                (0, "noninteractive", numbers.noninteractive_chats),
                (1, "interactive", numbers.interactive_handling_seconds),
                (1, "noninteractive", numbers.noninteractive_handling_seconds),
                (2, "", numbers.connected_engagements),
            ] {
                samples.push((family, labels(kind), value.unwrap()));
            }
        }
    }
    drop(answer);
    // What is held is the difference to a process that holds only this list.
    let before = memory(std::process::id(), "VmRSS");
    let (scrape, after) = match name {
        "prometheus" => prometheus_crate(&samples),
        "prometheus-client" => prometheus_client_crate(&samples),
        other => panic!("{other}"),
    };
    #[expect(clippy::print_stdout, reason = "the parent process reads it")]
    {
        println!("{scrape} {}", after - before);
    }
}

const FAMILIES: [&str; 3] = [
    "liveperson_window_skill_agent_chats",
    "liveperson_window_skill_agent_handling_seconds",
    "liveperson_window_skill_agent_connected_engagements",
];

fn prometheus_crate(samples: &[(usize, [String; 4], f64)]) -> (f64, f64) {
    let registry = Registry::new();
    let families = FAMILIES.map(|name| {
        let labels: &[&str] = &["account", "skill", "agent", "window", "kind"];
        let labels = if name.ends_with("engagements") {
            &labels[..4]
        } else {
            labels
        };
        let family = GaugeVec::new(Opts::new(name, name), labels).unwrap();
        registry.register(Box::new(family.clone())).unwrap();
        family
    });
    for (family, [skill, agent, window, kind], value) in samples {
        let labels = [data::ACCOUNT, skill, agent, window, kind];
        let labels = if *family == 2 {
            &labels[..4]
        } else {
            &labels[..]
        };
        families[*family].with_label_values(labels).set(*value);
    }
    let held = memory(std::process::id(), "VmRSS");
    let scrape = cpu(3, || {
        let mut out = Vec::new();
        TextEncoder::new()
            .encode(&registry.gather(), &mut out)
            .unwrap();
        out
    });
    (scrape.median, held)
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    account: String,
    skill: String,
    agent: String,
    window: String,
    kind: Option<String>,
}

fn prometheus_client_crate(samples: &[(usize, [String; 4], f64)]) -> (f64, f64) {
    let mut registry = prometheus_client::registry::Registry::default();
    let families = FAMILIES.map(|name| {
        let family = Family::<Labels, Gauge<f64, std::sync::atomic::AtomicU64>>::default();
        registry.register(name, name, family.clone());
        family
    });
    for (family, [skill, agent, window, kind], value) in samples {
        let labels = Labels {
            account: data::ACCOUNT.to_owned(),
            skill: skill.clone(),
            agent: agent.clone(),
            window: window.clone(),
            kind: (!kind.is_empty()).then(|| kind.clone()),
        };
        families[*family].get_or_create(&labels).set(*value);
    }
    let held = memory(std::process::id(), "VmRSS");
    let scrape = cpu(3, || {
        let mut out = String::new();
        encode(&mut out, &registry).unwrap();
        out
    });
    (scrape.median, held)
}
