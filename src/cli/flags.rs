//! Commands and flags, as Prometheus exporters have them.

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{ArgAction, Args, Parser, Subcommand};
use clap_complete::Shell;
use url::Url;

use crate::config::units::parse_duration;
use crate::config::{DEFAULT_PATH, Shard};
use crate::simulator;
use crate::systemd::Sockets;
use crate::telemetry::{LogFormat, LogLevel};
use crate::web::{
    ListenAddress, Owner, parse_external_url, parse_listen_address, parse_route_prefix,
    parse_socket_mode, parse_socket_owner, parse_telemetry_path,
};

static VERSION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} (revision {}, rustc {})",
        crate::VERSION,
        crate::REVISION,
        crate::RUST_VERSION
    )
});

/// For `--help` and the man page.
pub(super) const EXAMPLES: &str = "\
Examples:
  liveperson_exporter demo                  everything without an account
  liveperson_exporter check-config FILE     mistakes, and the calls it would make
  liveperson_exporter test-connection FILE  what works, and how to fix the rest
  liveperson_exporter --config.file=FILE --web.listen-address=127.0.0.1:10188
  liveperson_exporter --shard=0/3           the first of three instances
";

/// What `--help` ends with: the default that is too long for the line of its flag, where the rest is
/// described, and examples.
static AFTER_HELP: LazyLock<String> = LazyLock::new(|| {
    format!(
        "Without --config.file: {DEFAULT_PATH}\nMore flags, and more about each: liveperson_exporter man\n\n{EXAMPLES}"
    )
});

const BACKFILL: &str = "\
`promtool tsdb create-blocks-from openmetrics` imports it. Before the first start of the daemon, and with the same --state.dir, so that its counters continue this history.";

#[derive(Debug, Parser)]
#[command(
    name = "liveperson_exporter",
    version = VERSION.as_str(),
    about = "Prometheus exporter for LivePerson",
    after_help = AFTER_HELP.as_str(),
    disable_help_flag = true,
    max_term_width = 100
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) flags: Flags,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The daemon (the default)
    Run,
    /// The daemon on a simulated account; needs no configuration
    Demo,
    /// The simulated LivePerson alone, for trying and testing
    Simulate(Box<simulator::Options>),
    /// Validate the configuration, print the plan; calls nothing
    CheckConfig {
        /// The file to check [default: --config.file]
        file: Option<PathBuf>,
    },
    /// Try every step of every account once; what to do if it fails
    TestConnection {
        /// The configuration [default: --config.file]
        file: Option<PathBuf>,
        /// Also collectors that are off
        #[arg(long)]
        all: bool,
    },
    /// Exit status 0 when a running exporter is healthy
    Healthcheck {
        /// A URL, with the prefix if there is one, or unix:/PATH [default: this machine, at --web.listen-address]
        url: Option<String>,
    },
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the man page
    Man,
    /// Write the last 24 h as OpenMetrics for promtool to import
    #[command(after_help = BACKFILL)]
    Backfill(Backfill),
}

#[derive(Debug, Args)]
pub(super) struct Backfill {
    /// The configuration [default: --config.file]
    pub(super) file: Option<PathBuf>,
    /// The file to write
    #[arg(long, value_name = "PATH")]
    pub(super) output: PathBuf,
    /// Distance of the times at which is known what LivePerson does not split by time, such as waits; each
    /// takes a call for each histogram. A multiple of 5m, up to 1d
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_slots)]
    pub(super) window_step: Slots,
    /// A label that every sample gets; give those that Prometheus adds, such as `job=liveperson` and
    /// `instance=exporter:10188`. May be given several times
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = parse_label)]
    pub(super) labels: Vec<(String, String)>,
}

/// A time in slots of 5 minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slots(pub(super) u16);

/// Labels of the exporter's own series.
const OWN_LABELS: [&str; 7] = ["account", "skill", "agent", "group", "kind", "window", "le"];

fn parse_slots(text: &str) -> Result<Slots, String> {
    let seconds = parse_duration(text).map(|time| time.as_millis());
    let slots = seconds
        .filter(|ms| ms.is_multiple_of(300_000))
        .map(|ms| ms / 300_000);
    match slots.map(u16::try_from) {
        Some(Ok(slots @ 1..=288)) => Ok(Slots(slots)),
        _ => Err(format!(
            "expected a multiple of 5m, from 5m to 1d, found {text:?}"
        )),
    }
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(format!("expected NAME=VALUE, found {text:?}"));
    };
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_name = name.starts_with(is_letter)
        && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
        && !name.starts_with("__");
    if !is_name {
        return Err(format!(
            "expected the name of a label, such as instance, found {name:?}"
        ));
    }
    if OWN_LABELS.contains(&name) {
        return Err(format!(
            "expected a label that the exporter's series do not have, found {name:?}"
        ));
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[derive(Debug, Args)]
pub(super) struct Flags {
    #[arg(
        long = "config.file", global = true, value_name = "FILE",
        help = "The configuration, in YAML",
        long_help = format!(
            "The configuration [default: {DEFAULT_PATH}]. Where there is none, one account can come from LIVEPERSON_ACCOUNT_ID, LIVEPERSON_CLIENT_ID and LIVEPERSON_CLIENT_SECRET (or _FILE)"
        )
    )]
    pub(super) config_file: Option<PathBuf>,
    /// HOST:PORT or unix:/PATH
    ///
    /// Where it listens. May be given several times.
    #[arg(
        long = "web.listen-address", global = true, value_name = "ADDRESS",
        default_value = ":10188", value_parser = parse_listen_address
    )]
    pub(super) listen_addresses: Vec<ListenAddress>,
    /// Mode of unix:/PATH
    #[arg(
        long = "web.unix-socket-mode", global = true, value_name = "MODE",
        default_value = "0660", value_parser = parse_socket_mode
    )]
    pub(super) socket_mode: u32,
    /// Its owner: USER, USER:GROUP or :GROUP
    ///
    /// The owner of unix:/PATH by name or number; what is not given stays as the process has it.
    #[arg(
        long = "web.unix-socket-owner", global = true, value_name = "OWNER",
        value_parser = parse_socket_owner
    )]
    pub(super) socket_owner: Option<Owner>,
    /// Listen on systemd's sockets [called NAME]
    ///
    /// Instead of an address. The name is FileDescriptorName= of the socket unit. May be given several times.
    #[arg(
        long = "web.systemd-socket", global = true, value_name = "NAME", num_args = 0..=1,
        require_equals = true, default_missing_value = "", conflicts_with = "listen_addresses"
    )]
    pub(super) systemd_sockets: Vec<String>,
    /// Path of the metrics
    #[arg(
        long = "web.telemetry-path", global = true, value_name = "PATH",
        default_value = "/metrics", value_parser = parse_telemetry_path
    )]
    pub(super) telemetry_path: String,
    /// URL of this exporter behind a proxy
    ///
    /// Its path is what all paths begin with, and the page / shows it as the target. --web.route-prefix is for a proxy
    /// that removes part of the path.
    #[arg(
        long = "web.external-url", global = true, value_name = "URL",
        value_parser = parse_external_url, hide_short_help = true
    )]
    pub(super) external_url: Option<Url>,
    /// Prefix of paths [default: as in the URL]
    ///
    /// What all paths begin with; the path of --web.external-url where it is not given.
    #[arg(
        long = "web.route-prefix", global = true, value_name = "PATH",
        value_parser = parse_route_prefix
    )]
    route_prefix: Option<String>,
    /// TLS and basic auth (exporter-toolkit)
    ///
    /// As for other Prometheus exporters, in the format of the exporter-toolkit. Read again when it changes.
    #[arg(long = "web.config.file", global = true, value_name = "FILE")]
    pub(super) web_config_file: Option<PathBuf>,
    /// Reload on POST or PUT to /-/reload
    #[arg(long = "web.enable-lifecycle", global = true)]
    pub(super) lifecycle: bool,
    /// Serve this share of the accounts only
    ///
    /// Of several instances with the same configuration and TOTAL, each account is served by exactly
    /// one. INDEX is 0 to TOTAL-1, or `pod` for the number at the end of the pod's name.
    #[arg(
        long = "shard", global = true, value_name = "INDEX/TOTAL", value_parser = parse_shard
    )]
    pub(super) shard: Option<Shard>,
    /// Keeps totals [default: $STATE_DIRECTORY]
    ///
    /// The folder of the running totals, for one process at a time. With neither, totals live in memory and begin again with the last
    /// 24 h at each start.
    #[arg(long = "state.dir", global = true, value_name = "PATH")]
    pub(super) state_dir: Option<PathBuf>,
    /// debug, info, warn, error
    #[arg(
        long = "log.level",
        global = true,
        value_name = "LEVEL",
        default_value_t,
        hide_possible_values = true,
        value_parser = PossibleValuesParser::new(LogLevel::NAMES).try_map(|name| name.parse::<LogLevel>())
    )]
    pub(super) log_level: LogLevel,
    /// logfmt or json
    #[arg(
        long = "log.format",
        global = true,
        value_name = "FORMAT",
        value_enum,
        hide_possible_values = true,
        default_value_t
    )]
    pub(super) log_format: LogFormat,
    // On one screen, with -h as with --help; the man page says more.
    /// Print help
    #[arg(short, long, global = true, action = ArgAction::HelpShort)]
    help: Option<bool>,
}

impl Flags {
    /// The sockets of systemd that replace the listen addresses.
    pub(super) fn sockets(&self) -> Option<Sockets> {
        match self.systemd_sockets.as_slice() {
            [] => None,
            names => Some(Sockets::from_names(names)),
        }
    }
}

/// A container's host name is the name of its pod; POD_NAME is for pods on their host's network.
fn parse_shard(text: &str) -> Result<Shard, String> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let pod_name = variable("POD_NAME").or_else(|| variable("HOSTNAME"));
    Shard::parse(text, pod_name.as_deref())
}

impl Flags {
    /// What all paths begin with, without a slash at its end.
    pub(super) fn route_prefix(&self) -> String {
        let of_url = || {
            let path = self.external_url.as_ref().map(Url::path);
            path.unwrap_or_default().trim_end_matches('/').to_owned()
        };
        self.route_prefix.clone().unwrap_or_else(of_url)
    }
}

#[cfg(test)]
mod tests {
    use crate::cases::check_each;
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_are_allowed_before_and_after_the_command() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).unwrap();
        let cli = parse("x --log.level=debug demo --web.listen-address=:1 --web.listen-address :2");
        assert!(matches!(cli.command, Some(Command::Demo)));
        assert_eq!(cli.flags.listen_addresses.len(), 2);
        assert_eq!(cli.flags.log_level.to_string(), "debug");
        assert!(parse("x").command.is_none());
        assert_eq!(parse("x").flags.sockets(), None);
        let sockets = parse("x --web.systemd-socket run").flags.sockets();
        assert_eq!(sockets, Some(Sockets::All));
        let sockets = parse("x --web.systemd-socket=metrics").flags.sockets();
        assert_eq!(sockets, Some(Sockets::Named(vec!["metrics".to_owned()])));
        assert_eq!(parse("x").flags.telemetry_path, "/metrics");
    }

    #[test]
    fn the_route_prefix_is_the_path_of_the_external_url() {
        let cases = [
            ("x", ""),
            ("x --web.external-url=http://a.example", ""),
            ("x --web.external-url=http://a.example/b/c/", "/b/c"),
            (
                "x --web.external-url=http://a.example/b --web.route-prefix=/",
                "",
            ),
            ("x --web.route-prefix=/d/", "/d"),
        ];
        check_each(cases, |(line, prefix)| {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.flags.route_prefix(), prefix);
        });
    }

    #[test]
    fn a_backfill_has_a_step_and_labels() {
        let line =
            "x backfill my.yml --output=o --window-step=15m --label=job=a=b --label instance=";
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let Some(Command::Backfill(backfill)) = cli.command else {
            panic!("another command");
        };
        assert_eq!(backfill.window_step, Slots(3));
        let labels = [("job", "a=b"), ("instance", "")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(backfill.labels, labels);
    }

    #[test]
    fn usage_errors_have_exit_status_2() {
        let cases = [
            "x --log.level=loud",
            "x --web.telemetry-path=metrics",
            "x --web.telemetry-path=/api/v1/status",
            "x --web.external-url=a.example",
            "x --web.route-prefix=lp",
            "x --web.route-prefix=//evil.example",
            "x --web.route-prefix=/lp/../x",
            "x --web.external-url=http://p.example//x//",
            "x --web.listen-address=unix:lp.sock",
            "x --web.unix-socket-mode=rw",
            "x --web.unix-socket-mode=0",
            "x --web.listen-address=unix:/run/lp/",
            "x --web.unix-socket-owner=no-such-user",
            "x --shard=3/3",
            "x --web.systemd-socket --web.listen-address=:1",
            "x fly",
            "x backfill",
            "x backfill --output=o --window-step=7m",
            "x backfill --output=o --window-step=25h",
            "x backfill --output=o --window-step=0",
            "x backfill --output=o --label=job",
            "x backfill --output=o --label=a-b=c",
            "x backfill --output=o --label=skill=4",
            "x --no",
        ];
        check_each(cases, |line| {
            let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        });
    }
}
