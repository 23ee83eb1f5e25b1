//! The web configuration file and all it names, read once.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::basic_auth::Users;
use super::client_auth::ClientVerifier;
use super::config_file::{ConfigFile, parse};
use super::file_stamp::FileStamps;
use super::pem::{Pem, read_text};
use super::rate_limit::RateLimit;
use super::tls::{self, Tls};
use super::validity::Stage;

/// What a valid version of the files means.
pub(super) struct Loaded {
    /// TLS, if it is configured.
    pub(super) tls: Option<Tls>,
    /// Headers for every response.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Users, if there are any.
    pub(super) users: Option<Users>,
    /// The rate limit, if there is one.
    pub(super) rate: Option<Arc<RateLimit>>,
    /// Whether the file has no content.
    pub(super) empty: bool,
    /// Whether `basic_auth_users` is in the file with nothing below it.
    pub(super) users_null: bool,
    /// What works but should be changed, apart from the certificate.
    pub(super) warnings: Vec<String>,
}

impl Loaded {
    /// Reads the file at `path` and all it names. What is still valid of `previous` is kept:
    /// verified passwords, the tokens of the rate limit. The stamps of all files are taken before
    /// they are read, and returned even if reading fails.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place in the file.
    pub(super) fn read(
        path: &Path,
        previous: Option<&Self>,
    ) -> (Result<Self, Vec<String>>, FileStamps) {
        let mut stamps = FileStamps::default();
        let loaded = Self::read_stamped(path, previous, &mut stamps);
        (loaded, stamps)
    }

    fn read_stamped(
        path: &Path,
        previous: Option<&Self>,
        stamps: &mut FileStamps,
    ) -> Result<Self, Vec<String>> {
        stamps.add(path);
        let text = read_text(path).map_err(|error| vec![error])?;
        let mut errors = Vec::new();
        let file = parse(text.expose_secret(), path, &mut errors);
        if let Some(fields) = &file.tls {
            tls::files(fields).for_each(|path| stamps.add(path));
        }
        let warnings = warnings(path, &file);
        let fields = file.tls.as_ref();
        let tls = fields.and_then(|fields| tls::build(fields, &mut errors));
        if !errors.is_empty() {
            return Err(errors);
        }
        let previous_users = previous.and_then(|previous| previous.users.as_ref());
        let previous_rate = previous.and_then(|previous| previous.rate.as_ref());
        let rate = file.rate.map(|settings| {
            let same = previous_rate.filter(|rate| rate.settings() == settings);
            same.map_or_else(|| Arc::new(RateLimit::new(settings)), Arc::clone)
        });
        Ok(Self {
            tls,
            headers: file.headers,
            users: (!file.users.is_empty()).then(|| Users::new(file.users, previous_users)),
            rate,
            empty: file.empty,
            users_null: file.users_null,
            warnings,
        })
    }

    fn client_verifier(&self) -> Option<&ClientVerifier> {
        self.tls.as_ref()?.client_verifier.as_deref()
    }

    /// Whether a client without a certificate is refused.
    pub(super) fn demands_certificates(&self) -> bool {
        self.client_verifier()
            .is_some_and(ClientVerifier::is_mandatory)
    }

    /// Whether this admits clients that `previous` rejects. A user that is added or has a new
    /// password does not count: half a hash is not valid.
    pub(super) fn is_weaker_than(&self, previous: &Self) -> bool {
        let verifier = previous.client_verifier();
        (previous.users.is_some() && self.users.is_none())
            || verifier.is_some_and(|verifier| verifier.is_stricter_than(self.client_verifier()))
    }

    /// Where the server's certificate is in its validity, if it can be read.
    pub(super) fn certificate_stage(&self, now: Timestamp) -> Option<Stage> {
        Some(self.tls.as_ref()?.validity?.stage(now))
    }

    /// A warning about the server's certificate.
    pub(super) fn certificate_warning(&self, now: Timestamp) -> Option<String> {
        self.tls.as_ref()?.validity?.warning(now)
    }
}

fn warnings(path: &Path, file: &ConfigFile) -> Vec<String> {
    let key = file.tls.as_ref().and_then(|fields| fields.key.as_ref());
    let (has_inline_key, key_file) = match key {
        Some(Pem::Inline(_)) => (true, None),
        Some(Pem::File(path)) => (false, Some(path.as_path())),
        None => (false, None),
    };
    let config_file = (has_inline_key || !file.users.is_empty()).then_some(path);
    let readable = config_file.into_iter().chain(key_file);
    let readable = readable.filter(|path| is_world_readable(path));
    let mut warnings: Vec<String> = readable.map(world_readable_warning).collect();
    if file.rate.is_some_and(|settings| settings.burst == 0) {
        let warning =
            "rate_limit.burst is 0 or missing: every request gets 429, as with the toolkit";
        warnings.push(warning.to_owned());
    }
    warnings
}

fn world_readable_warning(path: &Path) -> String {
    let path = path.display();
    format!("{path} contains a secret and every user of this machine can read it; chmod o-r")
}

#[cfg(unix)]
fn is_world_readable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_world_readable(_: &Path) -> bool {
    false
}
