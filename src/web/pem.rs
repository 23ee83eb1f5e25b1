//! Certificates and keys in PEM, inline or in files. No error repeats what a key file contains.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};

use crate::config::read_limited;
use crate::yaml;

/// Maximum size of a web configuration, certificate or key file, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// PEM text, or the file that contains it.
pub(super) enum Pem {
    /// `x_file`, relative to the folder of the web configuration file.
    File(PathBuf),
    /// `x`.
    Inline(SecretString),
}

impl Pem {
    /// The text; on failure an error about `path` in the web configuration file is noted.
    fn text(&self, path: &str, errors: &mut Vec<String>) -> Option<SecretString> {
        match self {
            Pem::Inline(text) => Some(text.clone()),
            Pem::File(file) => read_text(file)
                .map_err(|error| errors.push(format!("{path}: {error}")))
                .ok(),
        }
    }
}

/// Reads a small regular file as text.
pub(super) fn read_text(path: &Path) -> Result<SecretString, String> {
    let content = read_limited(path, MAX_FILE_BYTES)?;
    let text =
        yaml::decode(&content.bytes).map_err(|error| format!("{} {error}", path.display()))?;
    Ok(text.to_owned().into())
}

/// The path of `key` or `key_file` in the web configuration file, whichever is given.
pub(super) fn path_of(key: &str, pem: Option<&Pem>) -> String {
    match pem {
        Some(Pem::File(_)) => format!("tls_server_config.{key}_file"),
        Some(Pem::Inline(_)) | None => format!("tls_server_config.{key}"),
    }
}

/// The certificates of `key` or `key_file`, at least one.
pub(super) fn certificates(
    key: &str,
    pem: Option<&Pem>,
    errors: &mut Vec<String>,
) -> Option<Vec<CertificateDer<'static>>> {
    let path = path_of(key, pem);
    let Some(pem) = pem else {
        errors.push(format!("{path}: is missing; set {key} or {key}_file"));
        return None;
    };
    let text = pem.text(&path, errors)?;
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(text.expose_secret().as_bytes()).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => return Some(chain),
        Ok(_) => errors.push(format!("{path}: contains no PEM certificate")),
        // The parser's error could quote the text.
        Err(_) => errors.push(format!("{path}: is not valid PEM")),
    }
    None
}

/// The first private key of `key` or `key_file`.
pub(super) fn private_key(
    pem: Option<&Pem>,
    errors: &mut Vec<String>,
) -> Option<PrivateKeyDer<'static>> {
    let path = path_of("key", pem);
    let Some(pem) = pem else {
        errors.push(format!("{path}: is missing; set key or key_file"));
        return None;
    };
    let text = pem.text(&path, errors)?;
    let key = PrivateKeyDer::from_pem_slice(text.expose_secret().as_bytes());
    if key.is_err() {
        // The parser's error could quote the text.
        errors.push(format!("{path}: contains no PEM private key"));
    }
    key.ok()
}
