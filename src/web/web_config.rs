//! Keeps `--web.config.file` and the files it names current while the server runs.
//!
//! As with the exporter-toolkit, a renewed certificate or a changed user needs no restart. The
//! toolkit reads everything anew for every connection; here a look at the files' metadata, off the
//! executor and at most once in a while, finds out whether that is needed. What is wrong in a
//! changed file is logged once, and the last good state stays.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use hyper::header::{HeaderName, HeaderValue};
use rustls::ServerConfig;
use tokio::time::Instant;

use super::auth::{RateLimit, Users};
use super::pem::{Pem, read_small};
use super::tls;
use super::web_file::{WebFile, parse};

/// The web configuration file, read and kept current. Clones share one state.
#[derive(Clone)]
pub struct WebConfig(Arc<Shared>);

struct Shared {
    path: PathBuf,
    current: ArcSwap<Loaded>,
    watch: Mutex<Watch>,
    /// Whether the file asks for TLS. It cannot be switched while listeners are open: a client
    /// that expects TLS must never be answered in clear.
    tls: bool,
}

/// When to look at the files again, and what they looked like.
struct Watch {
    next: Option<Instant>,
    looking: bool,
    seen: Seen,
}

/// The files, and what each looked like; nothing, when it could not be found.
type Seen = Vec<(PathBuf, Option<Look>)>;

/// What a good state of the files means.
pub(super) struct Loaded {
    /// TLS, when it is asked for.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// Headers for every response.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Users, when there are any.
    pub(super) users: Option<Users>,
    /// The rate limit, when there is one.
    pub(super) rate: Option<RateLimit>,
    warnings: Vec<String>,
}

impl WebConfig {
    /// Reads the file and everything it names.
    ///
    /// # Errors
    /// Every mistake at once, each with its place in the file.
    pub fn load(path: &Path) -> Result<Self, Vec<String>> {
        let (loaded, seen) = load(path);
        let loaded = loaded?;
        Ok(Self(Arc::new(Shared {
            path: path.to_owned(),
            tls: loaded.tls.is_some(),
            current: ArcSwap::from_pointee(loaded),
            watch: Mutex::new(Watch {
                next: None,
                looking: false,
                seen,
            }),
        })))
    }

    /// Whether clients have to speak TLS.
    pub fn tls_enabled(&self) -> bool {
        self.0.tls
    }

    /// Whether clients have to give a password.
    pub fn authentication_enabled(&self) -> bool {
        self.0.current.load().users.is_some()
    }

    /// Files with secrets that others on this machine can read. [`super::serve`] logs them.
    pub fn warnings(&self) -> Vec<String> {
        self.0.current.load().warnings.clone()
    }

    /// The state to serve by, after a look at the files if the last one is `every` ago.
    pub(super) async fn current(&self, every: Duration) -> Arc<Loaded> {
        if self.0.look_is_due(every) {
            let shared = Arc::clone(&self.0);
            // An error means that the runtime is ending.
            let _ = tokio::task::spawn_blocking(move || shared.look()).await;
        }
        self.0.current.load_full()
    }
}

impl Shared {
    fn watch(&self) -> std::sync::MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True for one caller at a time: should the file system hang, only one connection does.
    fn look_is_due(&self, every: Duration) -> bool {
        let now = Instant::now();
        let mut watch = self.watch();
        if watch.looking || watch.next.is_some_and(|next| now < next) {
            return false;
        }
        watch.next = Some(now + every);
        watch.looking = true;
        true
    }

    fn look(&self) {
        let before = std::mem::take(&mut self.watch().seen);
        let unchanged = before.iter().all(|(path, seen)| look_at(path) == *seen);
        let seen = if unchanged { before } else { self.reload() };
        let mut watch = self.watch();
        watch.seen = seen;
        watch.looking = false;
    }

    fn reload(&self) -> Seen {
        let file = self.path.display();
        let (loaded, seen) = load(&self.path);
        let loaded = loaded.and_then(|loaded| match loaded.tls.is_some() == self.tls {
            true => Ok(loaded),
            false => Err(vec![
                "tls_server_config: TLS cannot be switched on or off without a restart".to_owned(),
            ]),
        });
        match loaded {
            Ok(loaded) => {
                self.current.store(Arc::new(loaded));
                tracing::info!(%file, "web configuration or certificate changed and is in use");
            }
            Err(mistakes) => tracing::error!(
                %file,
                mistakes = mistakes.join("; "),
                "web configuration or certificate changed and is wrong; the old state stays in use"
            ),
        }
        seen
    }
}

/// Reads the file at `path`, and tells what all the files looked like before they were read.
fn load(path: &Path) -> (Result<Loaded, Vec<String>>, Seen) {
    let mut seen = vec![(path.to_owned(), look_at(path))];
    let text = match read_small(path) {
        Ok(text) => text,
        Err(mistake) => return (Err(vec![mistake]), seen),
    };
    let mut mistakes = Vec::new();
    let folder = path.parent().unwrap_or(Path::new(""));
    let file = parse(&text, folder, &mut mistakes);
    if let Some(fields) = &file.tls {
        seen.extend(tls::files(fields).map(|path| (path.to_owned(), look_at(path))));
    }
    let warnings = warnings(path, &file);
    let tls = file
        .tls
        .as_ref()
        .and_then(|fields| tls::build(fields, &mut mistakes));
    if !mistakes.is_empty() {
        return (Err(mistakes), seen);
    }
    let loaded = Loaded {
        tls,
        headers: file.headers,
        users: (!file.users.is_empty()).then(|| Users::new(file.users)),
        rate: file
            .rate
            .map(|(interval, burst)| RateLimit::new(interval, burst)),
        warnings,
    };
    (Ok(loaded), seen)
}

fn warnings(path: &Path, file: &WebFile) -> Vec<String> {
    let key = file.tls.as_ref().and_then(|fields| fields.key.as_ref());
    let inline_key = matches!(key, Some(Pem::Inline(_)));
    let own = (inline_key || !file.users.is_empty()).then_some(path);
    let key_file = match key {
        Some(Pem::File(path)) => Some(path.as_path()),
        Some(Pem::Inline(_)) | None => None,
    };
    own.into_iter()
        .chain(key_file)
        .filter(|path| open_to_others(path))
        .map(|path| {
            let path = path.display();
            format!("{path} holds a secret and every user of this machine can read it; chmod o-r")
        })
        .collect()
}

#[cfg(unix)]
fn open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> bool {
    false
}

/// What tells one state of a file from another: length, modification, and, where the system has
/// them, inode and change time, for a file that was swapped for an older one or had its
/// permissions mended.
#[derive(Debug, PartialEq)]
struct Look {
    length: u64,
    modified: Option<SystemTime>,
    identity: (u64, i64, i64),
}

fn look_at(path: &Path) -> Option<Look> {
    let metadata = fs::metadata(path).ok()?;
    Some(Look {
        length: metadata.len(),
        modified: metadata.modified().ok(),
        identity: identity(&metadata),
    })
}

#[cfg(unix)]
fn identity(metadata: &fs::Metadata) -> (u64, i64, i64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> (u64, i64, i64) {
    (0, 0, 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    const HASH: &str = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";
    const EVERY: Duration = Duration::from_secs(1);

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn changes_are_taken_up_once_in_a_while_and_mistakes_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.yml");
        let users = |names: &[&str]| {
            let lines: String = names
                .iter()
                .map(|name| format!("  {name}: {HASH}\n"))
                .collect();
            format!("basic_auth_users:\n{lines}")
        };
        write(&path, &users(&["a"]), 0o600);
        let web = WebConfig::load(&path).unwrap();
        assert!(web.authentication_enabled() && !web.tls_enabled());
        let first = web.current(EVERY).await;

        write(&path, &users(&["a", "bob"]), 0o600);
        let early = web.current(EVERY).await;
        assert!(Arc::ptr_eq(&first, &early), "looked again too soon");
        tokio::time::advance(EVERY).await;
        let second = web.current(EVERY).await;
        assert!(!Arc::ptr_eq(&first, &second), "the change went unnoticed");

        for wrong in ["basic_auth_users: {a: b}", "tls_server_config: {cert: x}"] {
            write(&path, wrong, 0o600);
            tokio::time::advance(EVERY).await;
            assert!(Arc::ptr_eq(&second, &web.current(EVERY).await));
        }
        fs::remove_file(&path).unwrap();
        tokio::time::advance(EVERY).await;
        assert!(Arc::ptr_eq(&second, &web.current(EVERY).await));

        write(&path, "", 0o600);
        tokio::time::advance(EVERY).await;
        assert!(
            web.current(EVERY).await.users.is_none(),
            "it never recovered"
        );
    }

    #[test]
    fn mistakes_of_file_and_certificates_come_together() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.yml");
        let missing = WebConfig::load(&path).err().unwrap();
        assert!(missing[0].starts_with("cannot read "), "{missing:?}");
        write(
            &path,
            "odd: 1\ntls_server_config: {cert_file: c, min_version: TLS11}\n",
            0o600,
        );
        let mistakes = WebConfig::load(&path).err().unwrap();
        assert_eq!(
            mistakes.len(),
            4,
            "key, version, cert_file, key: {mistakes:#?}"
        );
        let shown = folder.path().join("c");
        assert!(
            mistakes.concat().contains(&shown.display().to_string()),
            "{mistakes:#?}"
        );
        write(&path, &"#".repeat(2 * 1024 * 1024), 0o600);
        let mistakes = WebConfig::load(&path).err().unwrap();
        assert!(mistakes[0].contains("is larger than"), "{mistakes:?}");
    }

    #[test]
    fn secrets_open_to_others_give_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let at = |name: &str| folder.path().join(name);
        write(&at("crt"), &cert.pem(), 0o644);
        write(&at("key"), &signing_key.serialize_pem(), 0o644);
        write(
            &at("web.yml"),
            "tls_server_config: {cert_file: crt, key_file: key}",
            0o644,
        );
        let warnings = WebConfig::load(&at("web.yml")).unwrap().warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with(&at("key").display().to_string()));
        write(&at("key"), &signing_key.serialize_pem(), 0o640);
        assert!(
            WebConfig::load(&at("web.yml"))
                .unwrap()
                .warnings()
                .is_empty()
        );
    }
}
