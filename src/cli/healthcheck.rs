//! `healthcheck`: asks a running exporter whether it is healthy; for images without a shell.

use std::time::Duration;

use url::{Host, Url};

use super::failure::Failure;
use super::flags::Flags;
use crate::web::{ListenAddress, WebConfig};

/// Longest wait for the answer: less than the time limits of container engines and Kubernetes leave.
const TIMEOUT: Duration = Duration::from_secs(5);

const PATH: &str = "/-/healthy";

/// Asks `url`, or the exporter with these flags on this machine.
pub(super) async fn healthcheck(url: Option<&str>, flags: &Flags) -> Result<(), Failure> {
    let url = match url {
        Some(url) => parse(url).map_err(Failure::usage)?,
        None => own_url(flags).map_err(Failure::usage)?,
    };
    let status = ask(&url).await.map_err(Failure::runtime)?;
    match status {
        200 => Ok(()),
        401 => Err(Failure::runtime(format!(
            "{url} answered 401: it requires a password, which a health check does not have; check the process instead"
        ))),
        other => Err(Failure::runtime(format!("{url} answered {other}, not 200"))),
    }
}

/// The URL given; without a path, that of the health page.
fn parse(text: &str) -> Result<Url, String> {
    let mistake = "expected an http or https URL such as http://localhost:10188";
    // The text is not repeated: it may contain a password.
    let mut url = Url::parse(text).map_err(|error| format!("{mistake}: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(mistake.to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a password in the URL could be read in the list of processes".to_owned());
    }
    if url.path() == "/" {
        url.set_path(PATH);
    }
    Ok(url)
}

/// Where an exporter with these flags listens.
fn own_url(flags: &Flags) -> Result<Url, String> {
    let web_config = flags.web_config_file.as_deref().map(WebConfig::load);
    let web_config = web_config.transpose().map_err(|errors| errors.join("\n"))?;
    let tls = web_config.is_some_and(|config| config.tls_enabled());
    let scheme = if tls { "https" } else { "http" };
    let address = match flags.listen_addresses.first() {
        // By number: an image from scratch may know no names.
        Some(ListenAddress::Any(port)) => format!("127.0.0.1:{port}"),
        Some(ListenAddress::Ip(address)) if address.ip().is_unspecified() => {
            format!("127.0.0.1:{}", address.port())
        }
        Some(address) => address.to_string(),
        None => return Err("there is no address to ask; give a URL".to_owned()),
    };
    parse(&format!("{scheme}://{address}"))
}

/// The status of the answer.
async fn ask(url: &Url) -> Result<u16, String> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        // Only this machine answers there, and its certificate is hardly one for "localhost".
        .danger_accept_invalid_certs(is_loopback(url));
    // Another part of the process may have installed the same provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = client.build().map_err(|error| error.to_string())?;
    let answer = client.get(url.clone()).send().await;
    let answer = answer.map_err(|error| {
        let timeout = if error.is_timeout() {
            ": it took too long"
        } else {
            ""
        };
        format!("{url} does not answer{timeout}")
    })?;
    Ok(answer.status().as_u16())
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
            ("x --web.listen-address=[::1]:2", "http://[::1]:2/-/healthy"),
        ];
        check_each(cases, |(line, want)| {
            let flags = Cli::try_parse_from(line.split(' ')).unwrap().flags;
            assert_eq!(own_url(&flags).unwrap().as_str(), want);
        });
    }

    #[test]
    fn a_url_without_a_path_is_that_of_the_health_page() {
        let cases = [
            ("http://a:1", "http://a:1/-/healthy"),
            ("https://a/-/ready", "https://a/-/ready"),
        ];
        check_each(cases, |(text, want)| {
            assert_eq!(parse(text).unwrap().as_str(), want);
        });
    }

    #[test]
    fn other_urls_are_usage_errors_without_a_password() {
        check_each(
            ["localhost:1", "ftp://a", "http://u:hush@a", "http://"],
            |text| {
                let error = parse(text).unwrap_err();
                assert!(!error.contains("hush"), "{error}");
            },
        );
    }
}
