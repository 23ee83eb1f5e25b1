//! Keeps `--web.config.file` and the files it names current while the server runs.
//!
//! As with the exporter-toolkit, a renewed certificate or a changed user needs no restart. The
//! toolkit reads everything again for every connection; here the files' metadata are checked, off
//! the executor and at most once a second, to find out whether that is needed. Errors in a changed
//! file are logged once, a metric shows them, and the last valid version stays in use. A version
//! that admits more clients than the one in use, as a half-written file does, is used only after it
//! has been unchanged for a while.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

use super::file_stamp::FileStamps;
use super::loaded::Loaded;
use super::validity::Stage;
use crate::clock::{SystemClock, WallClock as _};

/// How long a file that admits more clients has to stay unchanged before it is used: longer than
/// any program takes to write it.
const SETTLE_TIME: Duration = Duration::from_secs(10);
/// Longest wait for the file system; after it, the last valid version is used.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// The web configuration file, read and kept current. Clones share one state.
#[derive(Clone)]
pub struct WebConfig(Arc<Shared>);

struct Shared {
    path: PathBuf,
    /// The version in use.
    current: ArcSwap<Loaded>,
    /// Guards what is known of the files. Held for one change, never while they are read.
    watch: Mutex<Watch>,
    /// Whether the file as it is now is in use.
    up_to_date: AtomicBool,
    /// Whether the file configures TLS. It cannot be switched while listeners are open: a client
    /// that expects TLS must never get a response in clear text.
    tls: bool,
}

/// When to check the files again, and what is known of them.
struct Watch {
    next_check: Option<Instant>,
    checking: bool,
    files: Files,
    /// The last known stage of the server's certificate.
    stage: Option<Stage>,
}

/// The files as they were when they were last read.
#[derive(Default)]
struct Files {
    stamps: FileStamps,
    /// Since when they have admitted more clients than the version in use, without a change.
    weaker_since: Option<Instant>,
}

impl WebConfig {
    /// Reads the file and everything it names.
    ///
    /// # Errors
    /// All errors at once, each with its place in the file.
    pub fn load(path: &Path) -> Result<Self, Vec<String>> {
        let (loaded, stamps) = Loaded::read(path, None);
        let loaded = loaded?;
        Ok(Self(Arc::new(Shared {
            path: path.to_owned(),
            tls: loaded.tls.is_some(),
            watch: Mutex::new(Watch {
                next_check: None,
                checking: false,
                files: Files {
                    stamps,
                    weaker_since: None,
                },
                stage: loaded.certificate_stage(SystemClock.now()),
            }),
            up_to_date: AtomicBool::new(true),
            current: ArcSwap::from_pointee(loaded),
        })))
    }

    /// Whether clients have to use TLS.
    pub fn tls_enabled(&self) -> bool {
        self.0.tls
    }

    /// Whether clients have to give a password.
    pub fn requires_password(&self) -> bool {
        self.0.current.load().users.is_some()
    }

    /// Whether the file as it is now is in use; otherwise it is the last valid version.
    pub fn last_reload_successful(&self) -> bool {
        self.0.up_to_date.load(Ordering::Relaxed)
    }

    /// What works but should be changed: files with secrets that others on this machine can read, a
    /// certificate that has expired or soon will. [`super::serve`] logs them.
    pub fn warnings(&self) -> Vec<String> {
        let current = self.0.current.load();
        let mut warnings = current.warnings.clone();
        warnings.extend(current.certificate_warning(SystemClock.now()));
        warnings
    }

    /// The version to use, after checking the files if the last check began `every` ago.
    pub(super) async fn current(&self, every: Duration) -> Arc<Loaded> {
        if self.0.begin_check(every) {
            let shared = Arc::clone(&self.0);
            let now = Instant::now();
            let check = tokio::task::spawn_blocking(move || shared.check(now));
            // Any other error means that the runtime is shutting down.
            if timeout(CHECK_TIMEOUT, check).await.is_err() {
                let file = self.0.path.display();
                tracing::warn!(
                    %file,
                    "the file system does not respond; the last valid web configuration stays in use"
                );
            }
        }
        self.0.current.load_full()
    }
}

impl Shared {
    /// True for one caller at a time: if the file system hangs, only one connection does.
    fn begin_check(&self, every: Duration) -> bool {
        let now = Instant::now();
        let mut watch = self.watch.lock();
        if watch.checking || watch.next_check.is_some_and(|next| now < next) {
            return false;
        }
        watch.next_check = Some(now + every);
        watch.checking = true;
        true
    }

    fn check(&self, now: Instant) {
        let files = std::mem::take(&mut self.watch.lock().files);
        let settled = files
            .weaker_since
            .is_some_and(|since| now >= since + SETTLE_TIME);
        let files = match (files.stamps.are_current(), settled) {
            (true, false) => files,
            (true, true) => self.reload(now, Some(&files.stamps)),
            (false, _) => self.reload(now, None),
        };
        let current = self.current.load();
        let stage = current.certificate_stage(SystemClock.now());
        let mut watch = self.watch.lock();
        watch.files = files;
        watch.checking = false;
        let previous_stage = std::mem::replace(&mut watch.stage, stage);
        drop(watch);
        if previous_stage != stage
            && let Some(warning) = current.certificate_warning(SystemClock.now())
        {
            tracing::warn!("{warning}");
        }
    }

    /// Reads the files and uses them if they are valid. `settled` are the stamps of files that have
    /// admitted more clients than the version in use for long enough.
    fn reload(&self, now: Instant, settled: Option<&FileStamps>) -> Files {
        let previous = self.current.load_full();
        let (loaded, stamps) = Loaded::read(&self.path, Some(&previous));
        let file = self.path.display();
        let mut weaker_since = None;
        match loaded.and_then(|loaded| self.check_switches(loaded, &previous)) {
            Ok(loaded) if loaded.is_weaker_than(&previous) && settled != Some(&stamps) => {
                weaker_since = Some(now);
                self.up_to_date.store(false, Ordering::Relaxed);
                tracing::warn!(
                    %file,
                    "the changed web configuration admits clients that the one in use rejects: it \
                     removes the passwords, or requires less of client certificates; it is used \
                     once it has been unchanged for {} s",
                    SETTLE_TIME.as_secs()
                );
            }
            Ok(loaded) => {
                self.current.store(Arc::new(loaded));
                self.up_to_date.store(true, Ordering::Relaxed);
                tracing::info!(%file, "the changed web configuration or certificate is in use");
            }
            Err(errors) => {
                self.up_to_date.store(false, Ordering::Relaxed);
                tracing::error!(
                    %file,
                    errors = errors.join("; "),
                    "the changed web configuration or certificate is invalid; the previous version \
                     stays in use"
                );
            }
        }
        Files {
            stamps,
            weaker_since,
        }
    }

    /// Rejects what a running server does not switch.
    fn check_switches(&self, loaded: Loaded, previous: &Loaded) -> Result<Loaded, Vec<String>> {
        let has_users = previous.users.is_some();
        let error = if loaded.empty && (self.tls || has_users) {
            "the file is empty; to serve without TLS and passwords, restart without it"
        } else if loaded.users_null && has_users {
            "basic_auth_users: expected users, found nothing; to serve without passwords, remove \
             it or write {}"
        } else if loaded.tls.is_some() != self.tls {
            "tls_server_config: TLS cannot be switched on or off without a restart"
        } else {
            return Ok(loaded);
        };
        Err(vec![error.to_owned()])
    }
}

#[cfg(test)]
mod tests;
