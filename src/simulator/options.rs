//! How the simulated account is set up: the flags of `simulate`, and the same as a struct for
//! `demo` and tests.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::deployment_options::{DeploymentOptions, duration};
use super::json_style::{Numbers, SectionName};

const LONGEST_LATENCY: Duration = Duration::from_secs(3600);
const TOKEN_LIFETIMES: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(31 * 24 * 3600);

const DEMO_SECRET: &str = "demo-secret";
const DEMO_PASSWORD: &str = "demo-password";
const DEMO_APP_SECRET: &str = "demo-app-secret";
const DEMO_ACCESS_TOKEN: &str = "demo-access-token";
const DEMO_TOKEN_SECRET: &str = "demo-token-secret";

/// The simulated account and how it behaves.
///
/// The ids are 101, 102 … for skills (and -1, chats without a skill), 1001, 1002 … for agents, and
/// 11, 12 … for agent groups.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Address to listen on; with port 0 a free one is chosen
    #[arg(long, value_name = "ADDRESS", default_value_t = Options::default().listen)]
    pub listen: SocketAddr,
    /// Account id that is known; any other is refused
    #[arg(long, value_name = "ID", default_value_t = Options::default().account)]
    pub account: String,
    /// Number that determines the whole history: the same seed gives the same chats
    #[arg(long, value_name = "NUMBER", default_value_t = Options::default().seed)]
    pub seed: u64,
    /// Skills, with the ids 101, 102 …; at most 2000
    #[arg(long, value_name = "COUNT", default_value_t = Options::default().skills)]
    pub skills: usize,
    /// Agents, with the ids 1001, 1002 …; at most 100000. More agents, more chats
    #[arg(long, value_name = "COUNT", default_value_t = Options::default().agents)]
    pub agents: usize,
    /// Agent groups, with the ids 11, 12 …; at most 1000
    #[arg(long, value_name = "COUNT", default_value_t = Options::default().groups)]
    pub groups: usize,
    /// YAML or JSON file with the faults at the start
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Requests handled at once before further ones are answered 429
    #[arg(long, value_name = "COUNT", default_value_t = Options::default().max_concurrent)]
    pub max_concurrent: usize,
    /// How long a response takes on average, such as 50ms
    #[arg(long, value_name = "DURATION", default_value = "40ms", value_parser = duration)]
    pub latency: Duration,
    /// How long tokens are valid, such as 1h
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    pub token_lifetime: Duration,
    /// Leave expires_in out of token responses
    #[arg(long)]
    pub no_expires_in: bool,
    /// How numbers are written
    #[arg(long, value_enum, default_value_t = Options::default().numbers)]
    pub numbers: Numbers,
    /// Wrap responses as {"meta":{"responseCode":200},"body":{...}}
    #[arg(long)]
    pub envelope: bool,
    /// Name of the skill section
    #[arg(long, value_enum, default_value_t = Options::default().section_name)]
    pub section_name: SectionName,
    /// OAuth 2.0 client id that is accepted
    #[arg(long, value_name = "ID", default_value_t = Options::default().client_id)]
    pub client_id: String,
    /// OAuth 2.0 client secret that is accepted
    #[arg(long, value_name = "SECRET", default_value = DEMO_SECRET)]
    pub client_secret: SecretString,
    /// User that is accepted for the login
    #[arg(long, value_name = "NAME", default_value_t = Options::default().username)]
    pub username: String,
    /// Password that is accepted for the login
    #[arg(long, value_name = "PASSWORD", default_value = DEMO_PASSWORD)]
    pub password: SecretString,
    /// OAuth 1.0 app key (consumer key) that is accepted
    #[arg(long, value_name = "KEY", default_value_t = Options::default().app_key)]
    pub app_key: String,
    /// OAuth 1.0 app secret (consumer secret) that is accepted
    #[arg(long, value_name = "SECRET", default_value = DEMO_APP_SECRET)]
    pub app_secret: SecretString,
    /// OAuth 1.0 access token that is accepted
    #[arg(long, value_name = "TOKEN", default_value = DEMO_ACCESS_TOKEN)]
    pub access_token: SecretString,
    /// OAuth 1.0 access token secret that is accepted
    #[arg(long, value_name = "SECRET", default_value = DEMO_TOKEN_SECRET)]
    pub access_token_secret: SecretString,
    /// How LivePerson is deployed.
    #[command(flatten)]
    pub deployment: DeploymentOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8010).into(),
            account: "12345678".to_owned(),
            seed: 1,
            skills: 8,
            agents: 40,
            groups: 3,
            faults: None,
            max_concurrent: 4,
            latency: Duration::from_millis(40),
            token_lifetime: Duration::from_secs(3600),
            no_expires_in: false,
            numbers: Numbers::default(),
            envelope: false,
            section_name: SectionName::default(),
            client_id: "demo".to_owned(),
            client_secret: DEMO_SECRET.into(),
            username: "demo".to_owned(),
            password: DEMO_PASSWORD.into(),
            app_key: "demo-app-key".to_owned(),
            app_secret: DEMO_APP_SECRET.into(),
            access_token: DEMO_ACCESS_TOKEN.into(),
            access_token_secret: DEMO_TOKEN_SECRET.into(),
            deployment: DeploymentOptions::default(),
        }
    }
}

impl Options {
    /// For use inside a process: a free loopback port and no latency, otherwise the defaults.
    pub fn in_process() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            latency: Duration::ZERO,
            ..Self::default()
        }
    }

    /// Every value that is not allowed, named by its flag.
    pub(super) fn errors(&self) -> Vec<String> {
        let mut errors: Vec<String> = [
            ("skills", self.skills, 0..=2_000),
            ("agents", self.agents, 0..=100_000),
            ("groups", self.groups, 0..=1_000),
            ("max-concurrent", self.max_concurrent, 1..=10_000),
        ]
        .into_iter()
        .filter(|(_, value, allowed)| !allowed.contains(value))
        .map(|(flag, value, allowed)| {
            let (least, most) = allowed.into_inner();
            format!("--{flag}: expected {least} to {most}, found {value}")
        })
        .collect();
        if !is_account_id(&self.account) {
            errors.push(format!(
                "--account: expected 1 to 64 letters, digits, '-' or '_', found {:?}",
                self.account
            ));
        }
        if self.latency > LONGEST_LATENCY {
            let found = self.latency;
            errors.push(format!("--latency: expected at most 1h, found {found:?}"));
        }
        if !TOKEN_LIFETIMES.contains(&self.token_lifetime) {
            let found = self.token_lifetime;
            errors.push(format!(
                "--token-lifetime: expected 1s to 744h, found {found:?}"
            ));
        }
        let names = [
            ("client-id", &self.client_id),
            ("username", &self.username),
            ("app-key", &self.app_key),
        ];
        let empty = names.iter().filter(|(_, value)| value.is_empty());
        errors.extend(empty.map(|(flag, _)| format!("--{flag}: expected a value, found nothing")));
        errors.extend(self.deployment.errors());
        errors
    }
}

fn is_account_id(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=64).contains(&text.len()) && text.chars().all(is_plain)
}

/// Why the simulator could not start.
#[derive(Debug)]
pub enum StartError {
    /// Options that are not allowed; one message each.
    Options(Vec<String>),
    /// The fault file could not be read or is invalid.
    Faults {
        /// The file.
        file: PathBuf,
        /// One message per error, with its path inside the file.
        errors: Vec<String>,
    },
    /// The address could not be listened on.
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        error: std::io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Options(errors) => f.write_str(&errors.join("; ")),
            Self::Faults { file, errors } => {
                write!(f, "--faults {}: {}", file.display(), errors.join("; "))
            }
            Self::Listen { address, error } => {
                write!(
                    f,
                    "cannot listen on {address}: {error}; choose another address with --listen"
                )
            }
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { error, .. } => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;
    use clap::Parser;
    use secrecy::ExposeSecret;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn no_flags_mean_the_defaults() {
        let parsed = Command::try_parse_from(["simulate"]).unwrap().options;
        let default = Options::default();
        assert_eq!(format!("{parsed:?}"), format!("{default:?}"));
        assert_eq!(parsed.client_secret.expose_secret(), DEMO_SECRET);
        assert_eq!(parsed.password.expose_secret(), DEMO_PASSWORD);
        assert_eq!(parsed.app_secret.expose_secret(), DEMO_APP_SECRET);
        assert!(default.errors().is_empty());
    }

    #[test]
    fn flags_are_read() {
        let flags = "simulate --listen [::1]:0 --skills 0 --latency 1m30s --numbers string \
                     --section-name skillsMetrics --envelope --token-lifetime 5s";
        let options = Command::try_parse_from(flags.split_whitespace())
            .unwrap()
            .options;
        assert_eq!(options.latency, Duration::from_secs(90));
        assert_eq!(options.numbers, Numbers::String);
        assert_eq!(options.section_name, SectionName::SkillsMetrics);
        assert!(options.envelope && options.skills == 0);
        assert!(Command::try_parse_from(["simulate", "--latency", "-1s"]).is_err());
        assert!(Command::try_parse_from(["simulate", "--latency", "soon"]).is_err());
    }

    #[test]
    fn every_value_out_of_range_is_named() {
        let options = Options {
            account: "a/b".to_owned(),
            skills: 2_001,
            agents: 100_001,
            groups: 1_001,
            max_concurrent: 0,
            latency: Duration::from_secs(4000),
            token_lifetime: Duration::ZERO,
            client_id: String::new(),
            ..Options::default()
        };
        let text = StartError::Options(options.errors()).to_string();
        let cases = [
            "--account: expected 1 to 64 letters, digits, '-' or '_', found \"a/b\"",
            "--skills: expected 0 to 2000, found 2001",
            "--agents: ",
            "--groups: ",
            "--max-concurrent: expected 1 to 10000, found 0",
            "--latency: expected at most 1h, found 4000s",
            "--token-lifetime: expected 1s to 744h, found 0ns",
            "--client-id: expected a value, found nothing",
        ];
        check_each(cases, |flag| {
            assert!(text.contains(flag), "{flag} in {text}");
        });
    }
}
