//! OAuth 1.0 signatures, RFC 5849 with HMAC-SHA1.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::zeroize::Zeroizing;
use sha1::Sha1;
use url::Url;

use crate::liveperson::paths::percent_encode;

/// The four parts of an API key.
pub(in crate::liveperson) struct Key<'a> {
    pub(in crate::liveperson) consumer_key: &'a str,
    pub(in crate::liveperson) consumer_secret: &'a str,
    pub(in crate::liveperson) token: &'a str,
    pub(in crate::liveperson) token_secret: &'a str,
}

/// What makes each signature a different one.
pub(in crate::liveperson) struct RequestStamp {
    pub(in crate::liveperson) nonce: String,
    /// Seconds since the epoch.
    pub(in crate::liveperson) timestamp: u64,
}

impl RequestStamp {
    /// A stamp for a request that is sent `now`.
    pub(in crate::liveperson) fn new(now: SystemTime) -> Self {
        Self {
            // A nonce has to be unique, not secret; some servers take at most 30 characters.
            nonce: format!("{:030x}", fastrand::u128(..) >> 8),
            timestamp: now
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
        }
    }
}

/// An `Authorization` header and the signature in it.
pub(in crate::liveperson) struct Signed {
    /// Holds the token, and is wiped.
    pub(in crate::liveperson) header: Zeroizing<Vec<u8>>,
    pub(in crate::liveperson) signature: String,
}

/// Signs a request without a form body.
pub(in crate::liveperson) fn sign(
    method: &str,
    url: &Url,
    key: &Key<'_>,
    stamp: &RequestStamp,
) -> Signed {
    let timestamp = stamp.timestamp.to_string();
    let protocol = [
        ("oauth_consumer_key", key.consumer_key),
        ("oauth_token", key.token),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", &timestamp),
        ("oauth_nonce", &stamp.nonce),
        ("oauth_version", "1.0"),
    ];
    let base = base_string(method, url, &protocol);
    let signature = signature(&base, key.consumer_secret, key.token_secret);
    let mut header = Zeroizing::new(b"OAuth ".to_vec());
    // Large enough for all of it: growing would leave copies of the token behind.
    let longest = |(name, value): &(&str, &str)| name.len() + 3 * value.len() + 5;
    header.reserve_exact(protocol.iter().map(longest).sum::<usize>() + 3 * signature.len() + 32);
    for (name, value) in protocol {
        let value = Zeroizing::new(percent_encode(value));
        for part in [name, "=\"", value.as_str(), "\", "] {
            header.extend_from_slice(part.as_bytes());
        }
    }
    let last = format!("oauth_signature=\"{}\"", percent_encode(&signature));
    header.extend_from_slice(last.as_bytes());
    Signed { header, signature }
}

/// Section 3.4.1: method, URL without query, and all parameters in order.
fn base_string(method: &str, url: &Url, protocol: &[(&str, &str)]) -> String {
    let mut bare = url.clone();
    bare.set_query(None);
    bare.set_fragment(None);
    let mut parameters: Vec<(String, String)> = url
        .query_pairs()
        .map(|(name, value)| (percent_encode(&name), percent_encode(&value)))
        .collect();
    for (name, value) in protocol {
        parameters.push((percent_encode(name), percent_encode(value)));
    }
    parameters.sort();
    let parameters: Vec<String> = parameters
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!(
        "{method}&{}&{}",
        percent_encode(bare.as_str()),
        percent_encode(&parameters.join("&"))
    )
}

/// Section 3.4.2.
fn signature(base: &str, consumer_secret: &str, token_secret: &str) -> String {
    let encoded = [consumer_secret, token_secret].map(|part| Zeroizing::new(percent_encode(part)));
    let key = Zeroizing::new(format!("{}&{}", *encoded[0], *encoded[1]));
    match Hmac::<Sha1>::new_from_slice(key.as_bytes()) {
        Ok(mut mac) => {
            mac.update(base.as_bytes());
            STANDARD.encode(mac.finalize().into_bytes())
        }
        // HMAC takes keys of any length; an empty signature would simply be refused.
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHOTOS_SECRET: &str = "kd94hf93k423kf44";

    #[test]
    fn rfc_5849_section_1_2_temporary_credentials() {
        let url = Url::parse("https://photos.example.net/initiate").unwrap();
        let base = base_string(
            "POST",
            &url,
            &[
                ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
                ("oauth_signature_method", "HMAC-SHA1"),
                ("oauth_timestamp", "137131200"),
                ("oauth_nonce", "wIjqoS"),
                ("oauth_callback", "http://printer.example.com/ready"),
            ],
        );
        let signature = signature(&base, PHOTOS_SECRET, "");
        assert_eq!(signature, "74KNZJeDHnMBp0EMJ9ZHt/XKycU=");
    }

    #[test]
    fn rfc_5849_section_1_2_protected_resource() {
        let url = Url::parse("http://photos.example.net/photos?file=vacation.jpg&size=original");
        let base = base_string(
            "GET",
            &url.unwrap(),
            &[
                ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
                ("oauth_token", "nnch734d00sl2jdk"),
                ("oauth_signature_method", "HMAC-SHA1"),
                ("oauth_timestamp", "137131202"),
                ("oauth_nonce", "chapoH"),
            ],
        );
        let signature = signature(&base, PHOTOS_SECRET, "pfkkdhi9sl3r4s00");
        assert_eq!(signature, "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
    }

    #[test]
    fn rfc_5849_section_3_4_1_base_string() {
        // The form body of the example stands in the query: the base string is the same.
        let url = "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b&c2&a3=2+q";
        let base = base_string(
            "POST",
            &Url::parse(url).unwrap(),
            &[
                ("oauth_consumer_key", "9djdj82h48djs9d2"),
                ("oauth_token", "kkk9d7dh3k39sjv7"),
                ("oauth_signature_method", "HMAC-SHA1"),
                ("oauth_timestamp", "137131201"),
                ("oauth_nonce", "7d8f3e4a"),
            ],
        );
        assert_eq!(
            base,
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D\
             %253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce\
             %3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26\
             oauth_token%3Dkkk9d7dh3k39sjv7"
        );
        assert_eq!(
            signature(&base, "j49sk3j29djd", "dh893hdasih9"),
            "r6/TJjbCOr97/+UU0NsvSne7s5g="
        );
    }

    #[test]
    fn a_call_is_signed_with_its_commas() {
        let key = Key {
            consumer_key: "app key",
            consumer_secret: "s&1",
            token: "tok+en",
            token_secret: "s/2",
        };
        let stamp = RequestStamp {
            nonce: "n".to_owned(),
            timestamp: 7,
        };
        let url = Url::parse("http://127.0.0.1:81/x/engactivity?timeframe=5&skillIds=4,15&v=1");
        let signed = sign("GET", &url.unwrap(), &key, &stamp);
        let base = "GET&http%3A%2F%2F127.0.0.1%3A81%2Fx%2Fengactivity&oauth_consumer_key%3Dapp%2520key\
            %26oauth_nonce%3Dn%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D7\
            %26oauth_token%3Dtok%252Ben%26oauth_version%3D1.0%26skillIds%3D4%252C15%26timeframe%3D5%26v%3D1";
        assert_eq!(signed.signature, signature(base, "s&1", "s/2"));
        assert_eq!(
            String::from_utf8(signed.header.to_vec()).unwrap(),
            format!(
                "OAuth oauth_consumer_key=\"app%20key\", oauth_token=\"tok%2Ben\", \
                 oauth_signature_method=\"HMAC-SHA1\", oauth_timestamp=\"7\", oauth_nonce=\"n\", \
                 oauth_version=\"1.0\", oauth_signature=\"{}\"",
                percent_encode(&signed.signature)
            )
        );
    }

    #[test]
    fn nonces_differ() {
        let now = UNIX_EPOCH + std::time::Duration::from_millis(1_700_000_000_900);
        let [one, other] = [RequestStamp::new(now), RequestStamp::new(now)];
        assert_ne!(one.nonce, other.nonce);
        assert_eq!((one.nonce.len(), one.timestamp), (30, 1_700_000_000));
    }
}
