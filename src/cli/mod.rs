//! The command line: flags as Prometheus exporters have them, and one file per command.
//!
//! Exit status: 0 a clean stop, 1 a failure at run time, 2 bad usage or configuration.

mod check_config;
mod demo;
mod output;
mod run;
mod simulate;
mod test_connection;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::{Args, Parser, Subcommand};
use output::complain;

use crate::config::DEFAULT_PATH;
use crate::simulator;
use crate::telemetry::{LogFormat, LogLevel};
use crate::web::{ListenAddress, parse_listen_address, parse_telemetry_path};

static VERSION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} (revision {}, rustc {})",
        crate::VERSION,
        crate::REVISION,
        crate::RUST_VERSION
    )
});

/// A clean stop.
const CLEAN: u8 = 0;
/// Something failed while running.
const FAILED: u8 = 1;
/// Bad usage or configuration; nothing was started.
const BAD_USAGE: u8 = 2;

#[derive(Debug, Parser)]
#[command(
    name = "liveperson_exporter",
    version = VERSION.as_str(),
    about = "Prometheus exporter for LivePerson's Engagement Activity and SLA Histogram APIs"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The daemon (the default)
    Run,
    /// The daemon on an embedded simulated LivePerson account; needs no configuration
    Demo,
    /// The simulated LivePerson alone, for trying and testing
    Simulate(Box<simulator::Options>),
    /// Validate the configuration and print the request plan; calls nothing
    CheckConfig {
        /// The file to check [default: --config.file]
        file: Option<PathBuf>,
    },
    /// Try every step of every account once and say what to do about what fails
    TestConnection {
        /// The configuration [default: --config.file]
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct Flags {
    /// Configuration file; without one, one account can come from LIVEPERSON_ACCOUNT_ID,
    /// LIVEPERSON_CLIENT_ID and LIVEPERSON_CLIENT_SECRET (or _FILE)
    #[arg(
        long = "config.file", global = true, value_name = "FILE",
        help = format!("Configuration file [default: {DEFAULT_PATH}]")
    )]
    config_file: Option<PathBuf>,
    /// Address to listen on; may be given several times
    #[arg(
        long = "web.listen-address", global = true, value_name = "ADDRESS",
        default_value = ":10188", value_parser = parse_listen_address
    )]
    listen_addresses: Vec<ListenAddress>,
    /// Path of the metrics page
    #[arg(
        long = "web.telemetry-path", global = true, value_name = "PATH",
        default_value = "/metrics", value_parser = parse_telemetry_path
    )]
    telemetry_path: String,
    /// TLS and basic auth, in the format of the Prometheus exporter-toolkit
    #[arg(long = "web.config.file", global = true, value_name = "FILE")]
    web_config_file: Option<PathBuf>,
    /// Enable reloading by POST or PUT to /-/reload
    #[arg(long = "web.enable-lifecycle", global = true)]
    lifecycle: bool,
    /// Least important level to log: debug, info, warn or error
    #[arg(
        long = "log.level",
        global = true,
        value_name = "LEVEL",
        default_value_t
    )]
    log_level: LogLevel,
    /// How log lines look
    #[arg(
        long = "log.format",
        global = true,
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    log_format: LogFormat,
}

/// Parses the command line and does what it says.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => {
            // Bad usage (2), or --help and --version (0), whether or not it can be said.
            let _ = answer.print();
            return ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(BAD_USAGE));
        }
    };
    let flags = cli.flags;
    if let Err(error) = crate::telemetry::init(flags.log_level, flags.log_format) {
        return complain(FAILED, &format!("cannot begin logging: {error}"));
    }
    crate::hardening::forbid_dumps();
    let status = match cli.command {
        None | Some(Command::Run) => on_runtime(run::run(flags)),
        Some(Command::Demo) => on_runtime(demo::demo(flags)),
        Some(Command::Simulate(options)) => on_runtime(simulate::simulate(*options)),
        Some(Command::CheckConfig { file }) => Ok(check_config::check_config(
            file.or(flags.config_file).as_deref(),
            flags.web_config_file.as_deref(),
        )),
        Some(Command::TestConnection { file }) => {
            let file = file.or(flags.config_file);
            on_runtime(test_connection::run(file.as_deref()))
        }
    };
    match status {
        Ok(status) => ExitCode::from(status),
        Err(error) => complain(FAILED, &format!("cannot start the runtime: {error}")),
    }
}

fn on_runtime(command: impl Future<Output = u8>) -> std::io::Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let status = runtime.block_on(command);
    // A call that hangs in a blocking look-up of a host name must not hold the stop up.
    runtime.shutdown_background();
    Ok(status)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_may_stand_before_and_after_the_command() {
        let parse = |words: &str| Cli::try_parse_from(words.split(' ')).unwrap();
        let cli = parse("x --log.level=debug demo --web.listen-address=:1 --web.listen-address :2");
        assert!(matches!(cli.command, Some(Command::Demo)));
        assert_eq!(cli.flags.listen_addresses.len(), 2);
        assert_eq!(cli.flags.log_level.to_string(), "debug");
        assert!(parse("x").command.is_none());
        assert_eq!(parse("x").flags.telemetry_path, "/metrics");
    }

    #[test]
    fn bad_usage_has_status_2() {
        for words in [
            "x --log.level=loud",
            "x --web.telemetry-path=metrics",
            "x fly",
            "x --no",
        ] {
            let error = Cli::try_parse_from(words.split(' ')).unwrap_err();
            assert_eq!(error.exit_code(), i32::from(BAD_USAGE), "{words}");
        }
    }
}
