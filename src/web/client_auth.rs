//! Client certificates: `client_auth_type`, `client_ca` and `client_allowed_sans` as the
//! exporter-toolkit defines them.

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
use super::config_section::redacted_preview;
use super::pem::{certificates, path_of};

/// `client_auth_type`; without one, no certificate is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientAuth {
    /// Request one; none and any are accepted.
    Request,
    /// There must be one; any is accepted.
    RequireAny,
    /// None is accepted; if there is one, it must be signed by a known authority.
    VerifyIfGiven,
    /// There must be one, signed by a known authority.
    RequireAndVerify,
}

impl ClientAuth {
    fn mandatory(self) -> bool {
        matches!(self, Self::RequireAny | Self::RequireAndVerify)
    }

    fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }
}

/// The verifier that the fields describe; none if no certificate is requested, or after an error.
pub(super) fn client_verifier(
    fields: &TlsFields,
    provider: &Arc<CryptoProvider>,
    errors: &mut Vec<String>,
) -> Option<Arc<ClientVerifier>> {
    let policy = match parse_policy(fields.client_auth_type.as_deref()) {
        Ok(policy) => policy,
        Err(error) => {
            errors.push(format!("tls_server_config.client_auth_type: {error}"));
            return None;
        }
    };
    if fields.client_ca.is_some() && policy.is_none() {
        errors.push(
            "tls_server_config.client_auth_type: expected VerifyClientCertIfGiven or \
             RequireAndVerifyClientCert, because there is a client_ca"
                .to_owned(),
        );
    }
    let sans = fields.client_allowed_sans.as_ref();
    if sans.is_some() && !policy.is_some_and(ClientAuth::mandatory) {
        errors.push(
            "tls_server_config.client_allowed_sans: requires client_auth_type to be \
             RequireAnyClientCert or RequireAndVerifyClientCert; otherwise clients without a \
             certificate would be admitted"
                .to_owned(),
        );
        return None;
    }
    let policy = policy?;
    let mut verifier = ClientVerifier {
        chain: None,
        authorities: None,
        mandatory: policy.mandatory(),
        allowed_sans: sans.cloned(),
        algorithms: provider.signature_verification_algorithms,
    };
    if policy.verifies() {
        let roots = root_certificates(fields, errors)?;
        verifier.authorities = Some(roots.roots.iter().map(authority).collect());
        verifier.chain = Some(chain_verifier(fields, roots, provider, errors)?);
    }
    Some(Arc::new(verifier))
}

fn parse_policy(text: Option<&str>) -> Result<Option<ClientAuth>, String> {
    Ok(match text {
        None | Some("NoClientCert") => None,
        Some("RequestClientCert") => Some(ClientAuth::Request),
        // The second is an old name of the first.
        Some("RequireAnyClientCert" | "RequireClientCert") => Some(ClientAuth::RequireAny),
        Some("VerifyClientCertIfGiven") => Some(ClientAuth::VerifyIfGiven),
        Some("RequireAndVerifyClientCert") => Some(ClientAuth::RequireAndVerify),
        Some(other) => {
            return Err(format!(
                "expected NoClientCert, RequestClientCert, RequireAnyClientCert, \
                 VerifyClientCertIfGiven or RequireAndVerifyClientCert, found {}",
                redacted_preview(other)
            ));
        }
    })
}

/// The authorities that client certificates may be signed by; at least one. As in the toolkit, those
/// of the system if the file names none.
fn root_certificates(fields: &TlsFields, errors: &mut Vec<String>) -> Option<RootCertStore> {
    let path = path_of("client_ca", fields.client_ca.as_ref());
    let mut roots = RootCertStore::empty();
    if fields.client_ca.is_none() {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            errors.push(format!(
                "{path}: is missing, and this system has no root certificates to verify clients with"
            ));
        }
    }
    if fields.client_ca.is_some() {
        let certificates = certificates("client_ca", fields.client_ca.as_ref(), errors)?;
        for (index, certificate) in certificates.into_iter().enumerate() {
            if roots.add(certificate).is_err() {
                let number = index + 1;
                errors.push(format!(
                    "{path}: certificate {number} is not a valid CA certificate"
                ));
            }
        }
    }
    (!roots.is_empty()).then_some(roots)
}

/// What distinguishes one authority from another: its name, its key, and what it may sign.
fn authority(anchor: &TrustAnchor<'_>) -> Authority {
    let constraints = anchor.name_constraints.as_ref();
    Authority {
        subject: anchor.subject.to_vec(),
        public_key: anchor.subject_public_key_info.to_vec(),
        name_constraints: constraints.map(|constraints| constraints.to_vec()),
    }
}

fn chain_verifier(
    fields: &TlsFields,
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
    errors: &mut Vec<String>,
) -> Option<Arc<dyn ClientCertVerifier>> {
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| {
            let path = path_of("client_ca", fields.client_ca.as_ref());
            errors.push(format!("{path}: {error}"));
        })
        .ok()
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Authority {
    subject: Vec<u8>,
    public_key: Vec<u8>,
    name_constraints: Option<Vec<u8>>,
}

/// Checks the certificates of clients.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    /// Checks who signed a certificate; none if that does not matter.
    chain: Option<Arc<dyn ClientCertVerifier>>,
    /// The authorities of `chain`.
    authorities: Option<BTreeSet<Authority>>,
    mandatory: bool,
    allowed_sans: Option<Vec<String>>,
    /// A certificate authenticates only together with a signature by its key.
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientVerifier {
    /// Whether a client without a certificate is refused.
    pub(super) fn is_mandatory(&self) -> bool {
        self.mandatory
    }

    /// Whether `other`, which may not exist, admits clients that this rejects.
    pub(super) fn is_stricter_than(&self, other: Option<&Self>) -> bool {
        // A client that is rejected because of its certificate is admitted without one.
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

impl ClientCertVerifier for ClientVerifier {
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
            let error = CertificateError::ApplicationVerificationFailure;
            return Err(Error::InvalidCertificate(error));
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
/// addresses and URIs, as text. Empty if the certificate cannot be parsed.
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
    fn alternative_names_of_every_type_are_read_as_text() {
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
