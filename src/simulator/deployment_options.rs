//! The flags of `simulate` that imitate how LivePerson answers in the field: several nodes behind
//! a load balancer, numbers that change afterwards, a clock of its own.

use std::time::Duration;

use clap::ValueEnum;
use jiff::SignedDuration;

use crate::config::units::parse_duration;

/// The heading of these flags in the help.
const HEADING: &str = "What LivePerson's deployments are like";

const MOST_NODES: usize = 3;
const LONGEST_LAG: Duration = Duration::from_secs(30);
const LONGEST_UNSETTLED: Duration = Duration::from_secs(24 * 3600);
const LARGEST_OFFSET: SignedDuration = SignedDuration::from_hours(24);
const FASTEST: u32 = 3_600;

/// What gets the next node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum NodeChoice {
    /// Every connection keeps its node.
    #[default]
    Connection,
    /// Every authorised request, also on one connection.
    Request,
}

/// How the simulated LivePerson is deployed. By default its numbers are right at once.
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[command(next_help_heading = HEADING)]
pub struct DeploymentOptions {
    /// Nodes behind the load balancer, at most 3. Each refreshes every 10 s, several at moments of
    /// their own
    #[arg(long, value_name = "COUNT", default_value_t = Self::default().nodes)]
    pub nodes: usize,
    /// Longest time by which a node's numbers lag, at most 30s; each node's is drawn from the seed
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub node_lag: Duration,
    /// Whether connections or requests take turns with the nodes
    #[arg(long, value_enum, default_value_t = Self::default().node_choice)]
    pub node_choice: NodeChoice,
    /// Share of the events (a chat answered or closed) that appear late, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = Self::default().late_share)]
    pub late_share: f64,
    /// Share of the events that are counted once too often until they are corrected, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = Self::default().corrected_share)]
    pub corrected_share: f64,
    /// Longest time from an event until it has appeared or is corrected; lag and refresh of the
    /// node come on top
    #[arg(long, value_name = "DURATION", default_value = "14m", value_parser = duration)]
    pub settled_after: Duration,
    /// By how much LivePerson's clock (windows, Date header) is ahead of this machine's, such as
    /// 2m or -90s
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = signed_duration,
          allow_hyphen_values = true)]
    pub clock_offset: SignedDuration,
    /// Simulated seconds per real second, 1 to 3600: windows, chats, refreshes and the Date header
    /// run fast. Latency, delays of faults, the lifetime of tokens, OAuth 1.0 timestamps and the
    /// times of the request log stay real
    #[arg(long, value_name = "NUMBER", default_value_t = Self::default().clock_speed)]
    pub clock_speed: u32,
}

impl Default for DeploymentOptions {
    fn default() -> Self {
        Self {
            nodes: 1,
            node_lag: Duration::ZERO,
            node_choice: NodeChoice::default(),
            late_share: 0.0,
            corrected_share: 0.0,
            settled_after: Duration::from_secs(14 * 60),
            clock_offset: SignedDuration::ZERO,
            clock_speed: 1,
        }
    }
}

impl DeploymentOptions {
    /// Every value that is not allowed, named by its flag.
    pub(super) fn errors(&self) -> Vec<String> {
        let shares = self.late_share + self.corrected_share;
        let is_share = |share: &f64| (0.0..=1.0).contains(share);
        let shares_are_right =
            [self.late_share, self.corrected_share].iter().all(is_share) && is_share(&shares);
        [
            (
                (1..=MOST_NODES).contains(&self.nodes),
                format!("--nodes: expected 1 to 3, found {}", self.nodes),
            ),
            (
                self.node_lag <= LONGEST_LAG,
                format!(
                    "--node-lag: expected at most 30s, found {:?}",
                    self.node_lag
                ),
            ),
            (
                shares_are_right,
                format!(
                    "--late-share and --corrected-share: expected 0 to 1 each and together, \
                     found {} and {}",
                    self.late_share, self.corrected_share
                ),
            ),
            (
                self.settled_after <= LONGEST_UNSETTLED,
                format!(
                    "--settled-after: expected at most 24h, found {:?}",
                    self.settled_after
                ),
            ),
            (
                self.clock_offset.abs() <= LARGEST_OFFSET,
                format!(
                    "--clock-offset: expected -24h to 24h, found {:?}",
                    self.clock_offset
                ),
            ),
            (
                (1..=FASTEST).contains(&self.clock_speed),
                format!(
                    "--clock-speed: expected 1 to {FASTEST}, found {}",
                    self.clock_speed
                ),
            ),
        ]
        .into_iter()
        .filter_map(|(is_right, message)| (!is_right).then_some(message))
        .collect()
    }
}

/// What messages call a duration.
pub(super) const A_DURATION: &str = "a duration such as 50ms, 2s, 1m30s or 1h";

/// Parses a duration such as `50ms`, `2s`, `1m30s` or `1h`; a bare `0` is none.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| format!("expected {A_DURATION}, found {text:?}"))
}

/// Parses a duration with a sign before it, such as `2m`, `+2m` or `-90s`.
fn signed_duration(text: &str) -> Result<SignedDuration, String> {
    let (is_negative, size) = match text.strip_prefix('-') {
        Some(size) => (true, size),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let size = parse_duration(size).and_then(|size| SignedDuration::try_from(size).ok());
    let size =
        size.ok_or_else(|| format!("expected a duration such as 2m or -90s, found {text:?}"))?;
    Ok(if is_negative { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: DeploymentOptions,
    }

    fn parse(flags: &str) -> Result<DeploymentOptions, clap::Error> {
        let words = std::iter::once("simulate").chain(flags.split_whitespace());
        Command::try_parse_from(words).map(|command| command.options)
    }

    #[test]
    fn no_flags_mean_the_defaults() {
        assert_eq!(parse("").unwrap(), DeploymentOptions::default());
        assert!(DeploymentOptions::default().errors().is_empty());
    }

    #[test]
    fn clock_offsets_have_a_sign() {
        let offset = |flags: &str| {
            parse(flags)
                .map(|options| options.clock_offset.as_secs())
                .ok()
        };
        assert_eq!(offset("--clock-offset 2m"), Some(120));
        assert_eq!(offset("--clock-offset +2m"), Some(120));
        assert_eq!(offset("--clock-offset -1m30s"), Some(-90));
        assert_eq!(offset("--clock-offset=-90s"), Some(-90));
        assert_eq!(offset("--clock-offset --2m"), None);
        assert_eq!(offset("--clock-offset soon"), None);
    }

    #[test]
    fn values_out_of_range_are_named() {
        let flags = "--nodes 4 --node-lag 31s --late-share 0.6 --corrected-share 0.5 \
                     --settled-after 25h --clock-offset -25h --clock-speed 0";
        let errors = parse(flags).unwrap().errors();
        let named: Vec<&str> = errors
            .iter()
            .filter_map(|error| error.split([':', ' ']).next())
            .collect();
        let expected = [
            "--nodes",
            "--node-lag",
            "--late-share",
            "--settled-after",
            "--clock-offset",
            "--clock-speed",
        ];
        assert_eq!(named, expected);
        let not_a_number = parse("--late-share NaN").unwrap().errors();
        assert_eq!(not_a_number.len(), 1, "{not_a_number:?}");
    }
}
