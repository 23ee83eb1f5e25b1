//! Long work, off the threads that serve scrapes.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs `work` on this thread, while another one takes over its other tasks.
pub(super) fn run_blocking<T>(work: impl FnOnce() -> T) -> T {
    // A runtime with a single thread, as in tests, has no other.
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
