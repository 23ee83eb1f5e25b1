//! The binary: parses and calls. Everything else is in the library.

use std::process::ExitCode;

/// Gives the memory of a poll back to the system; `docs/performance.md` has the others that were
/// measured, `.cargo/config.toml` its settings.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    liveperson_exporter::cli::main()
}
