//! Programs and packages that a machine may not have: what needs them is skipped there, but not in CI.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether what a test needs is there; when not, says so loudly, and in CI fails.
#[track_caller]
pub(crate) fn is_there(found: bool, what: &str) -> bool {
    assert!(
        found || std::env::var_os("CI").is_none(),
        "{what} must be there in CI: run tests/run"
    );
    if !found {
        loudly(&format!(
            "SKIPPED: {what} is not there; run tests/run instead"
        ));
    }
    found
}

/// The same of a program, which is asked for its version.
#[track_caller]
pub(crate) fn has_program(program: &str) -> bool {
    let output = Command::new(program).arg("--version").output();
    is_there(output.is_ok_and(|output| output.status.success()), program)
}

/// The same of a package of Python's, by the folder of its modules.
#[track_caller]
pub(crate) fn has_python_package(folder: &str) -> bool {
    let what = format!("Python's {folder}");
    is_there(python_packages().join(folder).exists(), &what)
}

/// Where `tests/run` puts what it installs for Python.
pub(crate) fn python_packages() -> PathBuf {
    match std::env::var_os("LIVEPERSON_TEST_PYTHON") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python"),
    }
}

/// Says something that the test runner does not keep to itself.
pub(crate) fn loudly(text: &str) {
    let _ = writeln!(std::io::stderr(), "\n{text}\n");
}
