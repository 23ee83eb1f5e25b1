//! OAuth 1.0 (RFC 5849) with HMAC-SHA1, as a server checks it: the signature over method, URL and
//! every parameter, the timestamp, and that no nonce comes twice.
//!
//! Written from the RFC and not from the client, so that one misreading cannot hide in both.

use std::collections::{BTreeMap, HashSet, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use parking_lot::Mutex;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha1::Sha1;
use subtle::ConstantTimeEq;

/// How far a timestamp may differ from the clock, in seconds.
const TOLERANCE: u64 = 300;
/// How many nonces are remembered.
const REMEMBERED: usize = 10_000;
/// Longest header that is parsed, in bytes.
const LONGEST_HEADER: usize = 4096;
/// Section 3.6: everything is encoded but letters, digits and `-._~`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The key that is accepted.
pub(super) struct Key<'a> {
    pub(super) app_key: &'a str,
    pub(super) app_secret: &'a str,
    pub(super) access_token: &'a str,
    pub(super) access_token_secret: &'a str,
}

/// The request that was signed.
#[cfg_attr(test, derive(Debug))]
pub(crate) struct SignedRequest<'a> {
    pub(crate) method: &'a str,
    /// `Host`, as it was sent.
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    /// As it was sent, without the question mark.
    pub(crate) query: &'a str,
}

/// The pairs of timestamp and nonce that were used. The lock is held to look one up and add it.
#[derive(Default)]
pub(super) struct Nonces(Mutex<UsedNonces>);

#[derive(Default)]
struct UsedNonces {
    known: HashSet<String>,
    /// The same, oldest first.
    order: VecDeque<String>,
}

impl Nonces {
    /// Records one; false when it was used before.
    fn is_first_use(&self, nonce: String) -> bool {
        let mut used = self.0.lock();
        if !used.known.insert(nonce.clone()) {
            return false;
        }
        used.order.push_back(nonce);
        if used.order.len() > REMEMBERED
            && let Some(oldest) = used.order.pop_front()
        {
            used.known.remove(&oldest);
        }
        true
    }
}

/// The protocol parameters of an `Authorization` header, decoded; `None` when it is not one of
/// OAuth 1.0.
pub(super) fn parameters(header: &str) -> Option<BTreeMap<String, String>> {
    let (scheme, rest) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("oauth") || header.len() > LONGEST_HEADER {
        return None;
    }
    let mut found = BTreeMap::new();
    for part in rest.split(',') {
        let (name, value) = part.trim().split_once('=')?;
        let value = value.strip_prefix('"')?.strip_suffix('"')?;
        let name = decode(name)?;
        if found.insert(name, decode(value)?).is_some() {
            return None;
        }
    }
    Some(found)
}

/// Checks a request; `now` is in seconds since the epoch.
///
/// # Errors
/// What is wrong with it, for the developer of the client.
pub(super) fn check(
    header: &str,
    request: &SignedRequest<'_>,
    key: &Key<'_>,
    nonces: &Nonces,
    now: u64,
) -> Result<(), &'static str> {
    let given = parameters(header).ok_or("the Authorization header is not one of OAuth 1.0")?;
    let get = |name: &str| given.get(name).map(String::as_str);
    if get("oauth_signature_method") != Some("HMAC-SHA1") {
        return Err("oauth_signature_method must be HMAC-SHA1");
    }
    if !matches!(get("oauth_version"), None | Some("1.0")) {
        return Err("oauth_version must be 1.0");
    }
    if get("oauth_consumer_key") != Some(key.app_key) {
        return Err("consumer_key_unknown");
    }
    if get("oauth_token") != Some(key.access_token) {
        return Err("token_rejected");
    }
    let timestamp = get("oauth_timestamp").and_then(|text| text.parse::<u64>().ok());
    let timestamp = timestamp.ok_or("oauth_timestamp is missing or not a number")?;
    if timestamp.abs_diff(now) > TOLERANCE {
        return Err("timestamp_refused");
    }
    let nonce = get("oauth_nonce").filter(|nonce| !nonce.is_empty());
    let nonce = nonce.ok_or("oauth_nonce is missing")?;
    let signature = get("oauth_signature").ok_or("oauth_signature is missing")?;
    // A proxy in between may have terminated TLS, so both schemes are tried.
    let is_signed_for = |scheme: &str| {
        let base = base_string(scheme, request, &given)?;
        let expected = sign(&base, key)?;
        Some(bool::from(expected.as_bytes().ct_eq(signature.as_bytes())))
    };
    if !["http", "https"].map(is_signed_for).contains(&Some(true)) {
        return Err("signature_invalid");
    }
    if !nonces.is_first_use(format!("{timestamp} {nonce}")) {
        return Err("nonce_used");
    }
    Ok(())
}

/// Section 3.4.1 of the RFC.
fn base_string(
    scheme: &str,
    request: &SignedRequest<'_>,
    protocol: &BTreeMap<String, String>,
) -> Option<String> {
    let mut all: Vec<(String, String)> = Vec::new();
    for pair in request.query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        all.push((encode(&decode_query(name)?), encode(&decode_query(value)?)));
    }
    let protocol = protocol
        .iter()
        .filter(|(name, _)| *name != "oauth_signature" && *name != "realm");
    all.extend(protocol.map(|(name, value)| (encode(name), encode(value))));
    all.sort();
    let pairs: Vec<_> = all
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let default_port = if scheme == "http" { ":80" } else { ":443" };
    let host = request.host.to_ascii_lowercase();
    let host = host.strip_suffix(default_port).unwrap_or(&host);
    let uri = format!("{scheme}://{host}{}", request.path);
    let parts = [
        request.method.to_ascii_uppercase(),
        encode(&uri),
        encode(&pairs.join("&")),
    ];
    Some(parts.join("&"))
}

/// Section 3.4.2.
fn sign(base: &str, key: &Key<'_>) -> Option<String> {
    let secret = format!(
        "{}&{}",
        encode(key.app_secret),
        encode(key.access_token_secret)
    );
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(base.as_bytes());
    Some(STANDARD.encode(mac.finalize().into_bytes()))
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Undoes percent-encoding; `None` when an escape is incomplete or the result is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_escape) {
        return None;
    }
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// The same for a part of a query, in which `+` is a space.
fn decode_query(text: &str) -> Option<String> {
    decode(&text.replace('+', " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    /// The request for a protected resource in section 1.2 of the RFC.
    const HEADER: &str = "OAuth realm=\"Photos\", oauth_consumer_key=\"dpf43f3p2l4k3l03\", \
        oauth_token=\"nnch734d00sl2jdk\", oauth_signature_method=\"HMAC-SHA1\", \
        oauth_timestamp=\"137131202\", oauth_nonce=\"chapoH\", \
        oauth_signature=\"MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D\"";

    const KEY: Key<'_> = Key {
        app_key: "dpf43f3p2l4k3l03",
        app_secret: "kd94hf93k423kf44",
        access_token: "nnch734d00sl2jdk",
        access_token_secret: "pfkkdhi9sl3r4s00",
    };

    const REQUEST: SignedRequest<'_> = SignedRequest {
        method: "GET",
        host: "photos.example.net",
        path: "/photos",
        query: "file=vacation.jpg&size=original",
    };

    fn checked(header: &str, request: &SignedRequest<'_>) -> Result<(), &'static str> {
        check(header, request, &KEY, &Nonces::default(), 137_131_202)
    }

    #[test]
    fn the_rfc_example_is_accepted_once() {
        let nonces = Nonces::default();
        let once = || check(HEADER, &REQUEST, &KEY, &nonces, 137_131_500);
        assert_eq!(once(), Ok(()));
        assert_eq!(once(), Err("nonce_used"));
        let late = check(HEADER, &REQUEST, &KEY, &Nonces::default(), 137_131_503);
        assert_eq!(late, Err("timestamp_refused"));
    }

    #[test]
    fn any_change_of_a_signed_request_is_refused() {
        assert_eq!(checked(HEADER, &REQUEST), Ok(()));
        let cases = [
            ("dpf43f", "xpf43f", "consumer_key_unknown"),
            ("nnch", "mnch", "token_rejected"),
            ("chapoH", "chapoX", "signature_invalid"),
            ("MdpQ", "MdpR", "signature_invalid"),
            ("137131202", "137131203", "signature_invalid"),
            (
                "HMAC-SHA1",
                "PLAINTEXT",
                "oauth_signature_method must be HMAC-SHA1",
            ),
            ("oauth_nonce=\"chapoH\", ", "", "oauth_nonce is missing"),
            (
                "OAuth ",
                "Bearer ",
                "the Authorization header is not one of OAuth 1.0",
            ),
        ];
        check_each(cases, |(from, to, expected)| {
            let header = HEADER.replace(from, to);
            assert_ne!(header, HEADER);
            assert_eq!(checked(&header, &REQUEST), Err(expected), "{from}");
        });
        let cases = [
            SignedRequest {
                method: "POST",
                ..REQUEST
            },
            SignedRequest {
                host: "photos.example.org",
                ..REQUEST
            },
            SignedRequest {
                path: "/photo",
                ..REQUEST
            },
            SignedRequest {
                query: "file=vacation.jpg",
                ..REQUEST
            },
            SignedRequest {
                query: "file=vacation.jpg&size=original&v=1",
                ..REQUEST
            },
        ];
        check_each(cases, |request| {
            assert_eq!(checked(HEADER, &request), Err("signature_invalid"));
        });
        let host = "PHOTOS.example.net:80";
        assert_eq!(checked(HEADER, &SignedRequest { host, ..REQUEST }), Ok(()));
    }

    #[test]
    fn the_base_string_of_section_3_4_1() {
        let header = "OAuth realm=\"Example\", oauth_consumer_key=\"9djdj82h48djs9d2\", \
            oauth_token=\"kkk9d7dh3k39sjv7\", oauth_signature_method=\"HMAC-SHA1\", \
            oauth_timestamp=\"137131201\", oauth_nonce=\"7d8f3e4a\", \
            oauth_signature=\"bYT5CMsGcbgUdFHObYMEfcx6bsw%3D\"";
        let request = SignedRequest {
            method: "post",
            host: "EXAMPLE.COM:80",
            path: "/request",
            query: "b5=%3D%253D&a3=a&c%40=&a2=r%20b&c2&a3=2+q",
        };
        let base = base_string("http", &request, &parameters(header).unwrap()).unwrap();
        assert_eq!(
            base,
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D\
             %253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce\
             %3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26\
             oauth_token%3Dkkk9d7dh3k39sjv7"
        );
    }

    #[test]
    fn malformed_headers_and_queries_are_refused() {
        let cases = [
            "",
            "OAuth",
            "OAuth ",
            "OAuth x",
            "OAuth a=b",
            "OAuth a=\"%\"",
            "OAuth a=\"%zz\"",
            "OAuth a=\"\", a=\"\"",
            "OAuth a=\"%ff\"",
        ];
        check_each(cases, |header| {
            assert!(parameters(header).is_none(), "{header}");
        });
        assert!(parameters(&format!("OAuth a=\"{}\"", "x".repeat(5000))).is_none());
        let bad_query = SignedRequest {
            query: "a=%f",
            ..REQUEST
        };
        assert_eq!(checked(HEADER, &bad_query), Err("signature_invalid"));
    }
}
