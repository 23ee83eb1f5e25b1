//! The command line: one file per command.
//!
//! Exit status: 0 success, 1 a failure at run time, 2 an error in usage or configuration.

mod check_config;
mod demo;
mod failure;
mod flags;
mod output;
mod run;
mod signals;
mod simulate;
mod test_connection;

use std::process::ExitCode;

use clap::Parser as _;
use failure::Failure;
use flags::{Cli, Command};

/// Parses the command line and executes its command.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A usage error (2), or --help and --version (0), even if it cannot be printed.
            let _ = error.print();
            return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    match execute(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn execute(cli: Cli) -> Result<(), Failure> {
    let flags = cli.flags;
    crate::telemetry::init(flags.log_level, flags.log_format)
        .map_err(|error| Failure::runtime(format!("cannot start logging: {error}")))?;
    crate::hardening::forbid_dumps();
    match cli.command.unwrap_or(Command::Run) {
        Command::Run => block_on(run::run(flags)),
        Command::Demo => block_on(demo::demo(flags)),
        Command::Simulate(options) => block_on(simulate::simulate(*options)),
        Command::CheckConfig { file } => check_config::check_config(
            file.or(flags.config_file).as_deref(),
            flags.web_config_file.as_deref(),
        ),
        Command::TestConnection { file } => {
            let file = file.or(flags.config_file);
            block_on(test_connection::run(file.as_deref()))
        }
    }
}

fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::runtime(format!("cannot start the runtime: {error}")))?;
    let result = runtime.block_on(command);
    // A blocking look-up of a host name that hangs must not delay the exit.
    runtime.shutdown_background();
    result
}
