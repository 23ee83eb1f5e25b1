//! The dashboards and rules are what their source in `grafana/source` generates.

use std::io::Write as _;
use std::process::Command;

use super::files::repository;

/// What `python3 -m source` exits with when a package is not there.
const MISSING_PACKAGE: i32 = 3;

/// Where `tests/run` puts what it installs for Python.
fn python_packages() -> String {
    let folder = std::env::var("LIVEPERSON_TEST_PYTHON");
    folder.unwrap_or_else(|_| repository("target/python").display().to_string())
}

#[test]
fn dashboards_and_rules_are_what_their_source_generates() {
    let path = format!("{}:{}", python_packages(), repository("grafana").display());
    let output = Command::new("python3")
        .args(["-m", "source", "--check"])
        .env("PYTHONPATH", path)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output();
    let missing = match &output {
        Ok(output) => output.status.code() == Some(MISSING_PACKAGE),
        Err(_) => true,
    };
    if missing {
        assert!(
            std::env::var_os("CI").is_none(),
            "the generator of the dashboards must be there in CI: {output:?}"
        );
        // The test runner keeps what is printed in the usual way to itself.
        let _ = writeln!(
            std::io::stderr(),
            "\nSKIPPED: NOTHING COMPARES THE DASHBOARDS WITH THEIR SOURCE; run tests/run instead\n"
        );
        return;
    }
    let output = output.unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");
}
