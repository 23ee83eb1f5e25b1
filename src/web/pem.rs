//! Certificates and keys in PEM, inline or in files. No mistake repeats what a key file holds.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};

use crate::config::read_limited;
use crate::yaml;

/// Longest web configuration, certificate or key file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// PEM text, or where it is.
pub(super) enum Pem {
    /// `x_file`, resolved against the web configuration file's folder.
    File(PathBuf),
    /// `x`.
    Inline(SecretString),
}

/// Reads a regular file that should be small, as text.
pub(super) fn read_small(path: &Path) -> Result<SecretString, String> {
    let content = read_limited(path, MAX_FILE_BYTES)?;
    let text =
        yaml::decode(&content.bytes).map_err(|reason| format!("{} {reason}", path.display()))?;
    Ok(text.to_owned().into())
}

/// Where `pem` stands in the web configuration file.
pub(super) fn place(key: &str, pem: Option<&Pem>) -> String {
    match pem {
        Some(Pem::File(_)) => format!("tls_server_config.{key}_file"),
        Some(Pem::Inline(_)) | None => format!("tls_server_config.{key}"),
    }
}

/// The PEM text of `key` or `key_file`, and its place for messages.
fn pem_text(pem: &Pem, place: &str, mistakes: &mut Vec<String>) -> Option<SecretString> {
    match pem {
        Pem::Inline(text) => Some(text.clone()),
        Pem::File(path) => match read_small(path) {
            Ok(text) => Some(text),
            Err(why) => {
                mistakes.push(format!("{place}: {why}"));
                None
            }
        },
    }
}

/// The certificates of `key` or `key_file`, at least one.
pub(super) fn certificates(
    key: &str,
    pem: Option<&Pem>,
    mistakes: &mut Vec<String>,
) -> Option<Vec<CertificateDer<'static>>> {
    let place = place(key, pem);
    let Some(pem) = pem else {
        mistakes.push(format!("{place}: is missing; give {key} or {key}_file"));
        return None;
    };
    let text = pem_text(pem, &place, mistakes)?;
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(text.expose_secret().as_bytes()).collect();
    match found {
        Ok(chain) if !chain.is_empty() => Some(chain),
        Ok(_) => {
            mistakes.push(format!("{place}: holds no PEM certificate"));
            None
        }
        // The parser's own words could quote the text.
        Err(_) => {
            mistakes.push(format!("{place}: is not valid PEM"));
            None
        }
    }
}

/// The first private key of `key` or `key_file`.
pub(super) fn private_key(
    pem: Option<&Pem>,
    mistakes: &mut Vec<String>,
) -> Option<PrivateKeyDer<'static>> {
    let place = place("key", pem);
    let Some(pem) = pem else {
        mistakes.push(format!("{place}: is missing; give key or key_file"));
        return None;
    };
    let text = pem_text(pem, &place, mistakes)?;
    // The parser's own words could quote the text.
    let key = PrivateKeyDer::from_pem_slice(text.expose_secret().as_bytes());
    if key.is_err() {
        mistakes.push(format!("{place}: holds no PEM private key"));
    }
    key.ok()
}
