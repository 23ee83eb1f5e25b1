//! `compose.yaml` wires exporter, Prometheus, Alertmanager and Grafana together. Nothing is started here:
//! what can be wrong without a network is whether the pieces are there and name each other rightly.

use std::process::Command;

use yaml_rust2::{Yaml, YamlLoader};

use super::files::repository;

fn yaml(path: &str) -> Yaml {
    let text = std::fs::read_to_string(repository(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut documents = YamlLoader::load_from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
    documents.remove(0)
}

fn words(yaml: &Yaml) -> Vec<&str> {
    let list = yaml.as_vec().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Yaml::as_str).collect()
}

/// Where a service finds a folder or file of this repository.
fn mounts(compose: &Yaml, service: &str) -> Vec<(String, String)> {
    let volumes = words(&compose["services"][service]["volumes"]);
    let ours = volumes.iter().filter(|volume| volume.starts_with("./"));
    ours.map(|volume| {
        let parts: Vec<_> = volume.split(':').collect();
        assert_eq!(parts.get(2), Some(&"ro"), "{service} may write {volume}");
        (
            parts[0].trim_start_matches("./").to_owned(),
            parts[1].to_owned(),
        )
    })
    .collect()
}

#[test]
fn every_mounted_file_is_there_and_every_service_pinned() {
    let compose = yaml("compose.yaml");
    let services = compose["services"].as_hash().unwrap();
    let mut names: Vec<_> = services.keys().filter_map(Yaml::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alertmanager", "exporter", "grafana", "prometheus"]);
    for name in names {
        for (path, _) in mounts(&compose, name) {
            assert!(repository(&path).exists(), "{name}: there is no {path}");
        }
        let service = &compose["services"][name];
        let pinned = service["image"].as_str().is_some_and(|image| {
            let tag = image.rsplit_once(':').map(|(_, tag)| tag);
            tag.is_some_and(|tag| tag != "latest")
        });
        assert!(
            pinned || !service["build"].is_badvalue(),
            "{name}: no version"
        );
        // Only this machine: the Grafana has no password.
        for port in words(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
}

#[test]
fn the_services_find_each_other() {
    let compose = yaml("compose.yaml");
    let prometheus = yaml("grafana/prometheus.yml");
    let scraped = &prometheus["scrape_configs"][0];
    assert_eq!(scraped["job_name"].as_str(), Some("liveperson"));
    let targets = words(&scraped["static_configs"][0]["targets"]);
    let managers = &prometheus["alerting"]["alertmanagers"][0];
    let alerted = words(&managers["static_configs"][0]["targets"]);
    let source = yaml("grafana/provisioning/datasources/prometheus.yml");
    let asked = source["datasources"][0]["url"].as_str().unwrap();
    let called = [targets, alerted, vec![asked.trim_start_matches("http://")]].concat();
    assert_eq!(
        called,
        ["exporter:10188", "alertmanager:9093", "prometheus:9090"]
    );
    for address in called {
        let (service, port) = address.split_once(':').unwrap();
        let ports = words(&compose["services"][service]["ports"]);
        let own = ports.iter().any(|p| p.ends_with(&format!(":{port}")));
        assert!(own, "{service} does not listen on {port}");
    }
}

#[test]
fn grafana_finds_the_dashboards_where_they_are_mounted() {
    let compose = yaml("compose.yaml");
    let provider = yaml("grafana/provisioning/dashboards/liveperson.yml");
    let path = provider["providers"][0]["options"]["path"]
        .as_str()
        .unwrap();
    let mounted = mounts(&compose, "grafana");
    let expected = ("grafana/dashboards".to_owned(), path.to_owned());
    assert!(mounted.contains(&expected), "{mounted:?}");
    let environment = &compose["services"]["grafana"]["environment"];
    let home = environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].as_str();
    let file = home.unwrap().strip_prefix(&format!("{path}/")).unwrap();
    assert!(
        repository("grafana/dashboards").join(file).exists(),
        "{file}"
    );
}

#[test]
fn promtool_finds_nothing_wrong_with_the_configuration() {
    if !super::rules::has("promtool") {
        return;
    }
    let output = Command::new("promtool")
        .args(["check", "config", "grafana/prometheus.yml"])
        .current_dir(repository(""))
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{errors}");
    assert!(printed.contains("liveperson.alerts.rules.yml"), "{printed}");
}
