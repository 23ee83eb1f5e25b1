//! When the server's own certificate is valid, and the warnings about it.

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

/// How long before it expires a certificate gives a warning: programs that renew do so earlier.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The period in which a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Where a moment is in that period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    NotYetValid,
    Valid,
    ExpiresSoon,
    Expired,
}

impl Validity {
    /// Of the first certificate of a chain; none if it cannot be parsed.
    pub(super) fn of(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(chain.first()?).ok()?;
        let at = |seconds| Timestamp::from_second(seconds).ok();
        let validity = parsed.validity();
        Some(Self {
            not_before: at(validity.not_before.timestamp())?,
            not_after: at(validity.not_after.timestamp())?,
        })
    }

    pub(super) fn stage(self, now: Timestamp) -> Stage {
        match self {
            _ if now < self.not_before => Stage::NotYetValid,
            _ if now > self.not_after => Stage::Expired,
            _ if self.not_after.duration_since(now) < SOON => Stage::ExpiresSoon,
            _ => Stage::Valid,
        }
    }

    /// A warning for the operator, unless the certificate is valid for long enough.
    pub(super) fn warning(self, now: Timestamp) -> Option<String> {
        let certificate = "the certificate of tls_server_config";
        let advice = "clients reject it; renew it";
        match self.stage(now) {
            Stage::Valid => None,
            Stage::NotYetValid => Some(format!(
                "{certificate} is valid only from {}; {advice}",
                self.not_before
            )),
            Stage::ExpiresSoon => Some(format!(
                "{certificate} expires at {}; renew it before",
                self.not_after
            )),
            Stage::Expired => Some(format!(
                "{certificate} expired at {}; {advice}",
                self.not_after
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::cases::check_each;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn certificates_that_expire_or_have_expired_give_a_warning() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["x".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(2024, 12, 31);
        let chain = [params.self_signed(&key).unwrap().der().clone()];
        let validity = Validity::of(&chain).unwrap();
        let cases = [
            (
                "2023-12-31T00:00:00Z",
                Some("is valid only from 2024-01-01"),
            ),
            ("2024-01-02T00:00:00Z", None),
            ("2024-12-16T00:00:00Z", None),
            ("2024-12-18T00:00:00Z", Some("expires at 2024-12-31")),
            ("2025-01-01T00:00:00Z", Some("expired at 2024-12-31")),
        ];
        check_each(cases, |(now, words)| {
            let warning = validity.warning(now.parse().unwrap());
            match words {
                None => assert_eq!(warning, None, "{now}"),
                Some(words) => assert!(warning.as_ref().unwrap().contains(words), "{warning:?}"),
            }
        });
        assert_eq!(Validity::of(&[]), None);
    }
}
