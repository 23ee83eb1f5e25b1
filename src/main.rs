//! The binary: parses and calls. Everything else is in the library.

use std::process::ExitCode;

mod allocator;

fn main() -> ExitCode {
    liveperson_exporter::cli::main()
}
