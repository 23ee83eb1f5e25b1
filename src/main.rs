//! The binary: parses and calls. Everything else is in the library.

use std::process::ExitCode;

/// Gives what a poll needed back to the system; `docs/performance.md` compares it with others.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    liveperson_exporter::cli::main()
}
