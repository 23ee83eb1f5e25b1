//! What tiles of the dashboards say about given series, number by number.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::rules::promtools;

/// The variables as the tests of `tests/dashboards/tiles.yml` choose them.
const VARIABLES: [(&str, &str); 7] = [
    ("account", ".+"),
    ("instance", ".+"),
    ("job", ".+"),
    ("now", "5m"),
    ("within", "30"),
    ("longest", "120"),
    ("least", "10"),
];

/// The queries of a dashboard by `board | title | letter`, with the variables filled in.
fn queries(board: &str) -> BTreeMap<String, String> {
    let path = format!("grafana/dashboards/liveperson-{board}.json");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let mut found = BTreeMap::new();
    for panel in json["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let title = panel["title"].as_str().unwrap();
            let letter = target["refId"].as_str().unwrap();
            let mut query = target["expr"].as_str().unwrap().to_owned();
            for (name, value) in VARIABLES {
                query = query.replace(&format!("${{{name}}}"), value);
                query = query.replace(&format!("${name}"), value);
            }
            found.insert(format!("{board} | {title} | {letter}"), query);
        }
    }
    found
}

#[test]
fn tiles_say_what_the_series_hold() {
    let mut tests = include_str!("../dashboards/tiles.yml").to_owned();
    for board in ["wallboard", "exporter"] {
        for (place, query) in queries(board) {
            // A text of JSON is one of YAML.
            let query = Value::from(query).to_string();
            tests = tests.replace(&format!("<{place}>"), &query);
        }
    }
    assert!(!tests.contains("expr: <"), "a tile is not there:\n{tests}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tiles.yml");
    std::fs::write(&file, tests).unwrap();
    for promtool in promtools() {
        let mut command = Command::new(promtool);
        let output = command.args(["test", "rules"]).arg(&file).output().unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaints}");
    }
}
