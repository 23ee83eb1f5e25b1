//! Recording and alert rules: about series that exist, and tested by promtool.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use super::files::{files, repository};
use super::known_series::check;
use super::promql::selectors;
use crate::cases::check_each;

/// The expressions of rule files. They have one of two forms: `expr: one line`, or `expr: |` and lines that
/// are indented further.
fn rule_expressions() -> Vec<String> {
    let mut found = Vec::new();
    for (_, text) in files("grafana/rules", "yml") {
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let indent = line.len() - line.trim_start().len();
            let Some(first) = line.trim_start().strip_prefix("expr: ") else {
                continue;
            };
            let mut expression = first.trim_start_matches('|').to_owned();
            while let Some(next) =
                lines.next_if(|next| next.len() - next.trim_start().len() > indent && first == "|")
            {
                expression = expression + "\n" + next.trim_start();
            }
            found.push(expression);
        }
        assert_eq!(
            text.matches("expr:").count(),
            text.matches("  expr: ").count()
        );
    }
    found
}

/// What follows `key` on a line of the rule files.
fn named_in_rules(key: &str) -> BTreeSet<String> {
    let lines = files("grafana/rules", "yml").into_iter();
    let lines: Vec<String> = lines
        .flat_map(|(_, text)| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let name = |line: &String| {
        let rest = line.trim_start().strip_prefix("- ")?;
        Some(rest.strip_prefix(key)?.trim().to_owned())
    };
    lines.iter().filter_map(name).collect()
}

#[test]
fn rules_use_only_series_and_labels_that_exist() {
    let recorded = named_in_rules("record:");
    assert!(recorded.len() >= 9 && recorded.iter().all(|name| name.contains(':')));
    let expressions = rule_expressions();
    let rules = recorded.len() + named_in_rules("alert:").len();
    assert_eq!(expressions.len(), rules, "one expression for each rule");
    check_each(expressions, |expression| {
        let found = selectors(&expression);
        assert!(!found.is_empty(), "no series in {expression}");
        for selector in found {
            check(&selector, &recorded, &expression);
        }
    });
}

/// The PromQL of the documents, one expression for each paragraph of a `promql` block.
fn documented_expressions() -> Vec<String> {
    let mut found = Vec::new();
    for (_, text) in files("docs", "md") {
        for block in text.split("```promql\n").skip(1) {
            let block = block.split("```").next().unwrap();
            let lines = block.lines().filter(|line| !line.starts_with('#'));
            let block: Vec<_> = lines.collect();
            found.extend(block.join("\n").split("\n\n").map(str::to_owned));
        }
    }
    found
}

#[test]
fn documented_queries_use_only_series_that_exist() {
    let expressions = documented_expressions();
    assert!(expressions.len() >= 4, "{expressions:?}");
    check_each(expressions, |expression| {
        let found = selectors(&expression);
        assert!(!found.is_empty(), "no series in {expression}");
        for selector in found {
            check(&selector, &BTreeSet::new(), &expression);
        }
    });
}

#[test]
fn the_table_of_alerts_lists_every_alert() {
    let document = std::fs::read_to_string(repository("docs/operations.md")).unwrap();
    let rows = document
        .lines()
        .filter(|line| line.starts_with("| `LivePerson"));
    let names = rows.flat_map(|row| row.split(" | ").next().unwrap_or_default().split('`'));
    let documented: BTreeSet<_> = names
        .filter(|name| name.starts_with("LivePerson"))
        .map(str::to_owned)
        .collect();
    assert_eq!(documented, named_in_rules("alert:"));
}

#[test]
fn every_alert_says_what_to_do_and_is_tested_firing_and_silent() {
    let tests: String = files("tests/rules", "yml")
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    let (_, alerts) = files("grafana/rules", "yml")
        .into_iter()
        .find(|(path, _)| path.ends_with("liveperson.alerts.rules.yml"))
        .unwrap();
    let mut count = 0;
    check_each(alerts.split("- alert: ").skip(1), |alert| {
        let name = alert.lines().next().unwrap();
        for needed in ["severity: ", "summary: ", "description: "] {
            assert!(alert.contains(needed), "{name} has no {needed}");
        }
        let cases = tests.split("alertname: ").skip(1);
        let cases: Vec<_> = cases
            .filter(|case| case.lines().next() == Some(name))
            .collect();
        let silent = |case: &&&str| case.lines().nth(1).unwrap().ends_with("exp_alerts: []");
        let silences = cases.iter().filter(silent).count();
        assert!(silences > 0, "no test where {name} stays silent");
        assert!(cases.len() > silences, "no test where {name} fires");
        count += 1;
    });
    assert!(count >= 14, "only {count} alerts were found");
}

/// Whether promtool is there; when not, says so loudly, and in CI fails.
fn promtool() -> bool {
    let mut command = Command::new("promtool");
    command.arg("--version");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    if command.status().is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "promtool must be installed in CI"
    );
    eprintln!("\nSKIPPED: promtool is not installed; run tests/run instead\n");
    false
}

fn run_promtool(arguments: &[&str], folder: &str) {
    if !promtool() {
        return;
    }
    let files = files(folder, "yml");
    let output = Command::new("promtool")
        .args(arguments)
        .args(files.iter().map(|(path, _)| path))
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{complaints}");
    assert_eq!(complaints, "", "{printed}");
    assert_eq!(printed.matches("SUCCESS").count(), files.len(), "{printed}");
}

#[test]
fn promtool_finds_nothing_wrong_with_the_rules() {
    run_promtool(&["check", "rules"], "grafana/rules");
}

#[test]
fn alerts_fire_when_they_should() {
    run_promtool(&["test", "rules"], "tests/rules");
}
