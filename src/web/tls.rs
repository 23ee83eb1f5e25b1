//! From `tls_server_config` to a rustls server configuration.
//!
//! rustls leaves out what is broken or insecure; what the file asks for and cannot get is a mistake
//! that says so, never silently something weaker.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::pki_types::PrivateKeyDer;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use super::client_auth::{Clients, verifier};
use super::config_file::TlsFields;
use super::config_section::shown;
use super::pem::{Pem, certificates, place, private_key};
use super::validity::Validity;

/// TLS as it is served.
pub(super) struct Tls {
    pub(super) config: Arc<ServerConfig>,
    /// What clients have to show of certificates; nothing when none is asked for.
    pub(super) clients: Option<Arc<Clients>>,
    /// That of the server's own certificate, when it can be read.
    pub(super) validity: Option<Validity>,
}

/// Builds the configuration, or pushes every mistake and returns nothing.
pub(super) fn build(fields: &TlsFields, mistakes: &mut Vec<String>) -> Option<Tls> {
    let before = mistakes.len();
    let versions = versions(fields, mistakes);
    let provider = Arc::new(CryptoProvider {
        cipher_suites: cipher_suites(&fields.cipher_suites, mistakes),
        kx_groups: curves(&fields.curve_preferences, mistakes),
        ..ring::default_provider()
    });
    let chain = certificates("cert", fields.cert.as_ref(), mistakes);
    let key = private_key(fields.key.as_ref(), mistakes);
    let verifier = verifier(fields, &provider, mistakes);
    let (Some(chain), Some(key), true) = (chain, key, mistakes.len() == before) else {
        return None;
    };
    let key_place = place("key", fields.key.as_ref());
    if let Err(mistake) = some_suite_fits(&provider, &versions, &key, &key_place) {
        mistakes.push(mistake);
        return None;
    }
    let validity = Validity::of(&chain);
    let clients = verifier.clone();
    let built = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|error| format!("tls_server_config: {}", reason(&error)))
        .and_then(|builder| {
            let builder = match verifier {
                Some(verifier) => builder.with_client_cert_verifier(verifier),
                None => builder.with_no_client_auth(),
            };
            let place = place("cert", fields.cert.as_ref());
            builder
                .with_single_cert(chain, key)
                .map_err(|error| format!("{place}: cannot be used: {}", reason(&error)))
        });
    match built {
        Ok(mut config) => {
            config.ignore_client_order = fields.prefer_server_cipher_suites.unwrap_or(true);
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Some(Tls {
                config: Arc::new(config),
                clients,
                validity,
            })
        }
        Err(mistake) => {
            mistakes.push(mistake);
            None
        }
    }
}

/// Whether any handshake can succeed: suites of TLS 1.2 are made for one kind of key each.
fn some_suite_fits(
    provider: &CryptoProvider,
    versions: &[&SupportedProtocolVersion],
    key: &PrivateKeyDer<'static>,
    key_place: &str,
) -> Result<(), String> {
    let Ok(key) = provider.key_provider.load_private_key(key.clone_key()) else {
        return Err(format!(
            "{key_place}: is no key that can be used; allowed are RSA from 2048 bits on, ECDSA with \
             P-256 or P-384, and Ed25519"
        ));
    };
    let fits = |suite: &SupportedCipherSuite| {
        versions.contains(&suite.version()) && suite.usable_for_signature_algorithm(key.algorithm())
    };
    if provider.cipher_suites.iter().any(fits) {
        return Ok(());
    }
    Err(format!(
        "tls_server_config.cipher_suites: none of them is for TLS12, the only version that \
         max_version leaves, and a key of the type {:?}; leave cipher_suites out, or max_version",
        key.algorithm()
    ))
}

/// What rustls means, for somebody who has written a file: it calls our own certificate the
/// peer's, and some mistakes unexpected errors.
fn reason(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => "certificate and key do not fit".to_owned(),
        rustls::Error::InvalidCertificate(why) => format!("the certificate is wrong: {why:?}"),
        rustls::Error::General(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The files that the configuration was, or would be, built from.
pub(super) fn files(fields: &TlsFields) -> impl Iterator<Item = &Path> {
    [&fields.cert, &fields.key, &fields.client_ca]
        .into_iter()
        .filter_map(|pem| match pem {
            Some(Pem::File(path)) => Some(path.as_path()),
            Some(Pem::Inline(_)) | None => None,
        })
}

fn versions(
    fields: &TlsFields,
    mistakes: &mut Vec<String>,
) -> Vec<&'static SupportedProtocolVersion> {
    let mut rank = |key: &str, text: Option<&String>, default| match text.map(String::as_str) {
        None => default,
        Some("TLS12") => 12,
        Some("TLS13") => 13,
        Some(text) => {
            let why = match text {
                "TLS10" | "TLS11" => "is insecure and not supported",
                _ => "is not known",
            };
            mistakes.push(format!(
                "tls_server_config.{key}: {} {why}; allowed are TLS12 and TLS13",
                shown(text)
            ));
            default
        }
    };
    let least = rank("min_version", fields.min_version.as_ref(), 12);
    let most = rank("max_version", fields.max_version.as_ref(), 13);
    if least > most {
        mistakes.push(
            "tls_server_config.min_version: TLS13 is above max_version TLS12; no version is left"
                .to_owned(),
        );
    }
    [(12, &TLS12), (13, &TLS13)]
        .into_iter()
        .filter(|(rank, _)| (least..=most).contains(rank))
        .map(|(_, version)| version)
        .collect()
}

/// The suites in the order given. As in Go, the list concerns TLS 1.2; those of TLS 1.3 are always
/// there.
fn cipher_suites(names: &[String], mistakes: &mut Vec<String>) -> Vec<SupportedCipherSuite> {
    let all = ring::ALL_CIPHER_SUITES;
    if names.is_empty() {
        return all.to_vec();
    }
    // rustls writes TLS13_AES_…, the toolkit TLS_AES_…
    let go_name =
        |suite: &SupportedCipherSuite| format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1);
    let is_tls13 = |suite: &SupportedCipherSuite| suite.tls13().is_some();
    let mut chosen: Vec<_> = all.iter().copied().filter(is_tls13).collect();
    for (index, name) in names.iter().enumerate() {
        match all.iter().find(|suite| go_name(suite) == *name) {
            Some(suite) if chosen.contains(suite) => {}
            Some(suite) => chosen.push(*suite),
            None => {
                let known: Vec<_> = all.iter().map(go_name).collect();
                mistakes.push(format!(
                    "tls_server_config.cipher_suites[{index}]: {} is not supported; allowed \
                     are {}",
                    shown(name),
                    known.join(", ")
                ));
            }
        }
    }
    chosen
}

fn curves(names: &[String], mistakes: &mut Vec<String>) -> Vec<&'static dyn SupportedKxGroup> {
    if names.is_empty() {
        return ring::default_provider().kx_groups;
    }
    let mut chosen = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match name.as_str() {
            "X25519" => chosen.push(ring::kx_group::X25519),
            "CurveP256" => chosen.push(ring::kx_group::SECP256R1),
            "CurveP384" => chosen.push(ring::kx_group::SECP384R1),
            _ => mistakes.push(format!(
                "tls_server_config.curve_preferences[{index}]: {} is not supported; allowed \
                 are X25519, CurveP256 and CurveP384",
                shown(name)
            )),
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    fn inline(text: String) -> Option<Pem> {
        Some(Pem::Inline(text.into()))
    }

    fn pair() -> TlsFields {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        TlsFields {
            cert: inline(cert.pem()),
            key: inline(signing_key.serialize_pem()),
            ..TlsFields::default()
        }
    }

    fn built(fields: &TlsFields) -> Result<Arc<ServerConfig>, Vec<String>> {
        let mut mistakes = Vec::new();
        let tls = build(fields, &mut mistakes).ok_or(mistakes)?;
        Ok(tls.config)
    }

    #[test]
    fn names_of_go_are_understood() {
        let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
        let mut fields = pair();
        fields.cipher_suites = names(&[
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            "TLS_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ]);
        fields.curve_preferences = names(&["CurveP384", "X25519"]);
        fields.prefer_server_cipher_suites = Some(false);
        let config = built(&fields).unwrap();
        let suites = &config.crypto_provider().cipher_suites;
        assert_eq!(suites.len(), 3 + 2);
        assert!(suites[..3].iter().all(|suite| suite.tls13().is_some()));
        assert_eq!(
            suites[3],
            ring::cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        );
        assert_eq!(config.crypto_provider().kx_groups.len(), 2);
        assert!(!config.ignore_client_order);
    }

    #[test]
    fn what_cannot_be_had_is_refused() {
        let text = |text: &str| Some(text.to_owned());
        let fields = TlsFields {
            cert: Some(Pem::File("/nonexistent/a.crt".into())),
            key: inline("hush".to_owned()),
            client_auth_type: text("VerifyAll"),
            client_allowed_sans: Some(Vec::new()),
            min_version: text("TLS10"),
            max_version: text("TLS14"),
            cipher_suites: vec!["TLS_RSA_WITH_AES_128_CBC_SHA".to_owned()],
            curve_preferences: vec!["CurveP521".to_owned()],
            ..TlsFields::default()
        };
        let mistakes = built(&fields).unwrap_err();
        for start in [
            "min_version: TLS10 is insecure",
            "max_version: TLS14 is not known",
            "cipher_suites[0]: TLS_RSA_WITH_AES_128_CBC_SHA is not supported",
            "curve_preferences[0]: CurveP521 is not supported",
            "cert_file: /nonexistent/a.crt does not exist",
            "key: holds no PEM private key",
            "client_auth_type: VerifyAll is not known",
        ] {
            let start = format!("tls_server_config.{start}");
            let found = mistakes.iter().any(|mistake| mistake.starts_with(&start));
            assert!(found, "{start} is not in {mistakes:#?}");
        }
        assert_eq!(mistakes.len(), 7, "{mistakes:#?}");
        assert!(!mistakes.concat().contains("hush"));
    }

    #[test]
    fn halves_that_do_not_fit() {
        let mut fields = pair();
        fields.key = pair().key;
        let mistakes = built(&fields).unwrap_err();
        assert!(mistakes[0].contains("do not fit"), "{mistakes:?}");

        let mut fields = pair();
        fields.min_version = Some("TLS13".to_owned());
        fields.max_version = Some("TLS12".to_owned());
        fields.client_ca = pair().cert;
        let mistakes = built(&fields).unwrap_err();
        assert_eq!(mistakes.len(), 2, "{mistakes:?}");

        let mistakes = built(&TlsFields {
            client_auth_type: Some("RequireAnyClientCert".to_owned()),
            ..TlsFields::default()
        })
        .unwrap_err();
        assert_eq!(mistakes.len(), 2, "cert and key: {mistakes:?}");
    }

    #[test]
    fn suites_that_fit_no_handshake_are_refused_in_the_words_of_the_file() {
        for suite in [
            "TLS_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        ] {
            let mut fields = pair();
            fields.cipher_suites = vec![suite.to_owned()];
            assert!(built(&fields).is_ok(), "{suite}: TLS 1.3 is left");
            fields.max_version = Some("TLS12".to_owned());
            let mistakes = built(&fields).unwrap_err();
            let wanted = "tls_server_config.cipher_suites: none of them is for TLS12";
            assert!(mistakes[0].starts_with(wanted), "{suite}: {mistakes:?}");
        }
    }

    #[test]
    fn certificates_and_keys_that_are_none_are_told_of_in_plain_words() {
        let pem = |label: &str| {
            inline(format!(
                "-----BEGIN {label}-----\naGVsbG8=\n-----END {label}-----\n"
            ))
        };
        let no_key = TlsFields {
            key: pem("PRIVATE KEY"),
            ..pair()
        };
        let no_certificate = TlsFields {
            cert: pem("CERTIFICATE"),
            ..pair()
        };
        let no_authority = TlsFields {
            client_ca: pem("CERTIFICATE"),
            client_auth_type: Some("RequireAndVerifyClientCert".to_owned()),
            ..pair()
        };
        for (fields, wanted) in [
            (no_key, "tls_server_config.key: is no key that can be used"),
            (no_certificate, "tls_server_config.cert: cannot be used: "),
            (no_authority, "tls_server_config.client_ca: certificate 1 "),
        ] {
            let mistakes = built(&fields).unwrap_err();
            assert!(mistakes[0].starts_with(wanted), "{mistakes:?}");
            for odd in ["unexpected", "peer", "webpki"] {
                assert!(!mistakes[0].contains(odd), "{mistakes:?}");
            }
        }
    }

    #[test]
    fn allowed_names_need_a_client_that_must_show_a_certificate() {
        for (policy, fine) in [
            (None, false),
            (Some("NoClientCert"), false),
            (Some("RequestClientCert"), false),
            (Some("VerifyClientCertIfGiven"), false),
            (Some("RequireAnyClientCert"), true),
            (Some("RequireClientCert"), true),
            (Some("RequireAndVerifyClientCert"), true),
        ] {
            let mut fields = pair();
            fields.client_allowed_sans = Some(vec!["a".to_owned()]);
            fields.client_auth_type = policy.map(str::to_owned);
            if policy == Some("RequireAndVerifyClientCert") {
                fields.client_ca = pair().cert;
            }
            let built = built(&fields);
            assert_eq!(built.is_ok(), fine, "{policy:?}: {:?}", built.err());
        }
    }
}
