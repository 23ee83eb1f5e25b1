//! Keeps `--web.config.file` and the files it names current while the server runs.
//!
//! As with the exporter-toolkit, a renewed certificate or a changed user needs no restart. The
//! toolkit reads everything again for every connection; here a look at the files' metadata, off the
//! executor and at most once in a while, finds out whether that is needed. What is wrong in a
//! changed file is logged once, a metric says so, and the last good state stays. A file that asks
//! for less than before, as one does while it is being written, is not believed at once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use hyper::header::{HeaderName, HeaderValue};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout};

use super::basic_auth::Users;
use super::client_auth::Clients;
use super::config_file::{WebFile, parse};
use super::pem::{Pem, read_small};
use super::rate_limit::RateLimit;
use super::tls::{self, Tls};
use super::validity::Stage;

/// How long a file that lets more clients in has to stand unchanged before it is taken:
/// longer than any program takes to write it.
const SETTLE: Duration = Duration::from_secs(10);
/// Longest wait for the file system; a scrape goes on by the last good state then.
const LOOK_TIME: Duration = Duration::from_secs(5);

/// The web configuration file, read and kept current. Clones share one state.
#[derive(Clone)]
pub struct WebConfig(Arc<Shared>);

struct Shared {
    path: PathBuf,
    current: ArcSwap<Loaded>,
    watch: Mutex<Watch>,
    /// Whether the present file is the one in force.
    in_force: AtomicBool,
    /// Whether the file asks for TLS. It cannot be switched while listeners are open: a client
    /// that expects TLS must never be answered in clear.
    tls: bool,
}

/// When to look at the files again, and what they looked like.
struct Watch {
    next: Option<Instant>,
    looking: bool,
    seen: Seen,
    /// Since when the files have asked for less than what is in force, and stood unchanged.
    weaker_since: Option<Instant>,
    /// What was last said of the server's certificate.
    stage: Option<Stage>,
}

/// The files, and what each looked like; nothing, when it could not be found.
type Seen = Vec<(PathBuf, Option<FileStamp>)>;

/// What a good state of the files means.
pub(super) struct Loaded {
    /// TLS, when it is asked for.
    pub(super) tls: Option<Tls>,
    /// Headers for every response.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Users, when there are any.
    pub(super) users: Option<Users>,
    /// The rate limit, when there is one.
    pub(super) rate: Option<Arc<RateLimit>>,
    /// Whether the file has no content.
    empty: bool,
    /// Whether `basic_auth_users` is there with nothing below it.
    users_missing: bool,
    warnings: Vec<String>,
}

impl Loaded {
    fn clients(&self) -> Option<&Clients> {
        self.tls.as_ref()?.clients.as_deref()
    }

    /// Whether somebody gets in by this who would not get in by `before`. A user that is added or
    /// has a new password does not count: no hash is valid by half.
    fn is_weaker_than(&self, before: &Self) -> bool {
        let clients = before.clients();
        (before.users.is_some() && self.users.is_none())
            || clients.is_some_and(|clients| clients.keeps_out_more_than(self.clients()))
    }

    fn stage(&self, now: Timestamp) -> Option<Stage> {
        Some(self.tls.as_ref()?.validity?.stage(now))
    }

    fn certificate_warning(&self, now: Timestamp) -> Option<String> {
        self.tls.as_ref()?.validity?.warning(now)
    }
}

impl WebConfig {
    /// Reads the file and everything it names.
    ///
    /// # Errors
    /// Every mistake at once, each with its place in the file.
    pub fn load(path: &Path) -> Result<Self, Vec<String>> {
        let (loaded, seen) = load(path, None);
        let loaded = loaded?;
        Ok(Self(Arc::new(Shared {
            path: path.to_owned(),
            tls: loaded.tls.is_some(),
            watch: Mutex::new(Watch {
                next: None,
                looking: false,
                seen,
                weaker_since: None,
                stage: loaded.stage(Timestamp::now()),
            }),
            in_force: AtomicBool::new(true),
            current: ArcSwap::from_pointee(loaded),
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

    /// Whether the file as it is now is in force; otherwise it is the last good one.
    pub fn last_reload_successful(&self) -> bool {
        self.0.in_force.load(Ordering::Relaxed)
    }

    /// What works but should be looked at: files with secrets that others on this machine can
    /// read, a certificate that has expired or soon will. [`super::serve`] logs them.
    pub fn warnings(&self) -> Vec<String> {
        let current = self.0.current.load();
        let certificate = current.certificate_warning(Timestamp::now());
        current
            .warnings
            .iter()
            .cloned()
            .chain(certificate)
            .collect()
    }

    /// The state to serve by, after a look at the files if the last one is `every` ago.
    pub(super) async fn current(&self, every: Duration) -> Arc<Loaded> {
        if self.0.look_is_due(every) {
            let shared = Arc::clone(&self.0);
            let now = Instant::now();
            let look = tokio::task::spawn_blocking(move || shared.look(now));
            // Any other error means that the runtime is ending.
            if timeout(LOOK_TIME, look).await.is_err() {
                let file = self.0.path.display();
                tracing::warn!(%file, "the file system does not answer; the last good state stays in use");
            }
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

    fn look(&self, now: Instant) {
        let (before, weaker_since) = {
            let mut watch = self.watch();
            (std::mem::take(&mut watch.seen), watch.weaker_since)
        };
        let unchanged = before.iter().all(|(path, seen)| stamp(path) == *seen);
        let settled = weaker_since.is_some_and(|since| now >= since + SETTLE);
        let (seen, weaker_since) = match (unchanged, settled) {
            (true, false) => (before, weaker_since),
            (true, true) => self.reload(now, Some(&before)),
            (false, _) => self.reload(now, None),
        };
        let stage = self.current.load().stage(Timestamp::now());
        let mut watch = self.watch();
        watch.seen = seen;
        watch.weaker_since = weaker_since;
        watch.looking = false;
        if std::mem::replace(&mut watch.stage, stage) != stage
            && let Some(warning) = self.current.load().certificate_warning(Timestamp::now())
        {
            tracing::warn!("{warning}");
        }
    }

    /// Reads the files. `settled` is what they looked like while they asked for less than what is
    /// in force, if they have done so for long enough. Returns since when they have done so.
    fn reload(&self, now: Instant, settled: Option<&Seen>) -> (Seen, Option<Instant>) {
        let before = self.current.load_full();
        let (loaded, seen) = load(&self.path, Some(&before));
        let file = self.path.display();
        let loaded = loaded.and_then(|loaded| match loaded.tls.is_some() == self.tls {
            _ if loaded.empty && (self.tls || before.users.is_some()) => Err(vec![
                "the file is empty; to serve without TLS and passwords, restart without it"
                    .to_owned(),
            ]),
            _ if loaded.users_missing && before.users.is_some() => Err(vec![
                "basic_auth_users: nothing is below it; to serve without passwords, leave it out \
                 or write {}"
                    .to_owned(),
            ]),
            true => Ok(loaded),
            false => Err(vec![
                "tls_server_config: TLS cannot be switched on or off without a restart".to_owned(),
            ]),
        });
        match loaded {
            Ok(loaded) if loaded.is_weaker_than(&before) && settled != Some(&seen) => {
                self.in_force.store(false, Ordering::Relaxed);
                tracing::warn!(
                    %file,
                    "the changed web configuration lets clients in that the one in force does \
                     not: it drops the passwords, or asks less of client certificates; it is \
                     taken once it has stood unchanged for {} s",
                    SETTLE.as_secs()
                );
                return (seen, Some(now));
            }
            Ok(loaded) => {
                self.current.store(Arc::new(loaded));
                self.in_force.store(true, Ordering::Relaxed);
                tracing::info!(%file, "web configuration or certificate changed and is in use");
            }
            Err(mistakes) => {
                self.in_force.store(false, Ordering::Relaxed);
                tracing::error!(
                    %file,
                    mistakes = mistakes.join("; "),
                    "web configuration or certificate changed and is wrong; the old state stays in use"
                );
            }
        }
        (seen, None)
    }
}

/// Reads the file at `path`, and tells what all the files looked like before they were read. What
/// of the state `before` is still true is kept: proven passwords, the rate limit's count.
fn load(path: &Path, before: Option<&Loaded>) -> (Result<Loaded, Vec<String>>, Seen) {
    let mut seen = vec![(path.to_owned(), stamp(path))];
    let text = match read_small(path) {
        Ok(text) => text,
        Err(mistake) => return (Err(vec![mistake]), seen),
    };
    let mut mistakes = Vec::new();
    let file = parse(text.expose_secret(), path, &mut mistakes);
    if let Some(fields) = &file.tls {
        seen.extend(tls::files(fields).map(|path| (path.to_owned(), stamp(path))));
    }
    let warnings = warnings(path, &file);
    let tls = file
        .tls
        .as_ref()
        .and_then(|fields| tls::build(fields, &mut mistakes));
    if !mistakes.is_empty() {
        return (Err(mistakes), seen);
    }
    let users_before = before.and_then(|before| before.users.as_ref());
    let rate = file.rate.map(|(interval, burst)| {
        let same = before.and_then(|before| before.rate.as_ref());
        let same = same.filter(|rate| rate.is_of(interval, burst));
        same.map_or_else(|| Arc::new(RateLimit::new(interval, burst)), Arc::clone)
    });
    let loaded = Loaded {
        tls,
        headers: file.headers,
        users: (!file.users.is_empty()).then(|| Users::new(file.users, users_before)),
        rate,
        empty: file.empty,
        users_missing: file.users_missing,
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
    let open = own.into_iter().chain(key_file);
    let open = open.filter(|path| open_to_others(path)).map(|path| {
        let path = path.display();
        format!("{path} holds a secret and every user of this machine can read it; chmod o-r")
    });
    let nothing = file.rate.filter(|(_, burst)| *burst == 0).map(|_| {
        "rate_limit.burst is 0 or missing: every request gets 429, as with the toolkit".to_owned()
    });
    open.chain(nothing).collect()
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
struct FileStamp {
    length: u64,
    modified: Option<SystemTime>,
    identity: (u64, i64, i64),
}

fn stamp(path: &Path) -> Option<FileStamp> {
    let metadata = fs::metadata(path).ok()?;
    Some(FileStamp {
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
mod tests;
