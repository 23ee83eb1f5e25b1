//! The binary: parses and calls. Everything else is in the library.

use std::process::ExitCode;

use liveperson_exporter::cli::{self, Program};

#[cfg(feature = "jemalloc")]
mod allocator;

fn main() -> ExitCode {
    cli::main(&Program::standard())
}
