use std::time::Duration;

use super::*;
use crate::collectors::sla::Sla;
use crate::collectors::{Collector as _, Registry};
use crate::config::{Environment, load_text};

fn account(auth: &str) -> Account {
    let text = format!("accounts: [{{id: \"42\", auth: {{{auth}}}}}]");
    let nothing: [(&str, &str); 0] = [];
    let sections = Registry::standard().sections();
    let loaded = load_text("test", &text, &Environment::from_pairs(nothing), &sections);
    loaded.unwrap().config.accounts.remove(0)
}

#[test]
fn each_failure_has_its_advice() {
    let oauth2 = || account("oauth2: {client_id: c, client_secret: s}");
    let oauth1 =
        || account("oauth1: {app_key: k, app_secret: s, access_token: t, access_token_secret: u}");
    let login = || account("login: {username: u, password: p}");
    let refused = |status| ApiError::Refused {
        status,
        message: String::new(),
    };
    let rejected = |status| ApiError::Rejected {
        status,
        message: String::new(),
    };
    let connect = |cause| ApiError::Connect {
        detail: String::new(),
        cause,
    };
    let unreadable = |cause| ApiError::Unreadable {
        detail: String::new(),
        cause,
    };
    let host = Step::Host(Service::SENTINEL);
    let data = Step::Data(Sla.about());
    for (asked, error, account, expected) in [
        (host, rejected(404), oauth2(), "unknown account"),
        (
            host,
            connect(ConnectCause::Resolve),
            oauth2(),
            "no address for h. If your network needs a proxy, set HTTPS_PROXY",
        ),
        (
            host,
            connect(ConnectCause::Unreachable),
            oauth2(),
            "firewall allow TCP port 443",
        ),
        (
            host,
            connect(ConnectCause::TooSlow),
            oauth2(),
            "firewall allow TCP port 443",
        ),
        (
            host,
            connect(ConnectCause::ProxyLogin),
            oauth2(),
            "user:password@",
        ),
        (
            host,
            connect(ConnectCause::ProxyUnreachable),
            oauth2(),
            "is HTTPS_PROXY right",
        ),
        (
            host,
            connect(ConnectCause::ProxyRefused),
            oauth2(),
            "allow h there",
        ),
        (
            host,
            connect(ConnectCause::CertificateUntrusted),
            oauth2(),
            "tls.ca_file",
        ),
        (
            host,
            connect(ConnectCause::CertificateExpired),
            oauth2(),
            "the clock of this machine",
        ),
        (
            host,
            connect(ConnectCause::CertificateNotYetValid),
            oauth2(),
            "the clock of this machine",
        ),
        (
            host,
            connect(ConnectCause::CertificateOtherHost),
            oauth2(),
            "another host answers",
        ),
        (
            host,
            connect(ConnectCause::Tls),
            oauth2(),
            "no TLS could be agreed on",
        ),
        (
            host,
            connect(ConnectCause::Closed),
            oauth2(),
            "without an answer",
        ),
        (
            host,
            connect(ConnectCause::NotSent),
            oauth2(),
            "an earlier step",
        ),
        (host, connect(ConnectCause::Other), oauth2(), "no way to h"),
        (
            data,
            unreadable(UnreadableCause::Content),
            oauth2(),
            "something else",
        ),
        (
            data,
            unreadable(UnreadableCause::Transfer),
            oauth2(),
            "did not arrive whole",
        ),
        (
            data,
            unreadable(UnreadableCause::NotHttp),
            oauth2(),
            "does not speak HTTP",
        ),
        (
            data,
            unreadable(UnreadableCause::Head),
            oauth2(),
            "the head of its answer",
        ),
        (
            data,
            unreadable(UnreadableCause::ForeignHost),
            oauth2(),
            "allowed_domains",
        ),
        (data, rejected(304), oauth2(), "a cache answers"),
        (
            Step::Token,
            refused(401),
            oauth2(),
            "wrong client id or secret",
        ),
        (
            Step::Token,
            rejected(400),
            oauth2(),
            "wrong client id or secret",
        ),
        (Step::Token, rejected(404), oauth2(), "h does not take"),
        (Step::Token, rejected(101), login(), "h does not take"),
        (Step::Token, rejected(999), oauth2(), "h does not take"),
        (host, rejected(405), oauth2(), "h does not take"),
        (
            Step::Token,
            ApiError::TooLarge { limit: 1 },
            oauth2(),
            "answered something else",
        ),
        (
            host,
            ApiError::TooLarge { limit: 1 },
            oauth2(),
            "answered something else",
        ),
        (Step::Token, refused(403), oauth2(), "missing permission"),
        (
            Step::Token,
            refused(401),
            login(),
            "wrong user name or password",
        ),
        (
            data,
            refused(401),
            oauth2(),
            "missing permission for the SLA",
        ),
        (
            data,
            refused(403),
            oauth1(),
            "missing permission for the SLA",
        ),
        (data, refused(401), oauth1(), "all four parts"),
        (data, rejected(404), oauth2(), "the error above"),
        (data, rejected(302), oauth2(), "redirects are not followed"),
        (data, rejected(407), oauth2(), "the proxy wants a user name"),
        (Step::Names, refused(403), oauth2(), "names.lookup to false"),
        (Step::Names, refused(401), login(), "names.lookup to false"),
        (
            data,
            ApiError::Throttled { retry_after: None },
            oauth2(),
            "wait a minute",
        ),
        (
            data,
            ApiError::Timeout {
                after: Duration::from_secs(1),
            },
            oauth2(),
            "limits.request_timeout",
        ),
        (
            data,
            ApiError::Failed {
                status: 500,
                message: String::new(),
            },
            oauth2(),
            "LivePerson itself",
        ),
        (
            data,
            ApiError::TooLarge { limit: 1 },
            oauth2(),
            "max_response_bytes",
        ),
    ] {
        let text = advice(asked, &error, &account, "h", &ProxyEnv::default());
        assert!(text.contains(expected), "{error}: {text}");
    }
    let behind = ProxyEnv { proxy: true };
    let error = connect(ConnectCause::Unreachable);
    let text = advice(host, &error, &oauth2(), "h", &behind);
    assert!(text.contains("HTTPS_PROXY is set"), "{text}");
}
