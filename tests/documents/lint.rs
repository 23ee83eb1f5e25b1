//! The rules of Grafana's dashboard linter. What a dashboard does otherwise, and why, is in the
//! `.lint` file beside the dashboards, in the linter's own format; an exception that is not needed
//! fails as well.

use std::collections::BTreeSet;

use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

use super::files::{files, repository};
use super::promql::{Selector, selectors};

/// One thing that a rule objects about.
struct Finding {
    rule: &'static str,
    dashboard: String,
    panel: Option<String>,
    message: String,
}

impl Finding {
    fn text(&self) -> String {
        let panel = self.panel.as_deref().unwrap_or_default();
        format!(
            "{}: {}, {panel}: {}",
            self.rule, self.dashboard, self.message
        )
    }
}

/// An exception: a rule, perhaps only for one dashboard or panel.
#[derive(Debug)]
struct Exception {
    rule: String,
    dashboard: Option<String>,
    panel: Option<String>,
}

impl Exception {
    fn covers(&self, finding: &Finding) -> bool {
        let same = |wanted: &Option<String>, found: Option<&String>| {
            wanted.is_none() || wanted.as_ref() == found
        };
        self.rule == finding.rule
            && same(&self.dashboard, Some(&finding.dashboard))
            && same(&self.panel, finding.panel.as_ref())
    }
}

/// The exceptions; each rule's must have a reason.
fn exceptions() -> Vec<Exception> {
    let text = std::fs::read_to_string(repository("grafana/dashboards/.lint")).unwrap();
    let yaml = YamlLoader::load_from_str(&text).unwrap();
    let mut found = Vec::new();
    for (rule, about) in yaml[0]["exclusions"].as_hash().unwrap() {
        let rule = rule.as_str().unwrap();
        assert!(about["reason"].as_str().is_some(), "{rule} has no reason");
        let text = |entry: &Yaml, key: &str| entry[key].as_str().map(str::to_owned);
        let exception = |entry: &Yaml| Exception {
            rule: rule.to_owned(),
            dashboard: text(entry, "dashboard"),
            panel: text(entry, "panel"),
        };
        match about["entries"].as_vec() {
            Some(entries) => found.extend(entries.iter().map(exception)),
            None => found.push(exception(&Yaml::Null)),
        }
    }
    found
}

/// What the rules say about one dashboard.
struct Linter<'a> {
    json: &'a Value,
    findings: Vec<Finding>,
}

impl Linter<'_> {
    fn report(&mut self, rule: &'static str, panel: Option<&Value>, message: impl Into<String>) {
        let title = |value: &Value| value["title"].as_str().unwrap().to_owned();
        self.findings.push(Finding {
            rule,
            dashboard: title(self.json),
            panel: panel.map(title),
            message: message.into(),
        });
    }

    fn lint(&mut self) {
        self.dashboard();
        self.variables();
        for panel in self.json["panels"].as_array().unwrap() {
            self.panel(panel);
            for target in panel["targets"].as_array().into_iter().flatten() {
                self.target(panel, target["expr"].as_str().unwrap());
            }
        }
    }

    fn dashboard(&mut self) {
        if self.json["editable"] != false {
            self.report("uneditable-dashboard", None, "it can be edited");
        }
    }

    fn variables(&mut self) {
        let list = self.json["templating"]["list"].as_array().unwrap();
        let named = |name: &str| list.iter().find(|variable| variable["name"] == name);
        if named("datasource")
            .is_none_or(|v| v["type"] != "datasource" || v["label"] != "Data source")
        {
            self.report(
                "template-datasource-rule",
                None,
                "no variable of data sources",
            );
        }
        for (rule, name, label) in [
            ("template-job-rule", "job", "Job"),
            ("template-instance-rule", "instance", "Instance"),
        ] {
            let right = named(name).is_some_and(|v| {
                v["type"] == "query"
                    && v["label"] == label
                    && v["multi"] == true
                    && v["allValue"] == ".+"
                    && v["datasource"]["uid"] == "${datasource}"
            });
            if !right {
                self.report(
                    rule,
                    None,
                    format!("no variable {name}, or not as it should be"),
                );
            }
        }
        for variable in list.iter().filter(|v| v["type"] == "query") {
            let query = variable["query"]["query"].as_str().unwrap();
            let asks = query.starts_with("label_values(") || query.starts_with("query_result(");
            if !asks || selectors(query).is_empty() {
                self.report("template-label-promql-rule", None, query);
            }
            if variable["refresh"] != 2 {
                self.report("template-on-time-change-reload-rule", None, query);
            }
        }
    }

    fn panel(&mut self, panel: &Value) {
        let kind = panel["type"].as_str().unwrap();
        let judged = ["stat", "table", "timeseries", "gauge"].contains(&kind);
        if judged && panel["datasource"]["uid"] != "${datasource}" {
            self.report(
                "panel-datasource-rule",
                Some(panel),
                "not the chosen data source",
            );
        }
        let has_text = |key: &str| panel[key].as_str().is_some_and(|text| !text.is_empty());
        if judged && !(has_text("title") && has_text("description")) {
            self.report(
                "panel-title-description-rule",
                Some(panel),
                "title or description",
            );
        }
        if judged && panel["targets"].as_array().is_none_or(Vec::is_empty) {
            self.report("panel-no-targets-rule", Some(panel), "no query");
        }
        let unit = panel["fieldConfig"]["defaults"]["unit"].as_str();
        // Those of the linter's list that are used here.
        let known = [
            "none",
            "short",
            "locale",
            "percentunit",
            "bytes",
            "Bps",
            "dthms",
        ];
        if judged && !unit.is_some_and(|unit| known.contains(&unit)) {
            self.report("panel-units-rule", Some(panel), format!("{unit:?}"));
        }
    }

    fn target(&mut self, panel: &Value, expression: &str) {
        let found = selectors(expression);
        if found.is_empty() && !expression.starts_with("vector(") {
            self.report("target-promql-rule", Some(panel), expression);
        }
        let is = |selector: &Selector, label: &str, value: &str| {
            let mut matchers = selector.matchers.iter();
            matchers.any(|m| m.label == label && m.operator == "=~" && m.value == value)
        };
        for selector in &found {
            for (rule, label) in [
                ("target-job-rule", "job"),
                ("target-instance-rule", "instance"),
            ] {
                if !is(selector, label, &format!("${label}")) {
                    self.report(
                        rule,
                        Some(panel),
                        format!("{} has no {label}", selector.name),
                    );
                }
            }
            let function = selector.function.as_str();
            let counts = ["rate", "irate", "increase"].contains(&function);
            if selector.name.ends_with("_total") && !(selector.range && counts) {
                let message = format!("{} is not within a rate", selector.name);
                self.report("target-counter-agg-rule", Some(panel), message);
            }
        }
        for fixed in expression.split("rate(").skip(1) {
            let range = fixed
                .split_once('[')
                .and_then(|(_, rest)| rest.split_once(']'));
            if range.is_some_and(|(range, _)| range != "$__rate_interval") {
                self.report("target-rate-interval-rule", Some(panel), expression);
            }
        }
    }
}

#[test]
fn dashboards_follow_the_rules_of_grafanas_linter() {
    let exceptions = exceptions();
    let mut used = BTreeSet::new();
    let mut left = Vec::new();
    for (_, text) in files("grafana/dashboards", "json") {
        let json: Value = serde_json::from_str(&text).unwrap();
        let mut linter = Linter {
            json: &json,
            findings: Vec::new(),
        };
        linter.lint();
        for finding in linter.findings {
            match exceptions.iter().position(|e| e.covers(&finding)) {
                Some(index) => drop(used.insert(index)),
                None => left.push(finding.text()),
            }
        }
    }
    let unused = exceptions.iter().enumerate();
    let unused = unused.filter(|(index, _)| !used.contains(index));
    left.extend(unused.map(|(_, exception)| format!("not needed: {exception:?}")));
    left.sort();
    left.dedup();
    assert!(left.is_empty(), "{}", left.join("\n"));
}

#[test]
fn the_linter_finds_what_it_looks_for() {
    let json = serde_json::json!({
        "title": "Board", "editable": true,
        "templating": {"list": [{"name": "a", "type": "query", "refresh": 1, "query": {"query": "what(x)"}}]},
        "panels": [
            {"title": "", "type": "stat", "fieldConfig": {"defaults": {"unit": "odd"}}, "targets": []},
            {"title": "Rate", "description": "x", "type": "table", "datasource": {"uid": "fixed"},
             "fieldConfig": {"defaults": {"unit": "none"}}, "targets": [{"expr": "rate(x_total[5m])"}, {"expr": "y_total"}, {"expr": "1"}]},
        ],
    });
    let mut linter = Linter {
        json: &json,
        findings: Vec::new(),
    };
    linter.lint();
    let rules: BTreeSet<_> = linter.findings.iter().map(|c| c.rule).collect();
    let all = [
        "panel-datasource-rule",
        "panel-no-targets-rule",
        "panel-title-description-rule",
        "panel-units-rule",
        "target-counter-agg-rule",
        "target-instance-rule",
        "target-job-rule",
        "target-promql-rule",
        "target-rate-interval-rule",
        "template-datasource-rule",
        "template-instance-rule",
        "template-job-rule",
        "template-label-promql-rule",
        "template-on-time-change-reload-rule",
        "uneditable-dashboard",
    ];
    assert_eq!(rules.into_iter().collect::<Vec<_>>(), all);
}
