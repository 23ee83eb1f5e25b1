//! Every alert has an audience, is tested, and leads to a section of the runbook that can be followed; the
//! example of Alertmanager's configuration names alerts that exist.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::files::{files, repository};
use super::rules::{has, named_in_rules};

fn text(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Names and texts of the alerts; one name may have two rules.
fn alerts() -> Vec<(String, String)> {
    let rules = text("grafana/rules/liveperson.alerts.rules.yml");
    let alerts = rules.split("- alert: ").skip(1);
    let alerts = alerts.map(|alert| (alert.lines().next().unwrap().to_owned(), alert.to_owned()));
    let alerts: Vec<_> = alerts.collect();
    assert!(alerts.len() >= 30, "only {} were found", alerts.len());
    alerts
}

/// Sections of the runbook: names and texts.
fn sections() -> Vec<(String, String)> {
    let runbook = text("docs/runbook.md");
    let sections = runbook.split("\n## ").skip(1);
    let split = |section: &str| {
        let (name, body) = section.split_once('\n').unwrap();
        (name.to_owned(), body.replace('\n', " "))
    };
    sections.map(split).collect()
}

/// What stands between two marks in a text.
fn between(text: &str, start: &str, end: &str) -> Vec<String> {
    let parts = text.split(start).skip(1);
    parts
        .filter_map(|part| part.split_once(end))
        .map(|(inside, _)| inside.to_owned())
        .collect()
}

#[test]
fn the_table_of_alerts_lists_every_alert() {
    let document = text("docs/operations.md");
    let rows = document
        .lines()
        .filter(|line| line.starts_with("| [`LivePerson"));
    let names = rows.flat_map(|row| between(row, "[`", "`]"));
    assert_eq!(names.collect::<BTreeSet<_>>(), named_in_rules("alert:"));
}

#[test]
fn every_alert_says_whom_it_concerns_and_where_to_look() {
    let boards = files("grafana/dashboards", "json");
    let boards: String = boards.into_iter().map(|(_, text)| text).collect();
    let mut wrong = Vec::new();
    for (name, alert) in alerts() {
        let needed = [
            "summary: ".to_owned(),
            "description: ".to_owned(),
            format!("{{{{ end }}}}#{}\n", name.to_lowercase()),
        ];
        let missing = needed.iter().filter(|needed| !alert.contains(*needed));
        wrong.extend(missing.map(|needed| format!("{name} has no {needed}")));
        let one_of = |key: &str, values: [&str; 2]| {
            let has = |value: &&str| alert.contains(&format!("          {key}: {value}\n"));
            values.into_iter().filter(|value| has(value)).count() == 1
        };
        if !one_of("severity", ["critical", "warning"])
            || !one_of("audience", ["operations", "contact_centre"])
        {
            wrong.push(format!("{name} has no severity or audience that is known"));
        }
        let board = between(&alert, "{{ end }}/d/", "\n").concat();
        let uid = board.split('?').next().unwrap();
        if !boards.contains(&format!("\"uid\": \"{uid}\"")) {
            wrong.push(format!("{name} leads to a dashboard {uid:?}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Tests that list what fires name an alert in a label; those of its texts name it as `alertname`.
#[test]
fn every_alert_is_tested_firing_and_with_its_texts() {
    let tests = files("tests/rules", "yml");
    let tests: String = tests.into_iter().map(|(_, text)| text).collect();
    let mut untested = Vec::new();
    for (name, _) in alerts() {
        if !tests.contains(&format!("alertname=\"{name}\"")) {
            untested.push(format!("no test where {name} fires"));
        }
        let mark = format!("alertname: {name}\n");
        let texts = tests.split(&mark).skip(1);
        if !texts
            .into_iter()
            .any(|case| case.contains("exp_annotations:"))
        {
            untested.push(format!("no test of the texts of {name}"));
        }
    }
    assert_eq!(untested, Vec::<String>::new());
}

#[test]
fn every_alert_has_its_section_in_the_runbook() {
    let names: BTreeSet<_> = sections().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, named_in_rules("alert:"));
    let mut wrong = Vec::new();
    for (name, body) in sections() {
        for paragraph in [" **Meaning.** ", " **How to tell.** ", " **What to do.** "] {
            if body.matches(paragraph).count() != 1 {
                wrong.push(format!("{name}:{paragraph}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The sources of a folder as one text, strings that are continued on the next line in one piece.
fn sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(path).unwrap();
            let pieces = text.split("\\\n").map(str::trim_start);
            all += &pieces.collect::<String>();
        }
    }
    all
}

#[test]
fn the_runbook_names_log_lines_that_exist() {
    let source = sources(&repository("src"));
    let quoted = sections().into_iter().flat_map(|(name, body)| {
        let lines = between(&body.to_lowercase(), "log line `", "`");
        lines.into_iter().map(move |line| (name.clone(), line))
    });
    let quoted: Vec<_> = quoted.collect();
    assert!(quoted.len() >= 10, "{quoted:?}");
    let source = source.to_lowercase();
    let unknown = quoted.iter().filter(|(_, line)| !source.contains(line));
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&(String, String)>::new());
}

#[test]
fn the_runbook_names_panels_that_exist() {
    let boards = files("grafana/dashboards", "json");
    let titles = boards
        .iter()
        .flat_map(|(_, board)| between(board, "\"title\": \"", "\""));
    // A variable in a title stands as three dots.
    let shown = |title: String| match title.split_once('$') {
        Some((before, after)) => {
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            format!("{before}…{}", &after[end.unwrap_or(after.len())..])
        }
        None => title,
    };
    let titles: BTreeSet<_> = titles.map(shown).collect();
    let mut unknown = Vec::new();
    for (name, body) in sections() {
        let plain = body.replace("**", "");
        let emphasised = plain.split('*').skip(1).step_by(2);
        let panels = emphasised.filter(|words| !words.contains('→'));
        unknown.extend(
            panels
                .filter(|panel| !titles.contains(*panel))
                .map(|panel| format!("{name}: {panel}")),
        );
    }
    assert_eq!(unknown, Vec::<String>::new());
}

/// The alerts that a text names: `LivePersonX`, and each of `LivePerson(X|Y)`.
fn named_alerts(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for rest in text.split("LivePerson").skip(1) {
        let ends = |c: char| !c.is_ascii_alphanumeric();
        let words = match rest.strip_prefix('(') {
            Some(list) => list.split(')').next().unwrap().split('|').collect(),
            None => vec![rest.split(ends).next().unwrap()],
        };
        names.extend(words.into_iter().map(|word| format!("LivePerson{word}")));
    }
    names
}

#[test]
fn alertmanager_and_the_rules_name_alerts_that_exist() {
    let known = named_in_rules("alert:");
    for path in [
        "grafana/alertmanager.yml",
        "grafana/rules/liveperson.alerts.rules.yml",
    ] {
        let text = text(path);
        let selecting = text.lines().filter(|line| line.contains("alertname"));
        let named = named_alerts(&selecting.collect::<Vec<_>>().join("\n"));
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(
            named.len() >= 4 && unknown.is_empty(),
            "{path}: {unknown:?}"
        );
    }
}

#[test]
fn the_example_of_alertmanager_tells_each_audience() {
    if !has("amtool") {
        return;
    }
    let path = repository("grafana/alertmanager.yml");
    let amtool = |arguments: &[&str]| {
        let output = Command::new("amtool").args(arguments).output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        assert!(output.status.success(), "{arguments:?}: {printed}");
        printed
    };
    let path = path.to_str().unwrap();
    assert!(amtool(&["check-config", path]).contains("SUCCESS"));
    let mut wrong = Vec::new();
    for (severity, audience, receiver) in [
        ("critical", "operations", "pager"),
        ("warning", "operations", "operations"),
        ("warning", "contact_centre", "contact-centre"),
    ] {
        let labels = [
            format!("severity={severity}"),
            format!("audience={audience}"),
        ];
        let config = format!("--config.file={path}");
        let mut arguments = vec!["config", "routes", "test", &config];
        arguments.extend(labels.iter().map(String::as_str));
        let printed = amtool(&arguments);
        if !printed.lines().any(|line| line == receiver) {
            wrong.push(format!("{labels:?} reach {printed}, not {receiver}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
