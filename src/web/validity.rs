//! From when until when the server's own certificate is valid, and what to say of it.

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

/// How long before its end a certificate is worth a warning: programs that renew do so earlier.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The span in which a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Where the present moment stands in that span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    NotYet,
    Good,
    EndsSoon,
    Expired,
}

impl Validity {
    /// That of the first certificate of a chain; nothing when it cannot be read.
    pub(super) fn of(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(chain.first()?).ok()?;
        let at = |seconds| Timestamp::from_second(seconds).ok();
        let span = parsed.validity();
        Some(Self {
            not_before: at(span.not_before.timestamp())?,
            not_after: at(span.not_after.timestamp())?,
        })
    }

    pub(super) fn stage(self, now: Timestamp) -> Stage {
        match self {
            _ if now < self.not_before => Stage::NotYet,
            _ if now > self.not_after => Stage::Expired,
            _ if self.not_after.duration_since(now) < SOON => Stage::EndsSoon,
            _ => Stage::Good,
        }
    }

    /// What the operator should know.
    pub(super) fn warning(self, now: Timestamp) -> Option<String> {
        let what = "the certificate of tls_server_config";
        let then = "clients refuse it; renew it";
        match self.stage(now) {
            Stage::Good => None,
            Stage::NotYet => Some(format!(
                "{what} is valid only from {}; {then}",
                self.not_before
            )),
            Stage::EndsSoon => Some(format!(
                "{what} expires at {}; renew it before",
                self.not_after
            )),
            Stage::Expired => Some(format!("{what} expired at {}; {then}", self.not_after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_that_ends_soon_or_has_ended_gives_a_warning() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["x".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(2024, 12, 31);
        let chain = [params.self_signed(&key).unwrap().der().clone()];
        let validity = Validity::of(&chain).unwrap();
        for (now, words) in [
            (
                "2023-12-31T00:00:00Z",
                Some("is valid only from 2024-01-01"),
            ),
            ("2024-01-02T00:00:00Z", None),
            ("2024-12-16T00:00:00Z", None),
            ("2024-12-18T00:00:00Z", Some("expires at 2024-12-31")),
            ("2025-01-01T00:00:00Z", Some("expired at 2024-12-31")),
        ] {
            let warning = validity.warning(now.parse().unwrap());
            match words {
                None => assert_eq!(warning, None, "{now}"),
                Some(words) => assert!(warning.as_ref().unwrap().contains(words), "{warning:?}"),
            }
        }
        assert_eq!(Validity::of(&[]), None);
    }
}
