//! The proxies that the environment names. The HTTP library ignores one that it cannot use and calls
//! LivePerson directly, which is not what its operator wants.

use std::ffi::OsString;

use hyper::Uri;

/// The variables that the HTTP library reads for calls over HTTPS, the first of each pair that is
/// set being the one that counts.
const PAIRS: [[&str; 2]; 2] = [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]];

/// Makes sure that a proxy which is set can be used.
///
/// # Errors
/// Which variable is wrong and what it should be, without its value, which may hold a password.
pub(super) fn check(variable: impl Fn(&str) -> Option<OsString>) -> Result<(), String> {
    for pair in PAIRS {
        let set = pair.iter().find_map(|name| Some((*name, variable(name)?)));
        let Some((name, value)) = set else { continue };
        if value.is_empty() {
            continue;
        }
        let usable = value.to_str().is_some_and(is_usable);
        if !usable {
            return Err(format!(
                "{name} is not the URL of an HTTP proxy: write it as http://proxy:3128, \
                 http://user:password@proxy:3128 (special characters percent-encoded) or \
                 https://proxy:3129, or unset it. Without it LivePerson would be called directly"
            ));
        }
        // The first of the two hides the other.
        break;
    }
    Ok(())
}

/// The library's own rule, except that it was built without SOCKS and would take such a proxy for
/// one of HTTP.
fn is_usable(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    let scheme = uri.scheme_str().unwrap_or("http");
    let host = uri.host().unwrap_or_default();
    let after_host = uri.authority().map_or("", |all| all.as_str());
    let after_host = after_host.rsplit_once(host).map_or("", |(_, after)| after);
    // A port that is not a number would become the default one without an error.
    let port = after_host.is_empty() || uri.port_u16().is_some();
    matches!(scheme, "http" | "https") && !host.is_empty() && port
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    fn checked(set: &[(&str, &str)]) -> Result<(), String> {
        check(|name| {
            let found = set.iter().find(|(known, _)| *known == name)?;
            Some(found.1.into())
        })
    }

    #[test]
    fn usable_proxies_and_none_at_all() {
        let cases = [
            "",
            "http://proxy:3128",
            "http://proxy:3128/",
            "https://user:p%40ss@proxy.example:3129",
            "proxy:3128",
            "proxy",
            "http://[::1]:3128",
        ];
        check_each(cases, |value| {
            assert_eq!(checked(&[("HTTPS_PROXY", value)]), Ok(()), "{value}");
        });
        assert_eq!(checked(&[]), Ok(()));
    }

    #[test]
    fn an_unusable_proxy_is_named_without_its_password() {
        let cases = [
            "http://",
            "http://user:hunter2@pro xy:3128",
            "socks5://user:hunter2@proxy:1080",
            "ftp://proxy",
            "http://user:hunter2@proxy:port",
            "://proxy",
            "/proxy",
            "http:/proxy:3128",
        ];
        check_each(cases, |value| {
            for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
                let error = checked(&[(name, value)]).expect_err(value);
                assert!(error.starts_with(&format!("{name} is not")), "{error}");
                assert!(!error.contains("hunter2"), "{error}");
            }
        });
    }

    #[test]
    fn the_variable_that_takes_effect_is_checked() {
        let good = ("HTTPS_PROXY", "http://proxy:3128");
        check_each(["https_proxy", "ALL_PROXY", "all_proxy"], |hidden| {
            assert_eq!(checked(&[good, (hidden, "ftp://x")]), Ok(()), "{hidden}");
        });
        let bad = [("https_proxy", "ftp://x"), ("ALL_PROXY", "http://p")];
        assert!(checked(&bad).is_err());
    }
}
