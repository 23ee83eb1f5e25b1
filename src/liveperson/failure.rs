//! What an error of the HTTP library means: no connection, a bad certificate, a broken answer.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::error::{ApiError, ConnectCause, UnreadableCause};
use super::redactor::Redactor;

/// Longest description of the causes, in characters.
const MAX_DETAIL: usize = 300;

/// How far an exchange came before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// No head of an answer has come.
    BeforeHead,
    /// Its head is there, its body is not.
    InBody,
}

/// What [`classify`] has to know of this client.
pub(super) struct ClientInfo {
    /// Whether this machine trusts no certificate at all.
    pub(super) no_trust_anchors: bool,
    /// Longest wait for a connection.
    pub(super) connect_timeout: Duration,
}

/// The [`ApiError`] of a failed exchange.
pub(super) fn classify(
    error: reqwest::Error,
    stage: Stage,
    client: &ClientInfo,
    redactor: &Redactor,
) -> ApiError {
    // A URL holds ids, and possibly credentials.
    let error = error.without_url();
    let mut causes = Causes::default();
    for_each_cause(&error, &mut |cause| causes.add(cause));
    let detail = describe_causes(&error);
    match damage(&error, stage, &causes) {
        Some((what, cause)) => ApiError::Unreadable {
            detail: redactor.line(&format!("{what}: {detail}"), MAX_DETAIL),
            cause,
        },
        None => no_connection(&error, &causes, detail, client, redactor),
    }
}

/// What is wrong with an answer that has begun; `None` when none has.
fn damage(
    error: &reqwest::Error,
    stage: Stage,
    causes: &Causes,
) -> Option<(&'static str, UnreadableCause)> {
    match stage {
        Stage::InBody if causes.damaged || error.is_decode() && !causes.connection => Some((
            "the answer is not valid HTTP or gzip",
            UnreadableCause::Transfer,
        )),
        Stage::InBody => Some((
            "the connection ended in the middle of the answer",
            UnreadableCause::Transfer,
        )),
        Stage::BeforeHead if causes.head => Some((
            "the head of the answer cannot be read",
            UnreadableCause::Head,
        )),
        Stage::BeforeHead if causes.damaged => {
            Some(("the answer is not valid HTTP", UnreadableCause::NotHttp))
        }
        Stage::BeforeHead => None,
    }
}

fn no_connection(
    error: &reqwest::Error,
    causes: &Causes,
    mut detail: String,
    client: &ClientInfo,
    redactor: &Redactor,
) -> ApiError {
    // Every other limit is watched by the transport itself.
    let cause = if error.is_timeout() {
        detail = format!("no connection within {:?}", client.connect_timeout);
        ConnectCause::TooSlow
    } else {
        connect_cause(error, causes, &detail)
    };
    if client.no_trust_anchors && cause == ConnectCause::CertificateUntrusted {
        detail.push_str(
            "; this machine has no root certificates: install ca-certificates or set tls.ca_file",
        );
    }
    ApiError::Connect {
        detail: redactor.line(&detail, MAX_DETAIL),
        cause,
    }
}

fn connect_cause(error: &reqwest::Error, causes: &Causes, detail: &str) -> ConnectCause {
    // The library distinguishes these only in its messages.
    let detail = detail.to_ascii_lowercase();
    let contains = |text: &str| detail.contains(text);
    if contains("proxy auth") {
        ConnectCause::ProxyLogin
    } else if contains("underlying connection") {
        ConnectCause::ProxyUnreachable
    } else if contains("tunnel") {
        ConnectCause::ProxyRefused
    } else if let Some(tls) = causes.tls {
        tls
    } else if contains("dns error") || contains("invalid dns name") {
        ConnectCause::Resolve
    } else if let Some(cause) = causes
        .io
        .and_then(|kind| io_cause(kind, error.is_connect()))
    {
        cause
    } else if causes.incomplete {
        ConnectCause::Closed
    } else {
        ConnectCause::Other
    }
}

fn io_cause(kind: io::ErrorKind, connecting: bool) -> Option<ConnectCause> {
    use io::ErrorKind as Kind;
    match kind {
        Kind::ConnectionRefused
        | Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::NetworkDown
        | Kind::AddrNotAvailable
        | Kind::PermissionDenied
        | Kind::TimedOut => Some(ConnectCause::Unreachable),
        // A connection that could be opened and is cut off while TLS is being agreed on.
        Kind::UnexpectedEof | Kind::ConnectionReset | Kind::BrokenPipe if connecting => {
            Some(ConnectCause::Tls)
        }
        Kind::UnexpectedEof
        | Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe
        | Kind::NotConnected => Some(ConnectCause::Closed),
        _ => None,
    }
}

/// What the chain of causes contains.
#[derive(Default)]
struct Causes {
    tls: Option<ConnectCause>,
    /// The innermost error of the system.
    io: Option<io::ErrorKind>,
    /// The connection broke.
    connection: bool,
    /// Something came, but not HTTP.
    damaged: bool,
    /// HTTP came, and its head is not right.
    head: bool,
    /// Nothing came.
    incomplete: bool,
}

impl Causes {
    fn add(&mut self, cause: &(dyn Error + 'static)) {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            self.connection = true;
            self.tls = Some(tls_cause(tls));
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            self.io = Some(io.kind());
        }
        if let Some(http) = cause.downcast_ref::<hyper::Error>() {
            self.damaged |= http.is_parse();
            self.head |= http.is_parse() && is_about_headers(http);
            self.incomplete |= http.is_incomplete_message();
            self.connection |= !http.is_parse();
        }
    }
}

/// Whether a version and a status came before what cannot be read.
fn is_about_headers(error: &hyper::Error) -> bool {
    // The library distinguishes these only in its messages.
    let text = error.to_string();
    let about = ["header", "content-length", "transfer-encoding"];
    error.is_parse_too_large() || about.iter().any(|name| text.contains(name))
}

fn tls_cause(error: &rustls::Error) -> ConnectCause {
    use rustls::CertificateError as Certificate;
    let rustls::Error::InvalidCertificate(problem) = error else {
        return match error {
            rustls::Error::NoCertificatesPresented => ConnectCause::CertificateUntrusted,
            _ => ConnectCause::Tls,
        };
    };
    match problem {
        Certificate::Expired | Certificate::ExpiredContext { .. } => {
            ConnectCause::CertificateExpired
        }
        Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
            ConnectCause::CertificateNotYetValid
        }
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
            ConnectCause::CertificateOtherHost
        }
        _ => ConnectCause::CertificateUntrusted,
    }
}

/// The causes, outermost first, without those that only say that something failed.
pub(super) fn describe_causes(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for_each_cause(error, &mut |cause| {
        let text = cause.to_string();
        let says_nothing = cause.is::<reqwest::Error>() || text.starts_with("client error (");
        // A wrapper often repeats what it wraps.
        let repeated = texts.last().is_some_and(|last| last.contains(&text));
        if !says_nothing && !repeated {
            texts.push(text);
        }
    });
    if texts.is_empty() {
        return error.to_string();
    }
    texts.join(": ")
}

/// Visits an error and its causes, also those inside an `io::Error`, whose `source` skips the very
/// error that it wraps.
fn for_each_cause(error: &(dyn Error + 'static), visit: &mut dyn FnMut(&(dyn Error + 'static))) {
    let mut next = Some(error);
    while let Some(cause) = next {
        visit(cause);
        next = match cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
}
