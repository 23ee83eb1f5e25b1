//! The workflows of a repository with runners.

use yaml_rust2::{Yaml, YamlLoader};

use super::files::files;
use crate::cases::check_each;

/// What a step may run: what anyone runs by hand.
const COMMANDS: [&str; 2] = ["bash .ci/run", "packaging/release"];

#[test]
fn workflows_call_the_gate_and_the_release_and_nothing_else() {
    check_each(files(".github/workflows", "yml"), |(_, text)| {
        let workflow = YamlLoader::load_from_str(&text).unwrap().remove(0);
        let jobs = workflow["jobs"].as_hash().unwrap();
        let steps = jobs.values().flat_map(|job| job["steps"].as_vec().unwrap());
        let runs: Vec<_> = steps.filter_map(|step| step["run"].as_str()).collect();
        assert!(!runs.is_empty(), "it runs nothing");
        assert!(runs.iter().all(|run| COMMANDS.contains(run)), "{runs:?}");
        assert_ne!(workflow["permissions"], Yaml::BadValue);
    });
}
