//! OAuth 1.0 (RFC 5849) with HMAC-SHA1, as a server checks it: the signature over method, URL and
//! every parameter, the timestamp, and that no nonce comes twice.
//!
//! Written from the RFC and not from the client, so that one misreading cannot hide in both.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// How far a timestamp may be from the clock, in seconds.
const TOLERANCE: u64 = 300;
/// How many nonces are remembered.
const REMEMBERED: usize = 10_000;
/// Longest header that is looked at, in bytes.
const LONGEST_HEADER: usize = 4096;

/// The key that is accepted.
pub(crate) struct Key<'a> {
    pub(crate) app_key: &'a str,
    pub(crate) app_secret: &'a str,
    pub(crate) access_token: &'a str,
    pub(crate) access_token_secret: &'a str,
}

/// The request that was signed.
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    /// `Host`, as it was sent.
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    /// As it was sent, without the question mark.
    pub(crate) query: &'a str,
}

/// Timestamps and nonces that were used.
#[derive(Default)]
pub(crate) struct Nonces(Mutex<Used>);

#[derive(Default)]
struct Used {
    known: HashSet<String>,
    order: VecDeque<String>,
}

impl Nonces {
    /// Takes note of one; false when it was there already.
    fn first_use(&self, once: String) -> bool {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !used.known.insert(once.clone()) {
            return false;
        }
        used.order.push_back(once);
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
pub(crate) fn parameters(header: &str) -> Option<BTreeMap<String, String>> {
    let (scheme, rest) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("oauth") || header.len() > LONGEST_HEADER {
        return None;
    }
    let mut found = BTreeMap::new();
    for part in rest.split(',') {
        let (name, value) = part.trim().split_once('=')?;
        let value = value.strip_prefix('"')?.strip_suffix('"')?;
        let name = decoded(name, false)?;
        if found.insert(name, decoded(value, false)?).is_some() {
            return None;
        }
    }
    Some(found)
}

/// Checks a request; `now` is in seconds since the epoch.
///
/// # Errors
/// What is wrong with it, in words for the one who wrote the client.
pub(crate) fn check(
    header: &str,
    request: &Signed<'_>,
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
    // Whoever stands between may have taken TLS off.
    let mut schemes = ["http", "https"].into_iter();
    let fits = |scheme| {
        let base = base_string(scheme, request, &given)?;
        Some(sign(&base, key)? == signature)
    };
    if !schemes.any(|scheme| fits(scheme) == Some(true)) {
        return Err("signature_invalid");
    }
    if !nonces.first_use(format!("{timestamp} {nonce}")) {
        return Err("nonce_used");
    }
    Ok(())
}

/// Section 3.4.1 of the RFC.
fn base_string(
    scheme: &str,
    request: &Signed<'_>,
    protocol: &BTreeMap<String, String>,
) -> Option<String> {
    let mut all: Vec<(String, String)> = Vec::new();
    for pair in request.query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        all.push((
            encoded(&decoded(name, true)?),
            encoded(&decoded(value, true)?),
        ));
    }
    let protocol = protocol
        .iter()
        .filter(|(name, _)| *name != "oauth_signature" && *name != "realm");
    all.extend(protocol.map(|(name, value)| (encoded(name), encoded(value))));
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
        encoded(&uri),
        encoded(&pairs.join("&")),
    ];
    Some(parts.join("&"))
}

/// Section 3.4.2.
fn sign(base: &str, key: &Key<'_>) -> Option<String> {
    let secret = format!(
        "{}&{}",
        encoded(key.app_secret),
        encoded(key.access_token_secret)
    );
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(base.as_bytes());
    Some(STANDARD.encode(mac.finalize().into_bytes()))
}

/// Section 3.6: everything but letters, digits and `-._~`.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Undoes percent-encoding; in a query, `plus` is a space, too. `None` for what is no encoding.
fn decoded(text: &str, plus: bool) -> Option<String> {
    let (mut out, mut bytes) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            b'+' if plus => b' ',
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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

    const REQUEST: Signed<'_> = Signed {
        method: "GET",
        host: "photos.example.net",
        path: "/photos",
        query: "file=vacation.jpg&size=original",
    };

    fn checked(header: &str, request: &Signed<'_>) -> Result<(), &'static str> {
        check(header, request, &KEY, &Nonces::default(), 137_131_202)
    }

    #[test]
    fn the_example_of_the_rfc_is_accepted_once() {
        let nonces = Nonces::default();
        let once = || check(HEADER, &REQUEST, &KEY, &nonces, 137_131_500);
        assert_eq!(once(), Ok(()));
        assert_eq!(once(), Err("nonce_used"));
        let late = check(HEADER, &REQUEST, &KEY, &Nonces::default(), 137_131_503);
        assert_eq!(late, Err("timestamp_refused"));
    }

    #[test]
    fn whatever_is_changed_is_noticed() {
        assert_eq!(checked(HEADER, &REQUEST), Ok(()));
        for (from, to, expected) in [
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
        ] {
            let header = HEADER.replace(from, to);
            assert_ne!(header, HEADER);
            assert_eq!(checked(&header, &REQUEST), Err(expected), "{from}");
        }
        for request in [
            Signed {
                method: "POST",
                ..REQUEST
            },
            Signed {
                host: "photos.example.org",
                ..REQUEST
            },
            Signed {
                path: "/photo",
                ..REQUEST
            },
            Signed {
                query: "file=vacation.jpg",
                ..REQUEST
            },
            Signed {
                query: "file=vacation.jpg&size=original&v=1",
                ..REQUEST
            },
        ] {
            assert_eq!(checked(HEADER, &request), Err("signature_invalid"));
        }
        let host = "PHOTOS.example.net:80";
        assert_eq!(checked(HEADER, &Signed { host, ..REQUEST }), Ok(()));
    }

    #[test]
    fn section_3_4_1_with_the_form_in_the_query() {
        let header = "OAuth realm=\"Example\", oauth_consumer_key=\"9djdj82h48djs9d2\", \
            oauth_token=\"kkk9d7dh3k39sjv7\", oauth_signature_method=\"HMAC-SHA1\", \
            oauth_timestamp=\"137131201\", oauth_nonce=\"7d8f3e4a\", \
            oauth_signature=\"bYT5CMsGcbgUdFHObYMEfcx6bsw%3D\"";
        let request = Signed {
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
    fn nonsense_is_refused() {
        for header in [
            "",
            "OAuth",
            "OAuth ",
            "OAuth x",
            "OAuth a=b",
            "OAuth a=\"%\"",
            "OAuth a=\"%zz\"",
            "OAuth a=\"\", a=\"\"",
            "OAuth a=\"%ff\"",
        ] {
            assert!(parameters(header).is_none(), "{header}");
        }
        assert!(parameters(&format!("OAuth a=\"{}\"", "x".repeat(5000))).is_none());
        let bad_query = Signed {
            query: "a=%f",
            ..REQUEST
        };
        assert_eq!(checked(HEADER, &bad_query), Err("signature_invalid"));
    }
}
