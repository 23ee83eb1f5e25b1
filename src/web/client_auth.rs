//! What clients have to show of certificates: `client_auth_type`, `client_ca` and
//! `client_allowed_sans` as the exporter-toolkit defines them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::config_file::TlsFields;
use super::config_section::shown;
use super::pem::{certificates, place};

/// `client_auth_type`; without one, no certificate is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    /// Ask; none and any will do.
    Request,
    /// Any will do, but there must be one.
    RequireAny,
    /// None will do; one that is shown must be signed by a known authority.
    VerifyIfGiven,
    /// There must be one, signed by a known authority.
    RequireAndVerify,
}

impl Policy {
    fn mandatory(self) -> bool {
        matches!(self, Self::RequireAny | Self::RequireAndVerify)
    }

    fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }
}

/// Checks clients' certificates as the fields say; nothing when none is asked for, or after a
/// mistake.
pub(super) fn verifier(
    fields: &TlsFields,
    provider: &Arc<CryptoProvider>,
    mistakes: &mut Vec<String>,
) -> Option<Arc<Clients>> {
    let mut refuse = |key: &str, why: String| {
        mistakes.push(format!("tls_server_config.{key}: {why}"));
    };
    let policy = match policy(fields.client_auth_type.as_deref()) {
        Ok(policy) => policy,
        Err(why) => {
            refuse("client_auth_type", why);
            return None;
        }
    };
    if fields.client_ca.is_some() && policy.is_none() {
        refuse(
            "client_auth_type",
            "is missing, but a client_ca is given; allowed with it are VerifyClientCertIfGiven \
             and RequireAndVerifyClientCert"
                .to_owned(),
        );
    }
    let sans = fields.client_allowed_sans.as_ref();
    if sans.is_some() && !policy.is_some_and(Policy::mandatory) {
        refuse(
            "client_allowed_sans",
            "needs client_auth_type to be RequireAnyClientCert or RequireAndVerifyClientCert; \
             otherwise a client without a certificate would be let in"
                .to_owned(),
        );
        return None;
    }
    let policy = policy?;
    let (chain, authorities) = match policy.verifies() {
        true => {
            let roots = authorities(fields, mistakes)?;
            let keys = roots.roots.iter().map(authority).collect();
            (
                Some(chain_verifier(fields, roots, provider, mistakes)?),
                Some(keys),
            )
        }
        false => (None, None),
    };
    Some(Arc::new(Clients {
        chain,
        authorities,
        mandatory: policy.mandatory(),
        allowed_sans: sans.cloned(),
        algorithms: provider.signature_verification_algorithms,
    }))
}

fn policy(text: Option<&str>) -> Result<Option<Policy>, String> {
    Ok(match text {
        None | Some("NoClientCert") => None,
        Some("RequestClientCert") => Some(Policy::Request),
        // The second is an old name of the first.
        Some("RequireAnyClientCert" | "RequireClientCert") => Some(Policy::RequireAny),
        Some("VerifyClientCertIfGiven") => Some(Policy::VerifyIfGiven),
        Some("RequireAndVerifyClientCert") => Some(Policy::RequireAndVerify),
        Some(other) => {
            return Err(format!(
                "{} is not known; allowed are NoClientCert, RequestClientCert, \
                 RequireAnyClientCert, VerifyClientCertIfGiven and RequireAndVerifyClientCert",
                shown(other)
            ));
        }
    })
}

/// Whose signatures under clients' certificates count; at least one.
fn authorities(fields: &TlsFields, mistakes: &mut Vec<String>) -> Option<RootCertStore> {
    let place = place("client_ca", fields.client_ca.as_ref());
    let mut roots = RootCertStore::empty();
    if fields.client_ca.is_some() {
        let found = certificates("client_ca", fields.client_ca.as_ref(), mistakes)?;
        for (index, certificate) in found.into_iter().enumerate() {
            if roots.add(certificate).is_err() {
                let number = index + 1;
                mistakes.push(format!("{place}: certificate {number} is no authority's"));
            }
        }
        if roots.is_empty() {
            return None;
        }
    } else {
        // As in the toolkit: without an authority of its own, those of the system count.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            mistakes.push(format!(
                "{place}: is missing, and this system has no root certificates to verify clients by"
            ));
            return None;
        }
    }
    Some(roots)
}

/// What tells one authority from another: its name, its key, and what it may sign.
fn authority(anchor: &TrustAnchor<'_>) -> Authority {
    let constraints = anchor.name_constraints.as_ref();
    (
        anchor.subject.to_vec(),
        anchor.subject_public_key_info.to_vec(),
        constraints.map(|constraints| constraints.to_vec()),
    )
}

fn chain_verifier(
    fields: &TlsFields,
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
    mistakes: &mut Vec<String>,
) -> Option<Arc<dyn ClientCertVerifier>> {
    let place = place("client_ca", fields.client_ca.as_ref());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| mistakes.push(format!("{place}: {error}")))
        .ok()
}

type Authority = (Vec<u8>, Vec<u8>, Option<Vec<u8>>);

/// Checks the certificates of clients.
#[derive(Debug)]
pub(super) struct Clients {
    /// Checks who signed a certificate; without it, nobody asks.
    chain: Option<Arc<dyn ClientCertVerifier>>,
    /// Those that `chain` knows.
    authorities: Option<BTreeSet<Authority>>,
    mandatory: bool,
    allowed_sans: Option<Vec<String>>,
    /// A certificate proves something only together with a signature by its key.
    algorithms: WebPkiSupportedAlgorithms,
}

impl Clients {
    /// Whether `other`, which may ask for nothing, lets somebody in whom this does not.
    pub(super) fn keeps_out_more_than(&self, other: Option<&Self>) -> bool {
        // Whoever is kept out by their certificate gets in without one.
        if !self.mandatory {
            return false;
        }
        let Some(other) = other.filter(|other| other.mandatory) else {
            return true;
        };
        let more_authorities = match (&self.authorities, &other.authorities) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(own), Some(others)) => !others.is_subset(own),
        };
        let more_names = match (&self.allowed_sans, &other.allowed_sans) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(own), Some(others)) => others.iter().any(|name| !own.contains(name)),
        };
        more_authorities || more_names
    }
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        match &self.chain {
            Some(chain) => chain.root_hint_subjects(),
            None => &[],
        }
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(chain) = &self.chain {
            chain.verify_client_cert(end_entity, intermediates, now)?;
        }
        if let Some(allowed) = &self.allowed_sans
            && !alternative_names(end_entity)
                .iter()
                .any(|name| allowed.contains(name))
        {
            let refused = CertificateError::ApplicationVerificationFailure;
            return Err(Error::InvalidCertificate(refused));
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The subject alternative names that the toolkit compares: DNS names, mail addresses, IP
/// addresses and URIs, as text. None for what is no certificate.
fn alternative_names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let Ok(Some(names)) = parsed.subject_alternative_name() else {
        return Vec::new();
    };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => {
            Some((*text).to_owned())
        }
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(text).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).into());
    }
    let sixteen = <[u8; 16]>::try_from(bytes).ok()?;
    Some(IpAddr::from(Ipv6Addr::from(sixteen)).to_canonical())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    #[test]
    fn alternative_names_of_every_kind_are_compared_as_text() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["a.example".to_owned()]).unwrap();
        params.subject_alt_names.extend([
            SanType::Rfc822Name("bob@example.com".try_into().unwrap()),
            SanType::URI("spiffe://x/y".try_into().unwrap()),
            SanType::IpAddress("192.0.2.7".parse().unwrap()),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
        ]);
        let certificate = params.self_signed(&key).unwrap();
        assert_eq!(
            alternative_names(certificate.der()),
            [
                "a.example",
                "bob@example.com",
                "spiffe://x/y",
                "192.0.2.7",
                "2001:db8::1"
            ]
        );
        assert!(alternative_names(&CertificateDer::from(vec![1, 2, 3])).is_empty());
    }
}
