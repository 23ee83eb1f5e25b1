//! Puts the revision and the compiler's version into the binary, for `--version` and build_info.

use std::path::Path;
use std::process::Command;

fn main() {
    // Grows with every commit and change of branch. Watched only when it exists: a missing file
    // would make every build run this script again.
    let log = ".git/logs/HEAD";
    let watched = if Path::new(log).exists() {
        log
    } else {
        "build.rs"
    };
    println!("cargo::rerun-if-changed={watched}");
    println!("cargo::rerun-if-env-changed=LIVEPERSON_EXPORTER_REVISION");
    // A build from a source archive has no repository; packagers can pass the revision.
    let revision = std::env::var("LIVEPERSON_EXPORTER_REVISION").ok();
    let revision = revision.or_else(|| output("git", &["rev-parse", "--short=12", "HEAD"]));
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = output(&compiler, &["--version"]);
    let version = version.as_deref().and_then(|text| text.split(' ').nth(1));
    println!(
        "cargo::rustc-env=BUILD_REVISION={}",
        revision.as_deref().unwrap_or("unknown")
    );
    println!(
        "cargo::rustc-env=BUILD_RUST_VERSION={}",
        version.unwrap_or("unknown")
    );
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
