//! The documents against the code: the metrics table, the flags, the settings, samples, links.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use liveperson_exporter::collectors::Registry;
use liveperson_exporter::metrics::Kind;

use super::files::repository;
use super::known_series::families;
use crate::cases::check_each;

fn document(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every document of the repository: path and text.
fn documents() -> Vec<(String, String)> {
    let folders = ["", "docs/", "grafana/"];
    let paths = folders.iter().flat_map(|folder| {
        let entries = std::fs::read_dir(repository(folder)).unwrap();
        entries.map(move |entry| format!("{folder}{}", entry.unwrap().file_name().display()))
    });
    let mut paths: Vec<_> = paths.filter(|path| path.ends_with(".md")).collect();
    paths.sort();
    assert!(paths.len() >= 12, "{paths:?}");
    let read = |path: String| {
        let text = document(&path);
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

fn table() -> String {
    let rows = families().into_iter().map(|family| {
        let labels: Vec<_> = family
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let (kind, le) = match family.kind {
            Kind::Gauge => ("gauge", ""),
            Kind::Info => ("gauge, always 1", ""),
            Kind::GaugeHistogram => ("gauge histogram", ", `le`"),
            Kind::Counter => ("counter", ""),
            Kind::Histogram => ("histogram", ", `le`"),
        };
        format!(
            "| `{}` | {kind} | {}{le} | {} |\n",
            family.name,
            labels.join(", "),
            family.help
        )
    });
    format!(
        "| series | type | labels | |\n|---|---|---|---|\n{}",
        rows.collect::<String>()
    )
}

#[test]
fn the_metrics_table_is_the_catalogue() {
    let metrics = document("docs/metrics.md");
    let after = metrics
        .split("<!-- metrics -->\n")
        .nth(1)
        .expect("the table's beginning");
    let found = after.split("<!-- /metrics -->").next().unwrap();
    assert!(
        found == table(),
        "docs/metrics.md should have between the marks:\n{}",
        table()
    );
}

/// The flags of the exporter that a text names.
fn flags(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || ".-".contains(c)));
    let prefixes = ["--config.", "--web.", "--log.", "--shard", "--state."];
    let is_flag = |word: &&str| prefixes.iter().any(|prefix| word.starts_with(prefix));
    words.filter(is_flag).map(str::to_owned).collect()
}

#[test]
fn every_flag_is_documented_and_no_other() {
    let output = Command::new(env!("CARGO_BIN_EXE_liveperson_exporter"))
        .arg("man")
        .output();
    // --help leaves defaults and details out.
    let man = String::from_utf8(output.unwrap().stdout).unwrap();
    let help = flags(&man.replace("\\-", "-").replace("\\fB", " "));
    assert!(help.len() >= 8);
    assert_eq!(help, flags(&document("docs/configuration.md")));
    check_each(documents(), |(path, text)| {
        let lines = text.lines();
        let available = lines.filter(|line| !line.contains("not available"));
        let named = flags(&available.collect::<Vec<_>>().join("\n"));
        let unknown: Vec<_> = named.difference(&help).collect();
        assert!(unknown.is_empty(), "{path} names {unknown:?}");
    });
}

/// The keys in the first column of the table of settings. One that begins with a dot stands in the
/// section of the one before it.
fn documented_keys(document: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let section = document.split("## Settings").nth(1).expect("the settings");
    let rows = section
        .lines()
        .skip_while(|line| !line.starts_with("|---"))
        .skip(1)
        .take_while(|line| line.starts_with("| "));
    for row in rows {
        let mut parent = String::new();
        for key in row
            .split(" | ")
            .next()
            .unwrap()
            .split('`')
            .skip(1)
            .step_by(2)
        {
            let key = match key.strip_prefix('.') {
                Some(last) => format!("{parent}.{last}"),
                None => key.to_owned(),
            };
            parent = key.rsplit_once('.').map_or("", |(parent, _)| parent).into();
            keys.insert(key);
        }
    }
    keys
}

#[test]
fn every_setting_is_documented_and_no_other() {
    let configuration = document("docs/configuration.md");
    let documented = documented_keys(&configuration);
    let known = liveperson_exporter::config::known_keys(&Registry::standard().sections());
    let is_section = |key: &str| {
        let below = [format!("{key}."), format!("{key}[]")];
        known
            .iter()
            .any(|other| below.iter().any(|b| other.starts_with(b)))
    };
    let mut expected = BTreeSet::new();
    for key in known.iter().filter(|key| !is_section(key)) {
        let of_account = key.strip_prefix("accounts[].");
        match of_account.and_then(|key| key.split_once('.')) {
            // Whatever names of LivePerson's services stand below it.
            Some(("hosts", _)) => expected.insert("accounts[].hosts".to_owned()),
            Some(("auth", credential)) => {
                let last = credential.rsplit('.').next().unwrap();
                let base = last.strip_suffix("_file").unwrap_or(last);
                let named = configuration.contains(&format!("`{base}`"));
                assert!(named, "docs/configuration.md does not name {key}");
                expected.insert("accounts[].auth".to_owned())
            }
            // The same key of a collector for one account only.
            Some(_) => expected.insert(of_account.unwrap().to_owned()),
            None => expected.insert(key.clone()),
        };
    }
    assert!(expected.len() >= 25, "{expected:?}");
    assert_eq!(documented, expected);
}

/// The first `yaml` block of a document, without the indentation of its fence.
fn first_yaml(document: &str) -> String {
    let mut lines = document.lines();
    let fence = lines
        .find(|line| line.trim() == "```yaml")
        .expect("a block");
    let indent = fence.len() - fence.trim_start().len();
    let block = lines.take_while(|line| line.trim() != "```");
    block
        .map(|line| format!("{}\n", line.get(indent..).unwrap_or_default()))
        .collect()
}

#[test]
fn the_first_configuration_is_the_minimal_file() {
    let file = document("config/liveperson_exporter.minimal.yml");
    let settings = file.lines().filter(|line| !line.starts_with('#'));
    let settings: String = settings.map(|line| format!("{line}\n")).collect();
    check_each(["README.md", "docs/configuration.md"], |path| {
        assert_eq!(first_yaml(&document(path)), settings, "{path}");
    });
}

#[test]
fn the_readme_is_short_and_every_document_names_its_readers() {
    assert!(document("README.md").lines().count() <= 200);
    check_each(documents(), |(path, text)| {
        if !["README.md", "SECURITY.md"].contains(&path.as_str()) {
            let named = text
                .lines()
                .nth(2)
                .is_some_and(|line| line.starts_with("For "));
            assert!(named, "the third line of {path} should say whom it is for");
        }
    });
}

/// What a heading becomes in a link.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The targets of the links and images of a document.
fn links(text: &str) -> Vec<&str> {
    let rest = text.split("](").skip(1);
    rest.filter_map(|rest| rest.split(')').next()).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut count = 0;
    check_each(documents(), |(path, text)| {
        for link in links(&text) {
            if link.starts_with("https://") {
                continue;
            }
            count += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(&path).parent().unwrap();
            let target = match file {
                "" => repository(&path),
                file => repository("").join(folder).join(file),
            };
            assert!(target.exists(), "{path}: {link} leads nowhere");
            if !heading.is_empty() {
                let target = std::fs::read_to_string(target).unwrap();
                let headings = target.lines().filter(|line| line.starts_with('#'));
                let found = headings.map(anchor).any(|anchor| anchor == heading);
                assert!(found, "{path}: {link} names no heading");
            }
        }
    });
    assert!(count >= 30, "{count} links");
}

/// The modules that each module may import, by the table of docs/architecture.md.
fn imports_in_table(architecture: &str) -> BTreeSet<(String, String)> {
    let table = architecture.split("<!-- arrows -->").nth(1).unwrap();
    let table = table.split("<!-- /arrows -->").next().unwrap();
    let mut arrows = BTreeSet::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let mut names = row.split('`').skip(1).step_by(2);
        let from = names.next().unwrap();
        arrows.extend(names.map(|to| (from.to_owned(), to.to_owned())));
    }
    arrows
}

/// The same by the drawing below it: `a & b --> c`.
fn imports_in_drawing(architecture: &str) -> BTreeSet<(String, String)> {
    let drawing = architecture.split("flowchart TD").nth(1).unwrap();
    let drawing = drawing.split("```").next().unwrap();
    let lines = drawing.lines().filter_map(|line| line.split_once(" --> "));
    let arrows = lines.flat_map(|(from, to)| {
        let from = from.split('&').map(str::trim);
        from.map(|from| (from.to_owned(), to.trim().to_owned()))
    });
    arrows.collect()
}

#[test]
fn the_drawing_of_imports_is_the_table() {
    let architecture = document("docs/architecture.md");
    let table = imports_in_table(&architecture);
    assert!(table.len() >= 20, "{table:?}");
    assert_eq!(table, imports_in_drawing(&architecture));
}

/// Names in quotes that are set by the build, or are not variables.
const NO_VARIABLES: [&str; 5] = [
    "BUILD_REVISION",
    "BUILD_RUST_VERSION",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_DIR",
    "CARGO_PKG_VERSION",
];

/// Whether a text is written as a whole name of an environment variable; those that override a
/// setting have two underscores.
fn is_variable(text: &str) -> bool {
    let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let prefix = text.ends_with('_') || text.starts_with("TLS") || text.starts_with('_');
    text.contains('_') && !text.contains("__") && !prefix && text.chars().all(upper)
}

#[test]
fn every_environment_variable_is_in_the_reference() {
    let reference = document("docs/configuration.md");
    let mut variables = BTreeSet::new();
    let mut folders = vec![super::files::repository("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.to_str().unwrap().contains("tests") {
                let text = std::fs::read_to_string(path).unwrap();
                let product = text.split("#[cfg(test)]\nmod tests").next().unwrap();
                let quoted = product.split('"').filter(|text| is_variable(text));
                variables.extend(quoted.map(str::to_owned));
            }
        }
    }
    assert!(variables.contains("NOTIFY_SOCKET"), "{variables:?}");
    let variables = variables.into_iter();
    let variables = variables.filter(|name| !NO_VARIABLES.contains(&name.as_str()));
    check_each(variables, |name| {
        assert!(
            reference.contains(&format!("`{name}`")),
            "{name} is missing"
        );
    });
}
