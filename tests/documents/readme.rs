//! The README against the code: the metrics table, the flags, the settings.

use std::path::Path;
use std::process::Command;

use liveperson_exporter::metrics::Kind;

use super::known_series::families;

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
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
    let readme = readme();
    let after = readme
        .split("<!-- metrics -->\n")
        .nth(1)
        .expect("the table's beginning");
    let found = after.split("<!-- /metrics -->").next().unwrap();
    assert!(
        found == table(),
        "README.md should have between the marks:\n{}",
        table()
    );
}

#[test]
fn every_flag_is_in_the_readme_and_the_other_way_round() {
    let output = Command::new(env!("CARGO_BIN_EXE_liveperson_exporter"))
        .arg("--help")
        .output();
    let help = String::from_utf8(output.unwrap().stdout).unwrap();
    let readme = readme();
    let flags = |text: &str| {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || ".-".contains(c)));
        let flag = |word: &&str| {
            ["--config.", "--web.", "--log."]
                .iter()
                .any(|p| word.starts_with(p))
        };
        let mut flags: Vec<_> = words.filter(flag).map(str::to_owned).collect();
        flags.sort();
        flags.dedup();
        flags
    };
    assert_eq!(flags(&help), flags(&readme));
    assert!(flags(&help).len() >= 7);
}

#[test]
fn every_setting_is_in_the_readme() {
    let readme = readme();
    for key in liveperson_exporter::config::known_keys() {
        // Whatever names of LivePerson's services stand below it.
        let key = if key.contains(".hosts.") {
            "accounts[].hosts".to_owned()
        } else {
            key
        };
        let last = key
            .rsplit('.')
            .next()
            .unwrap_or(&key)
            .trim_end_matches("[]");
        let named = readme.contains(&format!("`{last}`"))
            || readme.contains(&format!(".{last}`"))
            || readme.contains(&format!("{last}:"))
            || readme.contains(&format!("`{last}."));
        let secret_file = last.ends_with("_file");
        assert!(named || secret_file, "{key} is not in the README");
    }
}
