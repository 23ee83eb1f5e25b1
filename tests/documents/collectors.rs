//! Every collector of the registry has what a user and the tests need of it.
//!
//! Its settings and families are compared with the documents in `readme`, and with the sample
//! configuration in `tests/product`.

use liveperson_exporter::collectors::Registry;
use liveperson_exporter::simulator::apis::Apis;

use super::files::repository;
use crate::cases::check_each;

fn text(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn every_collector_has_its_section_in_document_and_sample() {
    let (document, sample) = (
        text("docs/configuration.md"),
        text("config/liveperson_exporter.yml"),
    );
    let mut missing = Vec::new();
    for about in Registry::standard().about() {
        let label = about.label;
        if !document.contains(&format!("| `{label}.enabled`, `.interval` |")) {
            missing.push(format!("docs/configuration.md has no row for {label}"));
        }
        let section = format!("{label}:");
        if !sample.lines().any(|line| line == section) {
            missing.push(format!("the sample configuration has no section {label}"));
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_collector_has_its_permission_documented() {
    let document = text("docs/configuration.md");
    let permissions = document.split("## Authorisation and permissions").nth(1);
    let rows: Vec<_> = permissions.unwrap().lines().collect();
    let documented = |title: &str| {
        let mut rows = rows.iter().filter(|line| line.starts_with("| "));
        rows.any(|row| row.contains(title))
    };
    let registry = Registry::standard();
    let titles = registry.about().map(|about| about.title);
    let missing: Vec<_> = titles.filter(|title| !documented(title)).collect();
    assert_eq!(missing, Vec::<&str>::new(), "in the table of permissions");
}

#[test]
fn every_collector_is_covered_by_the_alerts_about_causes() {
    let rules = text("grafana/rules/liveperson.alerts.rules.yml");
    let rule = rules.split("record: replica_api:liveperson_up:min").nth(1);
    let rule = rule.unwrap().split("- record:").next().unwrap();
    let mut missing = Vec::new();
    for about in Registry::standard().about() {
        let collector = format!("liveperson_up{{collector=\"{}\"}}", about.label);
        let api = format!("\"api\", \"{}\"", about.api);
        if !rule.contains(&collector) || !rule.contains(&api) {
            missing.push(about.label);
        }
    }
    assert_eq!(
        missing,
        Vec::<&str>::new(),
        "in replica_api:liveperson_up:min, from grafana/source/rules/expressions.py"
    );
}

#[test]
fn every_collector_has_its_api_in_the_simulator() {
    let apis = Apis::standard();
    check_each(Registry::standard().about(), |about| {
        let api = apis.iter().find(|api| api.name() == about.api);
        let api = api.unwrap_or_else(|| panic!("{} is not simulated", about.api));
        assert_eq!(api.service(), Some(about.service.name()), "{}", about.api);
    });
}
