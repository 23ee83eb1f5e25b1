//! How to scrape this exporter: a ready `scrape_config` for Prometheus.

use crate::web::Access;

/// The lines of YAML.
pub(super) fn scrape_config(access: &Access) -> String {
    let mut yaml = "scrape_configs:\n  - job_name: liveperson\n".to_owned();
    let mut line = |text: &str| {
        yaml.push_str("    ");
        yaml.push_str(text);
        yaml.push('\n');
    };
    let target = target(access);
    if target.tls {
        line("scheme: https");
    }
    if target.path != "/metrics" {
        line(&format!("metrics_path: {}", quoted(&target.path)));
    }
    if access.basic_auth {
        line("basic_auth:");
        line("  username: prometheus  # a user of the web configuration file");
        line("  password_file: /etc/prometheus/liveperson_exporter_password");
    }
    if target.tls && access.client_certificates {
        line("tls_config:");
        line("  # ca_file: /path/to/ca.crt  # if its certificate is from a CA of your own");
        line("  cert_file: /etc/prometheus/client.crt");
        line("  key_file: /etc/prometheus/client.key");
    } else if target.tls {
        line(
            "# tls_config: {ca_file: /path/to/ca.crt}  # if its certificate is from a CA of your own",
        );
    }
    match &target.host {
        Some(host) => line(&format!(
            "static_configs: [{{targets: [{}]}}]",
            quoted(host)
        )),
        None => line(
            "static_configs: [{targets: [\"proxy.example:80\"]}]  # what forwards to the Unix socket",
        ),
    }
    yaml
}

struct Target {
    tls: bool,
    host: Option<String>,
    path: String,
}

fn target(access: &Access) -> Target {
    match &access.external_url {
        Some(url) => {
            let host = url.host_str().unwrap_or_default();
            let port = url.port_or_known_default().unwrap_or(80);
            let prefix = url.path().trim_end_matches('/');
            Target {
                tls: url.scheme() == "https",
                host: Some(format!("{host}:{port}")),
                path: format!("{prefix}{}", access.telemetry_path),
            }
        }
        None => Target {
            tls: access.tls,
            host: access.reachable_at.clone(),
            path: format!("{}{}", access.route_prefix, access.telemetry_path),
        },
    }
}

/// A scalar of YAML in double quotes.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        Access {
            reachable_at: Some("host:10188".to_owned()),
            telemetry_path: "/metrics".to_owned(),
            ..Access::default()
        }
    }

    #[test]
    fn the_default_needs_a_target_and_nothing_else() {
        let expected = "scrape_configs:\n  - job_name: liveperson\n    static_configs: [{targets: [\"host:10188\"]}]\n";
        assert_eq!(scrape_config(&access()), expected);
    }

    #[test]
    fn everything_that_a_scrape_needs_is_named() {
        let access = Access {
            tls: true,
            basic_auth: true,
            client_certificates: true,
            telemetry_path: "/a\"b".to_owned(),
            route_prefix: "/lp".to_owned(),
            ..access()
        };
        let yaml = scrape_config(&access);
        for part in [
            "scheme: https",
            "metrics_path: \"/lp/a\\\"b\"",
            "basic_auth:",
            "cert_file:",
            "# ca_file:",
        ] {
            assert!(yaml.contains(part), "{part}: {yaml}");
        }
    }

    #[test]
    fn a_proxy_without_tls_needs_no_certificates() {
        let access = Access {
            external_url: Some("http://proxy.example/".parse().unwrap()),
            tls: true,
            client_certificates: true,
            ..access()
        };
        let yaml = scrape_config(&access);
        assert!(!yaml.contains("tls_config"), "{yaml}");
    }

    #[test]
    fn an_external_url_replaces_scheme_host_and_prefix() {
        let access = Access {
            external_url: Some("https://proxy.example/tools/lp/".parse().unwrap()),
            route_prefix: "/lp".to_owned(),
            ..access()
        };
        let yaml = scrape_config(&access);
        for part in [
            "scheme: https",
            "\"/tools/lp/metrics\"",
            "\"proxy.example:443\"",
        ] {
            assert!(yaml.contains(part), "{part}: {yaml}");
        }
    }

    #[test]
    fn a_unix_socket_alone_needs_a_proxy() {
        let access = Access {
            reachable_at: None,
            ..access()
        };
        assert!(scrape_config(&access).contains("Unix socket"));
    }
}
