//! Recording and alert rules: about series that exist, and tested by promtool.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
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
pub(crate) fn named_in_rules(key: &str) -> BTreeSet<String> {
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
    let rules = files("grafana/rules", "yml");
    let rules = rules.iter().flat_map(|(_, text)| text.lines());
    let begins = |line: &&str| {
        ["- record: ", "- alert: "]
            .iter()
            .any(|key| line.trim_start().starts_with(key))
    };
    let rules = rules.filter(begins).count();
    assert_eq!(expressions.len(), rules, "one expression for each rule");
    check_each(expressions, |expression| {
        let found = selectors(&expression);
        // What the user sets is a number.
        let is_setting = expression.starts_with("vector(");
        assert!(!found.is_empty() || is_setting, "no series in {expression}");
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

/// A relabelling's expression has to match the whole name.
#[test]
fn the_documented_remote_write_keeps_all_that_is_recorded() {
    let text = std::fs::read_to_string(repository("docs/instances.md")).unwrap();
    let (_, kept) = text.split_once("write_relabel_configs:").unwrap();
    let (_, kept) = kept.split_once("regex: \"").unwrap();
    let (kept, _) = kept.split_once('"').unwrap();
    let kept = regex::Regex::new(&format!("^(?:{kept})$")).unwrap();
    let mut names = named_in_rules("record:");
    names.extend(["ALERTS", "liveperson_window_account_wait_seconds_bucket"].map(str::to_owned));
    check_each(names, |name| {
        assert!(kept.is_match(&name), "{name} is left out");
    });
    assert!(
        !kept.is_match("liveperson_window_account_chats"),
        "all kept"
    );
}

/// Whether a program is there; when not, says so loudly, and in CI fails.
pub(crate) fn has(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    if command.status().is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{program} must be installed in CI"
    );
    // The test runner keeps what is printed in the usual way to itself.
    let _ = writeln!(
        std::io::stderr(),
        "\nSKIPPED: {program} is not installed; run tests/run instead\n"
    );
    false
}

/// The versions of promtool to test with: the machine's, and a 3 where it can be had.
pub(crate) fn promtools() -> Vec<PathBuf> {
    if !has("promtool") {
        return Vec::new();
    }
    let newest = std::env::var_os("LIVEPERSON_TEST_NEWEST").map(PathBuf::from);
    let newest = newest.map(|folder| folder.join("promtool"));
    let newest = newest.filter(|program| program.exists());
    [PathBuf::from("promtool")]
        .into_iter()
        .chain(newest)
        .collect()
}

fn run_promtool(arguments: &[&str], folder: &str) {
    for program in promtools() {
        run(&program, arguments, folder);
    }
}

fn run(promtool: &Path, arguments: &[&str], folder: &str) {
    let files = files(folder, "yml");
    let output = Command::new(promtool)
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
