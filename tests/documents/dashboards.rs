//! The dashboards: importable, readable, and about series that exist.

use std::collections::BTreeSet;
use std::path::PathBuf;

use liveperson_exporter::metrics::Origin;
use serde_json::Value;

use super::files::files;
use super::known_series::{check, families, series};
use super::promql::{Selector, selectors};
use crate::cases::check_each;

#[derive(Debug)]
struct Dashboard {
    name: String,
    json: Value,
}

fn dashboards() -> Vec<Dashboard> {
    let parse = |(path, text): (PathBuf, String)| Dashboard {
        name: path.file_name().unwrap().to_string_lossy().into_owned(),
        json: serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())),
    };
    files("grafana/dashboards", "json")
        .into_iter()
        .map(parse)
        .collect()
}

impl Dashboard {
    /// All panels. Those of an open row stand beside it; a collapsed row would hide them from here.
    fn panels(&self) -> &Vec<Value> {
        let panels = self.json["panels"].as_array().unwrap();
        let hides = |panel: &Value| panel["panels"].as_array().is_some_and(|p| !p.is_empty());
        assert!(!panels.iter().any(hides), "{}: a collapsed row", self.name);
        panels
    }

    /// The PromQL of panels and annotations.
    fn expressions(&self) -> Vec<String> {
        let targets = |panel: &Value| panel["targets"].as_array().cloned().unwrap_or_default();
        let expression = |target: Value| target["expr"].as_str().unwrap().to_owned();
        let annotations = self.json["annotations"]["list"].as_array();
        let annotations = annotations.cloned().unwrap_or_default();
        let panels = self.panels().iter().flat_map(targets);
        panels.chain(annotations).map(expression).collect()
    }

    fn variables(&self) -> &Vec<Value> {
        self.json["templating"]["list"].as_array().unwrap()
    }

    /// The PromQL of the variables: `label_values(series, label)` and `query_result(promql)`.
    fn variable_queries(&self) -> Vec<String> {
        let query = |variable: &Value| {
            let query = variable["query"]["query"].as_str()?;
            let series = query.strip_prefix("label_values(");
            let series = series.and_then(|rest| rest.rsplit_once(','));
            Some(series.map_or(query, |(series, _label)| series).to_owned())
        };
        self.variables().iter().filter_map(query).collect()
    }
}

#[test]
fn dashboards_use_only_series_and_labels_that_exist() {
    for dashboard in dashboards() {
        let expressions = dashboard.expressions();
        for expression in expressions.iter().chain(&dashboard.variable_queries()) {
            let place = format!("{}: {expression}", dashboard.name);
            let found = selectors(expression);
            // Recorded series are missing where only the dashboard was imported.
            for selector in found.iter().filter(|s| !s.name.is_empty()) {
                check(selector, &BTreeSet::new(), &place);
            }
            for nameless in found.iter().filter(|s| s.name.is_empty()) {
                check_nameless(nameless, &place);
            }
        }
    }
}

/// `{__name__=~"liveperson_(a|b)_x"}`: every name it stands for must exist.
fn check_nameless(selector: &Selector, place: &str) {
    for name in names_of(selector, place) {
        let named = Selector {
            name,
            matchers: Vec::new(),
            range: false,
            function: String::new(),
        };
        check(&named, &BTreeSet::new(), place);
    }
}

fn names_of(selector: &Selector, place: &str) -> Vec<String> {
    let named = selector.matchers.iter().find(|m| m.label == "__name__");
    let pattern = &named.unwrap_or_else(|| panic!("{place}: no name")).value;
    let (prefix, rest) = pattern.split_once('(').unwrap();
    let (alternatives, suffix) = rest.split_once(')').unwrap();
    let name = |alternative| format!("{prefix}{alternative}{suffix}");
    alternatives.split('|').map(name).collect()
}

#[test]
fn dashboards_never_mix_windows() {
    let mut seen = 0;
    check_each(dashboards(), |dashboard| {
        for expression in dashboard.expressions() {
            let windowed = |s: &Selector| s.name.starts_with("liveperson_window_");
            for selector in selectors(&expression).into_iter().filter(windowed) {
                let fixed = selector.matchers.iter().any(|matcher| {
                    (matcher.label.as_str(), matcher.operator.as_str()) == ("window", "=")
                });
                assert!(fixed, "{}: no window in {expression}", dashboard.name);
                seen += 1;
            }
        }
    });
    assert!(seen > 20, "only {seen} selectors of windows were found");
}

#[test]
fn the_exporter_dashboard_shows_all_of_its_own_families() {
    let boards = dashboards();
    let board = boards
        .iter()
        .find(|board| board.name == "liveperson-exporter.json");
    let board = board.unwrap();
    let expressions = board.expressions().into_iter();
    let expressions = expressions.chain(board.variable_queries());
    let names = |selector: Selector| match selector.name.as_str() {
        "" => names_of(&selector, &board.name),
        _ => vec![selector.name],
    };
    let shown: BTreeSet<String> = expressions
        .flat_map(|expression| selectors(&expression))
        .flat_map(names)
        .collect();
    let cases = families()
        .into_iter()
        .filter(|f| f.origin == Origin::Exporter);
    check_each(cases, |family| {
        assert!(
            series(family).iter().any(|series| shown.contains(series)),
            "no panel shows {}",
            family.name
        );
    });
}

#[test]
fn dashboards_can_be_imported_and_provisioned() {
    let mut uids = BTreeSet::new();
    check_each(dashboards(), |Dashboard { name, json }| {
        let uid = json["uid"].as_str().unwrap().to_owned();
        assert!(uids.insert(uid), "{name}: its uid is taken");
        assert!(json["id"].is_null(), "{name}: the id belongs to a server");
        // Of the oldest Grafana that the generator's builders are for.
        assert!(json["schemaVersion"].as_u64().unwrap() >= 41, "{name}");
        for key in ["title", "description"] {
            assert!(json[key].as_str().is_some_and(|s| !s.is_empty()), "{name}");
        }
        // Filled in by Grafana's own export only: file provisioning leaves them as they are.
        assert!(json.get("__inputs").is_none() && json.get("__requires").is_none());
    });
}

#[test]
fn panels_have_ids_places_and_the_chosen_data_source() {
    check_each(dashboards(), |dashboard| {
        let name = &dashboard.name;
        let mut ids = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for panel in dashboard.panels() {
            let title = panel["title"].as_str().unwrap();
            assert!(!title.is_empty(), "{name}: a panel without a title");
            assert!(
                ids.insert(panel["id"].as_u64().unwrap()),
                "{name}: {title}: its id is taken"
            );
            let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(place("x") + place("w") <= 24, "{name}: {title} is too wide");
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(
                        taken.insert((x, y)),
                        "{name}: {title} lies on another panel"
                    );
                }
            }
            let targets = panel["targets"].as_array().cloned().unwrap_or_default();
            let without_data = ["row", "text"].contains(&panel["type"].as_str().unwrap());
            assert_eq!(targets.is_empty(), without_data, "{name}: {title}");
            let refs: BTreeSet<_> = targets.iter().map(|t| t["refId"].as_str()).collect();
            assert_eq!(refs.len(), targets.len(), "{name}: {title}: refIds");
            for asked in targets.iter().chain((!without_data).then_some(panel)) {
                assert_eq!(
                    asked["datasource"]["uid"], "${datasource}",
                    "{name}: {title}"
                );
            }
        }
    });
}

#[test]
fn every_variable_that_is_used_is_there() {
    check_each(dashboards(), |dashboard| {
        let variables = dashboard.variables().iter();
        let names: BTreeSet<_> = variables.map(|v| v["name"].as_str().unwrap()).collect();
        assert!(names.contains("datasource"), "{}", dashboard.name);
        let text = dashboard.json.to_string();
        let mut used = BTreeSet::new();
        for (at, _) in text.match_indices('$') {
            let rest = text[at + 1..].trim_start_matches('{');
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            // "$1" belongs to label_replace, "$" alone ends a regular expression.
            let is_variable = name.starts_with(|c: char| c.is_ascii_alphabetic());
            used.extend(is_variable.then_some(name));
        }
        assert_eq!(used, names, "{}: used and defined", dashboard.name);
    });
}
