//! The binary: parses and calls. Everything else is in the library.

use std::process::ExitCode;

use liveperson_exporter::cli::{self, Program};

mod allocator;

fn main() -> ExitCode {
    cli::main(&Program::standard())
}
