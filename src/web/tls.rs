//! From `tls_server_config` to a rustls server configuration.
//!
//! rustls leaves out what is broken or insecure. What the file asks for and cannot get is an error,
//! never silently something weaker.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use super::client_auth::{ClientVerifier, client_verifier};
use super::config_file::TlsFields;
use super::config_section::redacted_preview;
use super::pem::{Pem, certificates, path_of, private_key};
use super::validity::Validity;

/// TLS as it is served.
pub(super) struct Tls {
    pub(super) config: Arc<ServerConfig>,
    /// Checks the certificates of clients; none if clients are not asked for one.
    pub(super) client_verifier: Option<Arc<ClientVerifier>>,
    /// Of the server's own certificate, if it can be read.
    pub(super) validity: Option<Validity>,
}

/// Builds the configuration, or notes all errors and returns none.
pub(super) fn build(fields: &TlsFields, errors: &mut Vec<String>) -> Option<Tls> {
    let earlier_errors = errors.len();
    let versions = versions(fields, errors);
    let provider = Arc::new(CryptoProvider {
        cipher_suites: cipher_suites(&fields.cipher_suites, errors),
        kx_groups: curves(&fields.curve_preferences, errors),
        ..ring::default_provider()
    });
    let chain = certificates("cert", fields.cert.as_ref(), errors);
    let key = private_key(fields.key.as_ref(), errors);
    let client_verifier = client_verifier(fields, &provider, errors);
    let (Some(chain), Some(key), true) = (chain, key, errors.len() == earlier_errors) else {
        return None;
    };
    let validity = Validity::of(&chain);
    let config = check_cipher_suites(&provider, &versions, &key, fields).and_then(|()| {
        server_config(
            fields,
            provider,
            &versions,
            client_verifier.clone(),
            chain,
            key,
        )
    });
    match config {
        Ok(config) => Some(Tls {
            config: Arc::new(config),
            client_verifier,
            validity,
        }),
        Err(error) => {
            errors.push(error);
            None
        }
    }
}

fn server_config(
    fields: &TlsFields,
    provider: Arc<CryptoProvider>,
    versions: &[&'static SupportedProtocolVersion],
    client_verifier: Option<Arc<ClientVerifier>>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, String> {
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| format!("tls_server_config: {}", error_text(&error)))?;
    let builder = match client_verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| {
        let path = path_of("cert", fields.cert.as_ref());
        format!("{path}: cannot be used: {}", error_text(&error))
    })?;
    config.ignore_client_order = fields.prefer_server_cipher_suites.unwrap_or(true);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Checks that any handshake can succeed: a suite of TLS 1.2 works with one type of key only.
fn check_cipher_suites(
    provider: &CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
    key: &PrivateKeyDer<'static>,
    fields: &TlsFields,
) -> Result<(), String> {
    let Ok(key) = provider.key_provider.load_private_key(key.clone_key()) else {
        let path = path_of("key", fields.key.as_ref());
        return Err(format!(
            "{path}: expected a private key of RSA with at least 2048 bits, ECDSA with P-256 or \
             P-384, or Ed25519, found another"
        ));
    };
    let works = |suite: &SupportedCipherSuite| {
        versions.contains(&suite.version()) && suite.usable_for_signature_algorithm(key.algorithm())
    };
    if provider.cipher_suites.iter().any(works) {
        return Ok(());
    }
    Err(format!(
        "tls_server_config.cipher_suites: none of them works with TLS12, the only version that \
         max_version allows, and a key of type {:?}; remove cipher_suites or max_version",
        key.algorithm()
    ))
}

/// The text of a rustls error for the author of the file: rustls calls the server's own certificate
/// the peer's, and some errors unexpected.
fn error_text(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => "certificate and key do not match".to_owned(),
        rustls::Error::InvalidCertificate(reason) => format!("invalid certificate: {reason:?}"),
        rustls::Error::General(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The files that the configuration is built from.
pub(super) fn files(fields: &TlsFields) -> impl Iterator<Item = &Path> {
    [&fields.cert, &fields.key, &fields.client_ca]
        .into_iter()
        .filter_map(|pem| match pem {
            Some(Pem::File(path)) => Some(path.as_path()),
            Some(Pem::Inline(_)) | None => None,
        })
}

/// Versions of TLS, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum TlsVersion {
    Tls12,
    Tls13,
}

fn versions(
    fields: &TlsFields,
    errors: &mut Vec<String>,
) -> Vec<&'static SupportedProtocolVersion> {
    let min = version("min_version", fields.min_version.as_deref(), errors);
    let max = version("max_version", fields.max_version.as_deref(), errors);
    let (min, max) = (
        min.unwrap_or(TlsVersion::Tls12),
        max.unwrap_or(TlsVersion::Tls13),
    );
    if min > max {
        errors.push("tls_server_config.min_version: TLS13 is above max_version TLS12".to_owned());
    }
    [(TlsVersion::Tls12, &TLS12), (TlsVersion::Tls13, &TLS13)]
        .into_iter()
        .filter(|(version, _)| (min..=max).contains(version))
        .map(|(_, version)| version)
        .collect()
}

fn version(key: &str, text: Option<&str>, errors: &mut Vec<String>) -> Option<TlsVersion> {
    let insecure = match text? {
        "TLS12" => return Some(TlsVersion::Tls12),
        "TLS13" => return Some(TlsVersion::Tls13),
        "TLS10" | "TLS11" => ", which is insecure",
        _ => "",
    };
    let found = redacted_preview(text?);
    errors.push(format!(
        "tls_server_config.{key}: expected TLS12 or TLS13, found {found}{insecure}"
    ));
    None
}

/// The suites in the order given. As in Go, the list applies to TLS 1.2; those of TLS 1.3 are always
/// enabled.
fn cipher_suites(names: &[String], errors: &mut Vec<String>) -> Vec<SupportedCipherSuite> {
    let all = ring::ALL_CIPHER_SUITES;
    if names.is_empty() {
        return all.to_vec();
    }
    let tls13 = all.iter().filter(|suite| suite.tls13().is_some());
    let mut chosen: Vec<_> = tls13.copied().collect();
    for (index, name) in names.iter().enumerate() {
        match all.iter().find(|suite| go_name(suite) == *name) {
            Some(suite) if chosen.contains(suite) => {}
            Some(suite) => chosen.push(*suite),
            None => {
                let supported: Vec<_> = all.iter().map(go_name).collect();
                errors.push(format!(
                    "tls_server_config.cipher_suites[{index}]: expected one of {}, found {}",
                    supported.join(", "),
                    redacted_preview(name)
                ));
            }
        }
    }
    chosen
}

/// The name of a suite in Go and so in the toolkit: TLS_AES_… where rustls has TLS13_AES_….
fn go_name(suite: &SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1)
}

fn curves(names: &[String], errors: &mut Vec<String>) -> Vec<&'static dyn SupportedKxGroup> {
    if names.is_empty() {
        return ring::default_provider().kx_groups;
    }
    let mut chosen = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match name.as_str() {
            "X25519" => chosen.push(ring::kx_group::X25519),
            "CurveP256" => chosen.push(ring::kx_group::SECP256R1),
            "CurveP384" => chosen.push(ring::kx_group::SECP384R1),
            _ => errors.push(format!(
                "tls_server_config.curve_preferences[{index}]: expected X25519, CurveP256 or \
                 CurveP384, found {}",
                redacted_preview(name)
            )),
        }
    }
    chosen
}

#[cfg(test)]
mod tests;
