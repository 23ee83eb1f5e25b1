//! What an error of the HTTP library means: no connection, a bad certificate, a broken answer.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::error::ApiError;
use super::redactor::Redactor;

/// Longest list of causes, in characters.
const LONGEST: usize = 300;

/// Turns a failed exchange into an [`ApiError`]. `no_trust_anchors` tells that this
/// machine trusts no certificate at all.
pub(super) fn classify(
    error: reqwest::Error,
    redactor: &Redactor,
    no_trust_anchors: bool,
    connect_timeout: Duration,
) -> ApiError {
    // A URL holds ids, and what else somebody may have put there.
    let error = error.without_url();
    let connect = |detail: String, certificate| ApiError::Connect {
        detail: redactor.line(&detail, LONGEST),
        certificate,
    };
    if error.is_timeout() {
        // Every other limit is watched by the transport itself.
        return connect(format!("no connection within {connect_timeout:?}"), false);
    }
    let mut causes = causes(&error);
    let mut seen = Seen::default();
    walk(&error, &mut |cause| seen.look(cause));
    if seen.certificate {
        if no_trust_anchors {
            causes.push_str(
                "; this machine has no root certificates: install ca-certificates or set tls.ca_file",
            );
        }
        return connect(causes, true);
    }
    if seen.malformed || (error.is_decode() && !seen.connection) {
        let detail = format!("the answer is not proper HTTP or gzip: {causes}");
        return ApiError::Unreadable {
            detail: redactor.line(&detail, LONGEST),
        };
    }
    if error.is_body() || error.is_decode() {
        let detail = format!("the connection ended in the middle of the answer ({causes})");
        return connect(detail, false);
    }
    connect(causes, false)
}

/// What the chain of causes tells.
#[derive(Default)]
struct Seen {
    certificate: bool,
    /// The connection broke.
    connection: bool,
    /// Something came, but not HTTP.
    malformed: bool,
}

impl Seen {
    fn look(&mut self, cause: &(dyn Error + 'static)) {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            self.connection = true;
            self.certificate |= matches!(
                tls,
                rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented
            );
        }
        if let Some(http) = cause.downcast_ref::<hyper::Error>() {
            self.malformed |= http.is_parse();
            self.connection |= !http.is_parse();
        }
    }
}

/// The causes, outermost first, without the ones that only say "it failed".
pub(super) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    walk(error, &mut |cause| {
        let text = cause.to_string();
        let empty_words = cause.is::<reqwest::Error>() || text.starts_with("client error (");
        // A wrapper often repeats what it wraps.
        let repeated = texts.last().is_some_and(|last| last.contains(&text));
        if !empty_words && !repeated {
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
fn walk(error: &(dyn Error + 'static), visit: &mut dyn FnMut(&(dyn Error + 'static))) {
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
