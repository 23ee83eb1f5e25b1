//! The allocator's settings are in the binary itself, wherever and however it was built.

use crate::common;

/// What jemalloc says at the end of a process when it is asked to.
fn report() -> String {
    let output = common::command()
        .arg("--version")
        .env("_RJEM_MALLOC_CONF", "stats_print:true")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn the_binary_brings_its_settings_and_they_are_in_use() {
    let report = report();
    let missing: Vec<_> = [
        // Not `config.malloc_conf`, which a variable of the build sets.
        "Global variable malloc_conf: \"background_thread:true,",
        "opt.background_thread: true (background_thread: true)",
        "opt.dirty_decay_ms: 500 (arenas.dirty_decay_ms: 500)",
        "opt.muzzy_decay_ms: 0 (arenas.muzzy_decay_ms: 0)",
        "opt.narenas: 4\n",
    ]
    .into_iter()
    .filter(|line| !report.contains(line))
    .collect();
    assert!(missing.is_empty(), "missing: {missing:#?}\n{report}");
}
