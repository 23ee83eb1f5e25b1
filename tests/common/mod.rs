//! The real binary as a child process, and its pages.

#![allow(dead_code, reason = "every test file uses a part of it")]

pub(crate) mod cases;
pub(crate) mod liveperson;
pub(crate) mod optional;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use liveperson_exporter::collectors::Registry;
use parking_lot::Mutex;
use tokio::time::Instant;

/// How long a condition may take to come true: far longer than it should, so that a busy machine
/// fails no test.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running exporter; killed when dropped.
pub(crate) struct Exporter {
    child: Child,
    log: Arc<Mutex<String>>,
    pub(crate) base_url: String,
    _folder: tempfile::TempDir,
}

/// A command of the binary with nothing of the test's own environment in it.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_liveperson_exporter"));
    command.env_clear();
    command
}

/// Writes a configuration into a new folder.
pub(crate) fn configuration(yaml: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("liveperson_exporter.yml");
    std::fs::write(&file, yaml).unwrap();
    // It holds a secret; the daemon would warn.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    (folder, file)
}

/// The collectors whose calls and numbers most tests state.
pub(crate) const COLLECTORS: [&str; 2] = ["engagement_activity", "sla"];

/// What a configuration has to say so that only these collectors run, however many there are: for tests
/// that state all calls, steps or numbers of certain ones.
pub(crate) fn only(collectors: &[&str]) -> String {
    let registry = Registry::standard();
    let labels = registry.about().map(|about| about.label);
    labels
        .filter(|label| !collectors.contains(label))
        .map(|label| format!("{label}: {{enabled: false}}\n"))
        .collect()
}

/// The series that says whether a collector of an account is up.
pub(crate) fn up(account: &str, collector: &str) -> String {
    format!("liveperson_up{{account=\"{account}\",collector=\"{collector}\"}}")
}

/// An address that nothing listens on, for one test alone. Of the ports that the system hands out
/// by itself it is none: the next test to ask for any port could be given it.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Far enough apart for several test binaries at once.
    let first = 10_000 + u16::try_from(std::process::id() % 100).unwrap() * 200;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 200;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

impl Exporter {
    /// Starts the daemon on a configuration, on a free port, and waits until it listens.
    pub(crate) async fn start(yaml: &str) -> Self {
        Self::start_with(yaml, &[]).await
    }

    pub(crate) async fn start_with(yaml: &str, arguments: &[&str]) -> Self {
        let (folder, file) = configuration(yaml);
        let mut command = command();
        command.arg("--config.file").arg(&file).args(arguments);
        Self::spawn(command, folder).await
    }

    /// Starts any command that listens, on a free port.
    pub(crate) async fn spawn(mut command: Command, folder: tempfile::TempDir) -> Self {
        command.arg("--web.listen-address=127.0.0.1:0");
        let mut exporter = Self::child(command, folder);
        let base_url = eventually("the exporter listens", async || {
            let log = exporter.log();
            let address = log.split("listening=").nth(1)?.split_whitespace().next()?;
            Some(format!("http://{}", address.trim_matches('"')))
        })
        .await;
        exporter.base_url = base_url;
        exporter
    }

    /// Starts a command at an address, also when it does not log that it listens.
    pub(crate) async fn spawn_at(
        mut command: Command,
        folder: tempfile::TempDir,
        address: SocketAddr,
    ) -> Self {
        command.arg(format!("--web.listen-address={address}"));
        let mut exporter = Self::child(command, folder);
        exporter.base_url = format!("http://{address}");
        eventually("the exporter listens", async || {
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
        exporter
    }

    fn child(mut command: Command, folder: tempfile::TempDir) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                written.lock().push_str(&format!("{line}\n"));
            }
        });
        Self {
            child,
            log,
            base_url: String::new(),
            _folder: folder,
        }
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self._folder.path().join("liveperson_exporter.yml")
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().clone()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        get(&format!("{}{path}", self.base_url)).await
    }

    pub(crate) async fn page(&self) -> String {
        let (status, page) = self.get("/metrics").await;
        assert_eq!(status, 200, "{page}");
        page
    }

    /// The page as soon as it shows a series with this value.
    pub(crate) async fn page_with(&self, series: &str, value: f64) -> String {
        eventually(
            &format!("{series} is {value}; log:\n{}", self.log()),
            async || {
                let page = self.page().await;
                (sample(&page, series) == Some(value)).then_some(page)
            },
        )
        .await
    }

    /// The page as soon as a counter has come so far; on a busy machine it may have gone on.
    pub(crate) async fn page_with_at_least(&self, counter: &str, least: f64) -> String {
        eventually(
            &format!("{counter} is {least}; log:\n{}", self.log()),
            async || {
                let page = self.page().await;
                (sample(&page, counter) >= Some(least)).then_some(page)
            },
        )
        .await
    }

    /// The page as soon as [`COLLECTORS`] of an account are up.
    pub(crate) async fn page_with_all_up(&self, account: &str) -> String {
        let mut page = String::new();
        for collector in COLLECTORS {
            page = self.page_with(&up(account, collector), 1.0).await;
        }
        page
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the exporter ends", async || child.try_wait().unwrap()).await
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub(crate) async fn get(url: &str) -> (u16, String) {
    let answer = http().get(url).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.text().await.unwrap())
}

/// Asks again and again until there is an answer: a real process keeps real time.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "not within {PATIENCE:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The value of a series as it is written on the page, labels and all.
pub(crate) fn sample(page: &str, series: &str) -> Option<f64> {
    let value = page
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(value.parse().unwrap())
}

/// All samples of windows, by series.
pub(crate) fn data(page: &str) -> BTreeMap<String, f64> {
    samples(page, |name| name.starts_with("liveperson_window_"))
}

/// All samples of running totals, by series.
pub(crate) fn totals(page: &str) -> BTreeMap<String, f64> {
    samples(page, |name| {
        let levels = ["account", "skill", "agent", "skill_agent", "group"];
        let mut starts = levels
            .map(|level| format!("liveperson_{level}_"))
            .into_iter();
        starts.any(|start| name.starts_with(&start)) && !name.ends_with("_info")
    })
}

/// The samples of certain names, by series.
fn samples(page: &str, is_wanted: impl Fn(&str) -> bool) -> BTreeMap<String, f64> {
    let name = |line: &str| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
    let lines = page.lines().filter(|line| is_wanted(&name(line)));
    let split = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        (series.to_owned(), value.parse().unwrap())
    };
    lines.map(split).collect()
}
