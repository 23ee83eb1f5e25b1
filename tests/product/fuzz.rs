//! The corpora of `fuzz/` through their targets: what a campaign once found stays fixed, and the
//! targets themselves stay true.

#[allow(unreachable_pub, reason = "a library of its own in `fuzz/`")]
#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::panic::catch_unwind;
use std::path::Path;

#[test]
fn every_input_of_every_corpus_passes_its_target() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut failed = Vec::new();
    for (name, target) in targets::TARGETS {
        let mut count = 0;
        for entry in std::fs::read_dir(corpora.join(name)).expect(name) {
            let path = entry.unwrap().path();
            let data = std::fs::read(&path).unwrap();
            count += 1;
            if catch_unwind(|| target(&data)).is_err() {
                failed.push(path);
            }
        }
        assert!(count > 0, "{name} has no corpus");
        target(b"");
    }
    assert!(failed.is_empty(), "{failed:?}");
}
