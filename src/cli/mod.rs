//! The command line: one file per command.
//!
//! Exit status: 0 success, 1 a failure at run time, 2 an error in usage or configuration.

mod backfill;
mod check_config;
mod demo;
mod descriptors;
mod failure;
mod flags;
mod healthcheck;
mod output;
mod reference;
mod run;
mod service;
mod signals;
mod simulate;
mod test_connection;

use std::process::ExitCode;

use clap::Parser as _;
use failure::Failure;
use flags::{Cli, Command, Flags};

use crate::collectors::Registry;
use crate::daemon::Tried;
use crate::simulator::apis::Apis;
use crate::systemd::{PassedSocket, take_sockets};

/// What the program is made of: a program with further collectors differs from the product in
/// nothing else.
#[derive(Clone, Debug)]
pub struct Program {
    /// The collectors.
    pub collectors: Registry,
    /// The APIs of the embedded simulator.
    pub simulated: Apis,
}

impl Program {
    /// The product.
    pub fn standard() -> Self {
        Self {
            collectors: Registry::standard(),
            simulated: Apis::standard(),
        }
    }
}

/// Parses the command line and executes its command.
pub fn main(program: &Program) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A usage error (2), or --help and --version (0), even if it cannot be printed.
            let _ = error.print();
            if error.use_stderr() {
                // Without knowing the command: only a service has a socket to say it to.
                let reason = error.to_string();
                let first = reason.lines().next().unwrap_or_default();
                service::report_failure(&Failure::usage(first.trim_start_matches("error: ")));
            }
            return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    let is_service = matches!(cli.command, None | Some(Command::Run | Command::Demo));
    match execute(cli, program) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if is_service {
                service::report_failure(&failure);
            }
            failure.report()
        }
    }
}

fn execute(cli: Cli, program: &Program) -> Result<(), Failure> {
    let flags = cli.flags;
    crate::telemetry::init(flags.log_level, flags.log_format)
        .map_err(|error| Failure::runtime(format!("cannot start logging: {error}")))?;
    crate::hardening::forbid_dumps();
    match cli.command.unwrap_or(Command::Run) {
        Command::Run => {
            let sockets = sockets(&flags)?;
            block_on(run::run(flags, sockets, &program.collectors))
        }
        Command::Demo => {
            let sockets = sockets(&flags)?;
            block_on(demo::demo(flags, sockets, program))
        }
        Command::Simulate(options) => block_on(simulate::simulate(*options, &program.simulated)),
        Command::CheckConfig { file } => check_config::check_config(
            file.or(flags.config_file).as_deref(),
            flags.web_config_file.as_deref(),
            flags.shard,
            &program.collectors,
        ),
        Command::Healthcheck { url } => block_on(healthcheck::healthcheck(url.as_deref(), &flags)),
        Command::Completions { shell } => {
            reference::completions(shell);
            Ok(())
        }
        Command::Man => reference::man(),
        Command::TestConnection { file, all } => {
            let file = file.or(flags.config_file);
            let tried = if all { Tried::All } else { Tried::Enabled };
            block_on(test_connection::run(
                file.as_deref(),
                tried,
                flags.shard,
                &program.collectors,
            ))
        }
        Command::Backfill(backfill) => {
            let file = backfill.file.clone().or(flags.config_file);
            let state_dir = flags.state_dir;
            block_on(backfill::run(
                backfill,
                file.as_deref(),
                state_dir.as_deref(),
                flags.shard,
                &program.collectors,
            ))
        }
    }
}

/// The sockets that systemd opened, if the flags want them. Before the runtime starts threads, as the
/// taking requires.
fn sockets(flags: &Flags) -> Result<Option<Vec<PassedSocket>>, Failure> {
    let sockets = flags.sockets().as_ref().map(take_sockets).transpose();
    sockets.map_err(|error| Failure::usage(format!("--web.systemd-socket: {error}")))
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
