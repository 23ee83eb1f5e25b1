//! Supported and unsupported values of `tls_server_config`.

use rcgen::{CertifiedKey, generate_simple_self_signed};

use super::*;
use crate::cases::check_each;

fn inline(text: String) -> Option<Pem> {
    Some(Pem::Inline(text.into()))
}

fn self_signed() -> TlsFields {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    TlsFields {
        cert: inline(cert.pem()),
        key: inline(signing_key.serialize_pem()),
        ..TlsFields::default()
    }
}

fn built(fields: &TlsFields) -> Result<Arc<ServerConfig>, Vec<String>> {
    let mut errors = Vec::new();
    let tls = build(fields, &mut errors).ok_or(errors)?;
    Ok(tls.config)
}

#[test]
fn names_of_suites_and_curves_are_those_of_go() {
    let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
    let mut fields = self_signed();
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
fn unsupported_values_are_errors() {
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
    let errors = built(&fields).unwrap_err();
    let cases = [
        "min_version: expected TLS12 or TLS13, found TLS10, which is insecure",
        "max_version: expected TLS12 or TLS13, found TLS14",
        "cipher_suites[0]: expected one of TLS_AES_256_GCM_SHA384, ",
        "curve_preferences[0]: expected X25519, CurveP256 or CurveP384, found CurveP521",
        "cert_file: /nonexistent/a.crt does not exist",
        "key: contains no PEM private key",
        "client_auth_type: expected NoClientCert, ",
    ];
    check_each(cases, |start| {
        let start = format!("tls_server_config.{start}");
        let found = errors.iter().any(|error| error.starts_with(&start));
        assert!(found, "{start} is not in {errors:#?}");
    });
    assert_eq!(errors.len(), 7, "{errors:#?}");
    assert!(!errors.concat().contains("hush"));
}

#[test]
fn values_that_contradict_each_other_are_errors() {
    let mut fields = self_signed();
    fields.key = self_signed().key;
    let errors = built(&fields).unwrap_err();
    assert!(errors[0].contains("do not match"), "{errors:?}");

    let mut fields = self_signed();
    fields.min_version = Some("TLS13".to_owned());
    fields.max_version = Some("TLS12".to_owned());
    fields.client_ca = self_signed().cert;
    let errors = built(&fields).unwrap_err();
    assert_eq!(errors.len(), 2, "{errors:?}");

    let errors = built(&TlsFields {
        client_auth_type: Some("RequireAnyClientCert".to_owned()),
        ..TlsFields::default()
    })
    .unwrap_err();
    assert_eq!(errors.len(), 2, "cert and key: {errors:?}");
}

#[test]
fn suites_that_work_in_no_handshake_are_an_error() {
    let cases = [
        "TLS_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    ];
    check_each(cases, |suite| {
        let mut fields = self_signed();
        fields.cipher_suites = vec![suite.to_owned()];
        assert!(built(&fields).is_ok(), "{suite}: TLS 1.3 works");
        fields.max_version = Some("TLS12".to_owned());
        let errors = built(&fields).unwrap_err();
        let start = "tls_server_config.cipher_suites: none of them works with TLS12";
        assert!(errors[0].starts_with(start), "{suite}: {errors:?}");
    });
}

#[test]
fn errors_about_certificates_and_keys_are_in_plain_words() {
    let pem = |label: &str| {
        inline(format!(
            "-----BEGIN {label}-----\naGVsbG8=\n-----END {label}-----\n"
        ))
    };
    let no_key = TlsFields {
        key: pem("PRIVATE KEY"),
        ..self_signed()
    };
    let no_certificate = TlsFields {
        cert: pem("CERTIFICATE"),
        ..self_signed()
    };
    let no_authority = TlsFields {
        client_ca: pem("CERTIFICATE"),
        client_auth_type: Some("RequireAndVerifyClientCert".to_owned()),
        ..self_signed()
    };
    let cases = [
        (no_key, "tls_server_config.key: expected a private key"),
        (no_certificate, "tls_server_config.cert: cannot be used: "),
        (no_authority, "tls_server_config.client_ca: certificate 1 "),
    ];
    // Fields may hold keys and so are never printed.
    let errors = cases.map(|(fields, start)| (built(&fields).unwrap_err(), start));
    check_each(errors, |(errors, start)| {
        assert!(errors[0].starts_with(start), "{errors:?}");
        check_each(["unexpected", "peer", "webpki"], |word| {
            assert!(!errors[0].contains(word), "{errors:?}");
        });
    });
}

#[test]
fn client_allowed_sans_need_a_mandatory_certificate() {
    let cases = [
        (None, false),
        (Some("NoClientCert"), false),
        (Some("RequestClientCert"), false),
        (Some("VerifyClientCertIfGiven"), false),
        (Some("RequireAnyClientCert"), true),
        (Some("RequireClientCert"), true),
        (Some("RequireAndVerifyClientCert"), true),
    ];
    check_each(cases, |(policy, valid)| {
        let mut fields = self_signed();
        fields.client_allowed_sans = Some(vec!["a".to_owned()]);
        fields.client_auth_type = policy.map(str::to_owned);
        if policy == Some("RequireAndVerifyClientCert") {
            fields.client_ca = self_signed().cert;
        }
        let built = built(&fields);
        assert_eq!(built.is_ok(), valid, "{policy:?}: {:?}", built.err());
    });
}
