//! `healthcheck`: asks a running exporter whether it is healthy; for images without a shell.

use std::path::PathBuf;
use std::time::Duration;

use url::{Host, Url};

use super::failure::Failure;
use super::flags::Flags;
use crate::web::{ListenAddress, STATUS_PATH, WebConfig, parse_listen_address};

/// Longest wait for the answer: less than the time limits of container engines and Kubernetes leave.
const TIMEOUT: Duration = Duration::from_secs(5);

const PATH: &str = "/-/healthy";

/// How rustls ends the message about this alert of a server.
const NO_CERTIFICATE: &str = "received fatal alert: CertificateRequired";

/// What is asked.
#[derive(Debug)]
struct Target {
    url: Url,
    /// The Unix socket to ask through.
    socket: Option<PathBuf>,
}

/// Asks `url`, or the exporter with these flags on this machine.
pub(super) async fn healthcheck(url: Option<&str>, flags: &Flags) -> Result<(), Failure> {
    let expected = Expected::of(flags);
    let targets = match url {
        Some(text) if text.starts_with("unix:") => {
            parse_listen_address(text).and_then(|address| at(Some(&address), flags, &expected))
        }
        Some(url) => {
            parse(url, &flags.telemetry_path).map(|url| vec![Target { url, socket: None }])
        }
        None => at(flags.listen_addresses.first(), flags, &expected),
    };
    let targets = targets.map_err(Failure::usage)?;
    let mut failure = Failure::runtime("");
    // Together they take no longer than one: whoever calls this has a limit, too.
    let limit = TIMEOUT / u32::try_from(targets.len()).unwrap_or(1).max(1);
    for target in targets {
        let url = &target.url;
        match ask(&target, limit).await {
            Ok(200) => return Ok(()),
            Ok(401) if expected.password => return Ok(()),
            Ok(status) => failure = Failure::runtime(format!("{url} answered {status}, not 200")),
            Err(error) if expected.certificate && error.ends_with(NO_CERTIFICATE) => return Ok(()),
            Err(error) => failure = Failure::runtime(error),
        }
    }
    Err(failure)
}

/// What the web configuration says of an answer. The exporter continues with the one before when it
/// was changed and is wrong: then everything is possible, and no reason to call it unhealthy.
struct Expected {
    schemes: &'static [&'static str],
    /// Whether it requires a password, which a health check does not have: to be asked for it shows
    /// well enough that the exporter answers.
    password: bool,
    /// Whether it may require a client certificate; to be refused for the lack of one shows as much.
    certificate: bool,
}

impl Expected {
    fn of(flags: &Flags) -> Self {
        let file = flags.web_config_file.as_deref();
        match file.map(WebConfig::load) {
            None => Self {
                schemes: &["http"],
                password: false,
                certificate: false,
            },
            Some(Ok(config)) => Self {
                schemes: if config.tls_enabled() {
                    &["https"]
                } else {
                    &["http"]
                },
                password: config.requires_password(),
                certificate: config.tls_enabled(),
            },
            Some(Err(_)) => Self {
                schemes: &["https", "http"],
                password: true,
                certificate: true,
            },
        }
    }
}

/// The URL given. If it names none of the exporter's pages, its path is a prefix, and the health page
/// below it is meant.
fn parse(text: &str, telemetry_path: &str) -> Result<Url, String> {
    let mistake = "expected an http or https URL such as http://localhost:10188";
    // The text is not repeated: it may contain a password.
    let mut url = Url::parse(text).map_err(|error| format!("{mistake}: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(mistake.to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a password in the URL could be read in the list of processes".to_owned());
    }
    let path = url.path();
    let is_metrics = telemetry_path != "/" && path.ends_with(telemetry_path);
    if !(is_metrics || path.contains("/-/") || path.ends_with(STATUS_PATH)) {
        let prefix = path.trim_end_matches('/');
        url.set_path(&format!("{prefix}{PATH}"));
    }
    Ok(url)
}

/// The health page of an exporter with these flags that listens there.
fn at(
    listens: Option<&ListenAddress>,
    flags: &Flags,
    expected: &Expected,
) -> Result<Vec<Target>, String> {
    let address = match listens {
        // By number: an image from scratch may know no names.
        Some(ListenAddress::Any(port)) => format!("127.0.0.1:{port}"),
        Some(ListenAddress::Ip(address)) if address.ip().is_unspecified() => {
            format!("127.0.0.1:{}", address.port())
        }
        Some(ListenAddress::Unix(_)) => "localhost".to_owned(),
        Some(address) => address.to_string(),
        None => return Err("no address to check: give a URL".to_owned()),
    };
    let prefix = flags.route_prefix();
    let socket = match listens {
        Some(ListenAddress::Unix(path)) => Some(path.clone()),
        _ => None,
    };
    let schemes = expected.schemes.iter();
    let targets = schemes.map(|scheme| {
        let url = parse(
            &format!("{scheme}://{address}{prefix}{PATH}"),
            &flags.telemetry_path,
        )?;
        let socket = socket.clone();
        Ok(Target { url, socket })
    });
    targets.collect()
}

/// The status of the answer.
async fn ask(Target { url, socket }: &Target, limit: Duration) -> Result<u16, String> {
    let mut client = reqwest::Client::builder()
        .no_proxy()
        .timeout(limit)
        .redirect(reqwest::redirect::Policy::none())
        // Only this machine answers there, and its certificate is hardly one for "localhost".
        .danger_accept_invalid_certs(is_loopback(url));
    if let Some(path) = socket {
        client = client.unix_socket(path.as_path());
    }
    // Another part of the process may have installed the same provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = client.build().map_err(|error| error.to_string())?;
    let answer = client.get(url.clone()).send().await;
    let answer = answer.map_err(|error| {
        let reason = match cause(&error) {
            _ if error.is_timeout() => "it takes too long".to_owned(),
            cause => cause,
        };
        format!("{url} does not answer: {reason}")
    })?;
    Ok(answer.status().as_u16())
}

/// What is at the bottom of an error.
fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cases::check_each;
    use crate::cli::flags::Cli;

    #[test]
    fn the_url_is_that_of_the_flags() {
        let cases = [
            ("x", "http://127.0.0.1:10188/-/healthy"),
            (
                "x --web.listen-address=127.0.0.1:1",
                "http://127.0.0.1:1/-/healthy",
            ),
            (
                "x --web.listen-address=0.0.0.0:1",
                "http://127.0.0.1:1/-/healthy",
            ),
            (
                "x --web.external-url=https://a.example/lp",
                "http://127.0.0.1:10188/lp/-/healthy",
            ),
            (
                "x --web.listen-address=unix:/run/a --web.route-prefix=/lp",
                "http://localhost/lp/-/healthy",
            ),
            ("x --web.listen-address=[::1]:2", "http://[::1]:2/-/healthy"),
            (
                "x --web.listen-address=:1 --web.config.file=/there/is/none",
                "https://127.0.0.1:1/-/healthy http://127.0.0.1:1/-/healthy",
            ),
        ];
        check_each(cases, |(line, want)| {
            let flags = Cli::try_parse_from(line.split(' ')).unwrap().flags;
            let targets = at(
                flags.listen_addresses.first(),
                &flags,
                &Expected::of(&flags),
            )
            .unwrap();
            let urls: Vec<_> = targets.iter().map(|target| target.url.as_str()).collect();
            assert_eq!(urls.join(" "), want);
        });
    }

    #[test]
    fn a_url_without_a_page_is_that_of_the_health_page() {
        let cases = [
            ("http://a:1", "http://a:1/-/healthy"),
            ("http://a/lp", "http://a/lp/-/healthy"),
            ("http://a/lp/", "http://a/lp/-/healthy"),
            ("https://a/-/ready", "https://a/-/ready"),
            ("http://a/lp/-/ready", "http://a/lp/-/ready"),
            ("http://a/lp/metrics", "http://a/lp/metrics"),
            ("http://a/api/v1/status", "http://a/api/v1/status"),
        ];
        check_each(cases, |(text, want)| {
            assert_eq!(parse(text, "/metrics").unwrap().as_str(), want);
        });
        let root = parse("http://a/", "/").unwrap();
        assert_eq!(root.as_str(), "http://a/-/healthy");
    }

    #[tokio::test]
    async fn a_unix_socket_can_be_given() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lp.sock");
        let given = format!("unix:{}", path.display());
        let flags = Cli::try_parse_from(["x", "--web.route-prefix=/lp"]).unwrap();
        let listens = parse_listen_address(&given).unwrap();
        let targets = at(Some(&listens), &flags.flags, &Expected::of(&flags.flags));
        let target = targets.unwrap().remove(0);
        assert_eq!(target.url.as_str(), "http://localhost/lp/-/healthy");
        assert_eq!(target.socket, Some(path));
    }

    #[test]
    fn other_urls_are_usage_errors_without_a_password() {
        check_each(
            ["localhost:1", "ftp://a", "http://u:hush@a", "http://"],
            |text| {
                let error = parse(text, "/metrics").unwrap_err();
                assert!(!error.contains("hush"), "{error}");
            },
        );
    }
}
