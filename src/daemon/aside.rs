//! Work that takes a while, off the threads that serve scrapes.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs `work` here, while another thread takes over whatever else this one has to do.
pub(super) fn aside<T>(work: impl FnOnce() -> T) -> T {
    // On a runtime with a single thread, as in tests, there is nowhere to move it.
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
