//! What a process can do for itself so that its memory does not end up in a file.

/// Forbids core dumps of this process, and other processes of the same user to look into it: its
/// memory holds secrets and tokens. Whoever may read any memory (root) still can.
pub(crate) fn forbid_dumps() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::debug!(%error, "core dumps cannot be forbidden");
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior};

    #[test]
    fn the_process_cannot_be_dumped() {
        super::forbid_dumps();
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
    }
}
