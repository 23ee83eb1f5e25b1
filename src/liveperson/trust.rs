//! The root certificates that are trusted: the system's roots and `tls.ca_file`.
//!
//! Loaded once and shared by all accounts, because reading some hundred certificates for each of
//! five hundred accounts takes seconds, and refreshed together. They are read in a separate thread
//! and under a time limit: a file on a drive that hangs must block no call and no scrape.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak, mpsc};

use parking_lot::Mutex;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::Instant;

use crate::config::files::{LARGEST_CA_FILE, READ_TIMEOUT, read_limited};

/// Root certificates are read again after this long: authorities come and go.
const REFRESH_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// The stores in use, by `tls.ca_file`. They are the same for all clients of the process.
static STORES: Mutex<BTreeMap<Option<PathBuf>, Weak<TrustStore>>> = Mutex::new(BTreeMap::new());

/// The root certificates of the system and of one `tls.ca_file`.
pub(super) struct TrustStore {
    ca_file: Option<PathBuf>,
    /// Replaced whole.
    current: Mutex<Arc<Trust>>,
    /// When the next refresh is due.
    refresh_at: Mutex<Instant>,
    /// Whether the last refresh failed, so that it is reported once per incident.
    failing: AtomicBool,
    /// Whether it was reported that there are none.
    reported_empty: AtomicBool,
    /// Whether a thread reads, which may never end: no second one may hang on the same file.
    read_in_progress: Arc<AtomicBool>,
}

/// What connections are opened with.
pub(super) struct Trust {
    roots: RootCertStore,
    pub(super) tls: ClientConfig,
}

impl Trust {
    fn new(roots: RootCertStore) -> Self {
        let mut tls = ClientConfig::builder()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        // A stuck connection of HTTP/2 outlives the requests that time out on it.
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { roots, tls }
    }

    /// Whether there is not a single root certificate: then no certificate is good.
    pub(super) fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }
}

impl TrustStore {
    /// The store for this `tls.ca_file`; loads it when no client uses it yet, which blocks at most for
    /// the time limit.
    ///
    /// # Errors
    /// Certificates that cannot be read in time, or a CA file that holds none.
    pub(super) fn shared(ca_file: Option<&Path>) -> Result<Arc<Self>, String> {
        let key = ca_file.map(Path::to_owned);
        let mut stores = STORES.lock();
        if let Some(store) = stores.get(&key).and_then(Weak::upgrade) {
            return Ok(store);
        }
        let store = Arc::new(Self::load(key.clone())?);
        stores.retain(|_, store| store.strong_count() > 0);
        stores.insert(key, Arc::downgrade(&store));
        Ok(store)
    }

    fn load(ca_file: Option<PathBuf>) -> Result<Self, String> {
        // Another part of the process may have installed the same provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let read_in_progress = Arc::default();
        let roots = load_with_timeout(ca_file.as_deref(), READ_TIMEOUT, &read_in_progress)?;
        Ok(Self {
            ca_file,
            current: Mutex::new(Arc::new(Trust::new(roots))),
            refresh_at: Mutex::new(Instant::now() + REFRESH_INTERVAL),
            failing: AtomicBool::new(false),
            reported_empty: AtomicBool::new(false),
            read_in_progress,
        })
    }

    /// Warns, once, when there are none: every call by TLS will fail.
    pub(super) fn warn_if_empty(&self) {
        if self.current().is_empty() && !self.reported_empty.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "this machine has no root certificates, so that no call to LivePerson can succeed: install ca-certificates or set tls.ca_file"
            );
        }
    }

    /// What new connections are to be opened with.
    pub(super) fn current(&self) -> Arc<Trust> {
        Arc::clone(&self.current.lock())
    }

    /// Has the certificates read again in the background when that is due. Calls continue with the
    /// last good ones until it is done, and after it when it fails.
    pub(super) fn refresh_if_due(self: &Arc<Self>) {
        let now = Instant::now();
        {
            let mut refresh_at = self.refresh_at.lock();
            if now < *refresh_at {
                return;
            }
            *refresh_at = now + REFRESH_INTERVAL;
        }
        let store = Arc::clone(self);
        tokio::task::spawn_blocking(move || store.refresh(READ_TIMEOUT));
    }

    fn refresh(&self, limit: Duration) {
        let read = load_with_timeout(self.ca_file.as_deref(), limit, &self.read_in_progress);
        match read.and_then(|roots| self.replace(roots)) {
            Ok(()) if self.failing.swap(false, Ordering::Relaxed) => {
                tracing::info!("root certificates can be read again");
            }
            Ok(()) => {}
            Err(error) if !self.failing.swap(true, Ordering::Relaxed) => tracing::warn!(
                error,
                "root certificates cannot be read again; the last good ones stay in use"
            ),
            Err(error) => tracing::debug!(error, "root certificates still cannot be read again"),
        }
    }

    /// Stores what was read, unless it is the same: connections then need not be replaced.
    fn replace(&self, roots: RootCertStore) -> Result<(), String> {
        let mut current = self.current.lock();
        if roots.is_empty() && !current.is_empty() {
            return Err("this machine has no root certificates any more".to_owned());
        }
        if roots.roots != current.roots.roots {
            *current = Arc::new(Trust::new(roots));
        }
        Ok(())
    }
}

/// [`read`], given up when it takes too long.
fn load_with_timeout(
    ca_file: Option<&Path>,
    limit: Duration,
    read_in_progress: &Arc<AtomicBool>,
) -> Result<RootCertStore, String> {
    let path = ca_file.map(Path::to_owned);
    with_timeout(limit, read_in_progress, move || read(path.as_deref()))
}

/// Runs a job in a separate thread and waits for it no longer than `limit`.
fn with_timeout<T: Send + 'static>(
    limit: Duration,
    read_in_progress: &Arc<AtomicBool>,
    job: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    if read_in_progress.swap(true, Ordering::Acquire) {
        return Err("an earlier attempt to read them has not ended yet".to_owned());
    }
    let (done, result) = mpsc::sync_channel(1);
    let flag = Arc::clone(read_in_progress);
    let thread = std::thread::Builder::new().name("root-certs".to_owned());
    let spawned = thread.spawn(move || {
        let read = job();
        flag.store(false, Ordering::Release);
        // The receiver may have given up.
        let _ = done.send(read);
    });
    if let Err(error) = spawned {
        read_in_progress.store(false, Ordering::Release);
        return Err(format!("no thread could be started to read them: {error}"));
    }
    result.recv_timeout(limit).unwrap_or_else(|_| {
        Err(format!(
            "tls.ca_file or the system's root certificates could not be read within {limit:?}; \
             is their drive reachable?"
        ))
    })
}

/// The system's roots, behind those of the CA file. Certificates of the system that cannot be used
/// are left out, as browsers do; one of the CA file is an error.
fn read(ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_file {
        add_file(&mut roots, path)
            .map_err(|reason| format!("tls.ca_file {}: {reason}", path.display()))?;
    }
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::debug!(%error, "a root certificate of the system cannot be read");
    }
    roots.add_parsable_certificates(system.certs);
    Ok(roots)
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let content = read_limited(path, LARGEST_CA_FILE)?;
    for certificate in CertificateDer::pem_slice_iter(&content.bytes) {
        let certificate =
            certificate.map_err(|_| "not a readable certificate in PEM form".to_owned())?;
        roots
            .add(certificate)
            .map_err(|error| format!("a certificate in it cannot be used: {error}"))?;
    }
    if roots.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::logged;

    const CA: &str = include_str!("../../tests/fixtures/tls/ca.pem");

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, CA).unwrap();
        (folder, path)
    }

    #[test]
    fn all_accounts_share_what_was_read_once() {
        let (_folder, path) = folder();
        let first = TrustStore::shared(Some(&path)).unwrap();
        // A second read would not find it.
        std::fs::remove_file(&path).unwrap();
        for _ in 0..500 {
            let again = TrustStore::shared(Some(&path)).unwrap();
            assert!(Arc::ptr_eq(&first, &again));
        }
        drop(first);
        assert!(
            TrustStore::shared(Some(&path)).is_err(),
            "no client keeps it"
        );
    }

    #[test]
    fn a_failed_refresh_is_reported_once_and_changes_nothing() {
        let (_folder, path) = folder();
        let store = TrustStore::load(Some(path.clone())).unwrap();
        let before = store.current();
        std::fs::write(&path, "nonsense").unwrap();
        let refresh = || logged(|| store.refresh(READ_TIMEOUT));
        let log = refresh();
        assert!(
            log.contains("WARN") && log.contains("no certificate in it"),
            "{log}"
        );
        assert!(log.contains("the last good ones stay in use"), "{log}");
        assert_eq!(refresh(), "", "once per incident");
        assert!(Arc::ptr_eq(&before, &store.current()));
        std::fs::write(&path, CA).unwrap();
        assert!(refresh().contains("can be read again"));
        assert_eq!(refresh(), "");
        assert!(Arc::ptr_eq(&before, &store.current()), "the same content");
    }

    #[test]
    fn no_roots_at_all_leave_the_last_good_ones_in_use() {
        let (_folder, path) = folder();
        let store = TrustStore::load(Some(path)).unwrap();
        let before = store.current();
        let error = store.replace(RootCertStore::empty()).unwrap_err();
        assert!(error.contains("no root certificates any more"), "{error}");
        assert!(Arc::ptr_eq(&before, &store.current()));
    }

    #[test]
    fn no_roots_at_all_are_warned_of_once() {
        let (_folder, path) = folder();
        let store = TrustStore::load(Some(path)).unwrap();
        assert_eq!(logged(|| store.warn_if_empty()), "");
        *store.current.lock() = Arc::new(Trust::new(RootCertStore::empty()));
        let log = logged(|| store.warn_if_empty());
        assert!(
            log.contains("WARN") && log.contains("install ca-certificates"),
            "{log}"
        );
        assert_eq!(logged(|| store.warn_if_empty()), "");
    }

    #[test]
    fn a_new_certificate_is_trusted_after_the_refresh() {
        let (_folder, path) = folder();
        let store = TrustStore::load(Some(path.clone())).unwrap();
        let before = store.current();
        let key = rcgen::KeyPair::generate().unwrap();
        let more = rcgen::CertificateParams::default()
            .self_signed(&key)
            .unwrap();
        std::fs::write(&path, format!("{CA}{}", more.pem())).unwrap();
        store.refresh(READ_TIMEOUT);
        let after = store.current();
        assert_eq!(after.roots.len(), before.roots.len() + 1);
    }

    #[test]
    fn a_read_that_hangs_is_abandoned_and_not_repeated() {
        let read_in_progress = Arc::default();
        let (end, hang) = mpsc::channel::<()>();
        let job = move || hang.recv().map_err(|error| error.to_string());
        let error = with_timeout(Duration::from_millis(1), &read_in_progress, job).unwrap_err();
        assert!(error.contains("could not be read within 1ms"), "{error}");
        let error = with_timeout(READ_TIMEOUT, &read_in_progress, || Ok(())).unwrap_err();
        assert!(error.contains("has not ended yet"), "{error}");
        end.send(()).unwrap();
        while read_in_progress.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        assert_eq!(
            with_timeout(READ_TIMEOUT, &read_in_progress, || Ok(7)),
            Ok(7)
        );
    }
}
