//! Every failure has advice that fits the step, the authorisation and the network.

use std::time::Duration;

use super::*;
use crate::cases::check_each;
use crate::collectors::sla::Sla;
use crate::collectors::{Collector as _, Registry};
use crate::config::{Environment, load_text};

const OAUTH2: &str = "oauth2: {client_id: c, client_secret: s}";
const OAUTH1: &str = "oauth1: {app_key: k, app_secret: s, access_token: t, access_token_secret: u}";
const LOGIN: &str = "login: {username: u, password: p}";

fn account(auth: &str) -> Account {
    let text = format!("accounts: [{{id: \"42\", auth: {{{auth}}}}}]");
    let nothing: [(&str, &str); 0] = [];
    let sections = Registry::standard().sections();
    let loaded = load_text("test", &text, &Environment::from_pairs(nothing), &sections);
    loaded.unwrap().config.accounts.remove(0)
}

fn host() -> Step {
    Step::Host(Service::SENTINEL)
}

fn data() -> Step {
    Step::Data(Sla.about())
}

fn refused(status: u16) -> ApiError {
    let message = String::new();
    ApiError::Refused { status, message }
}

fn rejected(status: u16) -> ApiError {
    let message = String::new();
    ApiError::Rejected { status, message }
}

fn connect(cause: ConnectCause) -> ApiError {
    let detail = String::new();
    ApiError::Connect { detail, cause }
}

/// The advice of each error at this step contains these words.
fn check<const N: usize>(step: Step, auth: &str, cases: [(ApiError, &str); N]) {
    let account = account(auth);
    check_each(cases, |(error, expected)| {
        let text = advice(step, &error, &account, "h", &ProxyEnv::default());
        assert!(text.contains(expected), "{error}: {text}");
    });
}

#[test]
fn failed_connections_have_advice_about_the_network() {
    use ConnectCause::*;
    let no_address = "cannot resolve h. If your network needs a proxy, set HTTPS_PROXY";
    let cases = [
        (Resolve, no_address),
        (Unreachable, "firewall allow TCP port 443"),
        (TooSlow, "firewall allow TCP port 443"),
        (ProxyLogin, "user:password@"),
        (ProxyUnreachable, "is HTTPS_PROXY right"),
        (ProxyRefused, "allow h there"),
        (CertificateUntrusted, "tls.ca_file"),
        (CertificateExpired, "the clock of this machine"),
        (CertificateNotYetValid, "the clock of this machine"),
        (CertificateOtherHost, "another host answers"),
        (Tls, "no TLS could be agreed on"),
        (Closed, "without an answer"),
        (NotSent, "an earlier step"),
        (Other, "cannot connect to h"),
    ];
    check(
        host(),
        OAUTH2,
        cases.map(|(cause, text)| (connect(cause), text)),
    );
    let proxy = ProxyEnv { proxy: true };
    let error = connect(Unreachable);
    let text = advice(host(), &error, &account(OAUTH2), "h", &proxy);
    assert!(text.contains("HTTPS_PROXY is set"), "{text}");
}

#[test]
fn unreadable_answers_have_advice_about_what_is_in_between() {
    let cases = [
        (UnreadableCause::Content, "something other"),
        (UnreadableCause::Transfer, "did not arrive whole"),
        (UnreadableCause::NotHttp, "does not speak HTTP"),
        (UnreadableCause::Head, "the head of its answer"),
        (UnreadableCause::ForeignHost, "allowed_domains"),
    ];
    let unreadable = |cause| {
        let detail = String::new();
        ApiError::Unreadable { detail, cause }
    };
    check(
        data(),
        OAUTH2,
        cases.map(|(cause, text)| (unreadable(cause), text)),
    );
}

#[test]
fn failed_host_look_ups_have_their_advice() {
    let cases = [
        (rejected(404), "unknown account"),
        (rejected(405), "h does not accept"),
        (ApiError::TooLarge { limit: 1 }, "answered something other"),
    ];
    check(host(), OAUTH2, cases);
}

#[test]
fn failed_token_calls_have_advice_for_the_auth_method() {
    let cases = [
        (refused(401), "wrong client id or secret"),
        (rejected(400), "wrong client id or secret"),
        (rejected(404), "h does not accept"),
        (rejected(999), "h does not accept"),
        (ApiError::TooLarge { limit: 1 }, "answered something other"),
        (refused(403), "missing permission"),
    ];
    check(Step::Token, OAUTH2, cases);
    let cases = [
        (rejected(101), "h does not accept"),
        (refused(401), "wrong user name or password"),
    ];
    check(Step::Token, LOGIN, cases);
}

#[test]
fn failed_data_calls_have_their_advice() {
    let timeout = ApiError::Timeout {
        after: Duration::from_secs(1),
    };
    let failed = ApiError::Failed {
        status: 500,
        message: String::new(),
    };
    let cases = [
        (refused(401), "missing permission for the SLA"),
        (rejected(304), "a cache answers"),
        (rejected(404), "the error above"),
        (rejected(302), "redirects are not followed"),
        (rejected(407), "the proxy requires a user name"),
        (ApiError::Throttled { retry_after: None }, "wait a minute"),
        (timeout, "limits.request_timeout"),
        (failed, "LivePerson itself"),
        (ApiError::TooLarge { limit: 1 }, "max_response_bytes"),
    ];
    check(data(), OAUTH2, cases);
    let cases = [
        (refused(403), "missing permission for the SLA"),
        (refused(401), "all four parts"),
    ];
    check(data(), OAUTH1, cases);
}

#[test]
fn names_without_permission_can_be_switched_off() {
    check(
        Step::Names,
        OAUTH2,
        [(refused(403), "names.lookup to false")],
    );
    check(
        Step::Names,
        LOGIN,
        [(refused(401), "names.lookup to false")],
    );
}
