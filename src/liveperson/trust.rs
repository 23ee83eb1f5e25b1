//! Whose certificates are trusted: the system's roots and `tls.ca_file`.
//!
//! Loaded once and shared by all accounts, because reading some hundred certificates for each of
//! five hundred accounts takes seconds, and renewed together. Reading happens aside and under a
//! time limit: a file on a drive that hangs must hold no call up, and no thread that serves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::Instant;

use super::lock;
use crate::config::files::{LARGEST_CA_FILE, READ_TIMEOUT, read_limited};

/// Root certificates are read again after this long: authorities come and go.
const RENEW_AFTER: Duration = Duration::from_secs(10 * 60);

/// The stores in use, by `tls.ca_file`. What a machine trusts is one thing for the whole process.
static STORES: Mutex<BTreeMap<Option<PathBuf>, Weak<TrustStore>>> = Mutex::new(BTreeMap::new());

/// The root certificates of the system and of one `tls.ca_file`.
pub(super) struct TrustStore {
    ca_file: Option<PathBuf>,
    current: Mutex<Arc<Trust>>,
    renew_at: Mutex<Instant>,
    /// Whether the last renewal failed, so that it is reported once per incident.
    failing: AtomicBool,
    /// Whether somebody reads, perhaps for ever: no second thread shall hang on the same file.
    reading: Arc<AtomicBool>,
}

/// What connections are made with.
pub(super) struct Trust {
    roots: RootCertStore,
    pub(super) tls: ClientConfig,
}

impl Trust {
    fn new(roots: RootCertStore) -> Self {
        let mut tls = ClientConfig::builder()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        // A wedged connection of HTTP/2 outlives the requests that time out on it.
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { roots, tls }
    }

    /// Whether there is not a single root certificate: then no certificate is good.
    pub(super) fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }
}

impl TrustStore {
    /// The store for this `tls.ca_file`; loads it when nobody has it yet, which blocks for as long
    /// as the time limit at most.
    ///
    /// # Errors
    /// Certificates that cannot be read in time, or a CA file that holds none.
    pub(super) fn shared(ca_file: Option<&Path>) -> Result<Arc<Self>, String> {
        let key = ca_file.map(Path::to_owned);
        let mut stores = lock(&STORES);
        if let Some(store) = stores.get(&key).and_then(Weak::upgrade) {
            return Ok(store);
        }
        let store = Arc::new(Self::load(key.clone())?);
        stores.retain(|_, store| store.strong_count() > 0);
        stores.insert(key, Arc::downgrade(&store));
        Ok(store)
    }

    fn load(ca_file: Option<PathBuf>) -> Result<Self, String> {
        // Another part of the process may have done it already: the same provider, no matter.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let reading = Arc::default();
        let roots = read_in_time(ca_file.as_deref(), READ_TIMEOUT, &reading)?;
        Ok(Self {
            ca_file,
            current: Mutex::new(Arc::new(Trust::new(roots))),
            renew_at: Mutex::new(Instant::now() + RENEW_AFTER),
            failing: AtomicBool::new(false),
            reading,
        })
    }

    /// What new connections are to be made with.
    pub(super) fn current(&self) -> Arc<Trust> {
        Arc::clone(&lock(&self.current))
    }

    /// Has the certificates read again when they are old. Nobody waits for it: calls go on with
    /// the last good ones until it is done, and after it when it fails.
    pub(super) fn renew_when_old(self: &Arc<Self>) {
        let now = Instant::now();
        {
            let mut renew_at = lock(&self.renew_at);
            if now < *renew_at {
                return;
            }
            *renew_at = now + RENEW_AFTER;
        }
        let store = Arc::clone(self);
        tokio::task::spawn_blocking(move || store.renew(READ_TIMEOUT));
    }

    fn renew(&self, limit: Duration) {
        let read = read_in_time(self.ca_file.as_deref(), limit, &self.reading);
        match read.and_then(|roots| self.replace(roots)) {
            Ok(()) if self.failing.swap(false, Ordering::Relaxed) => {
                tracing::info!("root certificates can be read again");
            }
            Ok(()) => {}
            Err(error) if !self.failing.swap(true, Ordering::Relaxed) => tracing::warn!(
                error,
                "root certificates cannot be read again; the last good ones stay in force"
            ),
            Err(error) => tracing::debug!(error, "root certificates still cannot be read again"),
        }
    }

    /// Takes over what was read, unless it is the same: connections then need not be replaced.
    fn replace(&self, roots: RootCertStore) -> Result<(), String> {
        let mut current = lock(&self.current);
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
fn read_in_time(
    ca_file: Option<&Path>,
    limit: Duration,
    reading: &Arc<AtomicBool>,
) -> Result<RootCertStore, String> {
    let path = ca_file.map(Path::to_owned);
    in_time(limit, reading, move || read(path.as_deref()))
}

/// Does a job in a thread of its own and waits for it no longer than `limit`.
fn in_time<T: Send + 'static>(
    limit: Duration,
    reading: &Arc<AtomicBool>,
    job: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    if reading.swap(true, Ordering::Acquire) {
        return Err("an earlier reading has not come back yet".to_owned());
    }
    let (done, result) = mpsc::sync_channel(1);
    let flag = Arc::clone(reading);
    let thread = std::thread::Builder::new().name("root-certs".to_owned());
    let spawned = thread.spawn(move || {
        let read = job();
        flag.store(false, Ordering::Release);
        // Whoever waited may have given up.
        let _ = done.send(read);
    });
    if let Err(error) = spawned {
        reading.store(false, Ordering::Release);
        return Err(format!("there is no thread for reading: {error}"));
    }
    result.recv_timeout(limit).unwrap_or_else(|_| {
        Err(format!(
            "tls.ca_file or the system's root certificates could not be read within {limit:?}; \
             is their drive reachable?"
        ))
    })
}

/// The system's roots, behind those of the CA file. Certificates of the system that cannot be used
/// are left out, as everybody does; one of the CA file is an error.
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

    const CA: &str = include_str!("../../tests/fixtures/tls/ca.pem");

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, CA).unwrap();
        (folder, path)
    }

    /// What is logged while `act` runs.
    fn logged(act: impl FnOnce()) -> String {
        #[derive(Clone, Default)]
        struct Log(Arc<Mutex<Vec<u8>>>);
        impl std::io::Write for Log {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .with_max_level(tracing::Level::INFO)
            .finish();
        tracing::subscriber::with_default(subscriber, act);
        String::from_utf8(log.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn all_accounts_share_what_was_read_once() {
        let (_folder, path) = folder();
        let first = TrustStore::shared(Some(&path)).unwrap();
        // Whoever read it a second time would find it gone.
        std::fs::remove_file(&path).unwrap();
        for _ in 0..500 {
            let again = TrustStore::shared(Some(&path)).unwrap();
            assert!(Arc::ptr_eq(&first, &again));
        }
        drop(first);
        assert!(TrustStore::shared(Some(&path)).is_err(), "nobody keeps it");
    }

    #[test]
    fn a_failed_renewal_is_reported_once_and_changes_nothing() {
        let (_folder, path) = folder();
        let store = TrustStore::load(Some(path.clone())).unwrap();
        let before = store.current();
        std::fs::write(&path, "nonsense").unwrap();
        let renew = || logged(|| store.renew(READ_TIMEOUT));
        let said = renew();
        assert!(
            said.contains("WARN") && said.contains("no certificate in it"),
            "{said}"
        );
        assert!(said.contains("the last good ones stay in force"), "{said}");
        assert_eq!(renew(), "", "once per incident");
        assert!(Arc::ptr_eq(&before, &store.current()));
        std::fs::write(&path, CA).unwrap();
        assert!(renew().contains("can be read again"));
        assert_eq!(renew(), "");
        assert!(Arc::ptr_eq(&before, &store.current()), "the same content");
    }

    #[test]
    fn roots_that_have_vanished_leave_the_last_good_ones_in_force() {
        let (_folder, path) = folder();
        let store = TrustStore::load(Some(path)).unwrap();
        let before = store.current();
        let error = store.replace(RootCertStore::empty()).unwrap_err();
        assert!(error.contains("no root certificates any more"), "{error}");
        assert!(Arc::ptr_eq(&before, &store.current()));
    }

    #[test]
    fn a_new_certificate_is_trusted_by_all_after_the_renewal() {
        let (_folder, path) = folder();
        let store = TrustStore::load(Some(path.clone())).unwrap();
        let before = store.current();
        let key = rcgen::KeyPair::generate().unwrap();
        let more = rcgen::CertificateParams::default()
            .self_signed(&key)
            .unwrap();
        std::fs::write(&path, format!("{CA}{}", more.pem())).unwrap();
        store.renew(READ_TIMEOUT);
        let after = store.current();
        assert_eq!(after.roots.len(), before.roots.len() + 1);
    }

    #[test]
    fn a_reading_that_hangs_is_given_up_and_not_begun_a_second_time() {
        let reading = Arc::default();
        let (end, hang) = mpsc::channel::<()>();
        let job = move || hang.recv().map_err(|error| error.to_string());
        let error = in_time(Duration::from_millis(1), &reading, job).unwrap_err();
        assert!(error.contains("could not be read within 1ms"), "{error}");
        let error = in_time(READ_TIMEOUT, &reading, || Ok(())).unwrap_err();
        assert!(error.contains("has not come back yet"), "{error}");
        end.send(()).unwrap();
        while reading.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        assert_eq!(in_time(READ_TIMEOUT, &reading, || Ok(7)), Ok(7));
    }
}
