//! A real Prometheus for tests, of every version that can be had.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::common::optional::{is_there, loudly};
use crate::common::{self, eventually};

/// What a program says its version is; `None` when it is not there.
pub(crate) fn version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    // Some print it on standard error.
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    output
        .status
        .success()
        .then(|| printed.split(' ').nth(2).unwrap().to_owned())
}

/// The Prometheus servers to test with, a 2 and a 3 where they can be had. Says loudly what is not
/// there; in CI one of them must be.
pub(crate) fn servers() -> Vec<PathBuf> {
    let newest = std::env::var_os("LIVEPERSON_TEST_NEWEST").map(PathBuf::from);
    let newest = newest.map(|folder| folder.join("prometheus"));
    let mut found = Vec::new();
    for program in [Some("prometheus".into()), newest].into_iter().flatten() {
        if let Some(version) = version(&program) {
            eprintln!("testing with Prometheus {version}");
            found.push((program, version));
        }
    }
    let has_3 = found.iter().any(|(_, version)| version.starts_with("3."));
    if is_there(!found.is_empty(), "prometheus") && !has_3 {
        loudly("SKIPPED: THERE IS NO PROMETHEUS 3; run tests/run, which looks for one");
    }
    found.into_iter().map(|(program, _)| program).collect()
}

/// One job with these targets and further lines.
fn configuration(targets: Vec<&str>, more: &str) -> String {
    format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: liveperson\n    \
         static_configs: [{{targets: {targets:?}}}]\n{more}"
    )
}

pub(crate) struct Prometheus {
    child: Child,
    pub(crate) url: String,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    pub(crate) fn scraping(program: &Path, base_url: &str) -> Self {
        Self::scraping_all(program, &[base_url])
    }

    /// One that scrapes several replicas.
    pub(crate) fn scraping_all(program: &Path, base_urls: &[&str]) -> Self {
        Self::continuing(program, base_urls, tempfile::tempdir().unwrap())
    }

    /// One that scrapes, and has the blocks in the folder `data` of a folder.
    pub(crate) fn continuing(
        program: &Path,
        base_urls: &[&str],
        folder: tempfile::TempDir,
    ) -> Self {
        let targets = base_urls
            .iter()
            .map(|url| url.trim_start_matches("http://"));
        Self::start(program, &configuration(targets.collect(), ""), &[], folder)
    }

    /// One that asks for protobuf first, which each version does for its own reason.
    pub(crate) fn asking_for_protobuf(program: &Path, base_url: &str) -> Self {
        let target = base_url.trim_start_matches("http://");
        let folder = tempfile::tempdir().unwrap();
        if version(program).unwrap().starts_with("2.") {
            let native = ["--enable-feature=native-histograms"];
            return Self::start(program, &configuration(vec![target], ""), &native, folder);
        }
        let wanted = "    scrape_protocols: [PrometheusProto]\n";
        let created = ["--enable-feature=created-timestamp-zero-ingestion"];
        let config = configuration(vec![target], wanted);
        Self::start(program, &config, &created, folder)
    }

    /// A Prometheus 3 that turns classic histograms into native ones with custom buckets, and keeps both.
    /// It cannot take in created timestamps at the same time.
    pub(crate) fn making_native_histograms(program: &Path, base_url: &str) -> Self {
        let target = base_url.trim_start_matches("http://");
        let folder = tempfile::tempdir().unwrap();
        let wanted = "    scrape_protocols: [PrometheusProto]\n    \
                      convert_classic_histograms_to_nhcb: true\n    \
                      always_scrape_classic_histograms: true\n";
        let native = ["--enable-feature=native-histograms"];
        let config = configuration(vec![target], wanted);
        Self::start(program, &config, &native, folder)
    }

    /// One that scrapes nothing and has the blocks in the folder `data` of a folder.
    pub(crate) fn holding(program: &Path, folder: tempfile::TempDir) -> Self {
        Self::start(program, "global: {}\n", &[], folder)
    }

    fn start(program: &Path, config: &str, arguments: &[&str], folder: tempfile::TempDir) -> Self {
        std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let address = common::free_address();
        let child = Command::new(program)
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            // The blocks that a test brings may be as old as it likes.
            .arg("--storage.tsdb.retention.time=100y")
            .arg(format!("--web.listen-address={address}"))
            .args(arguments)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            url: format!("http://{address}"),
            _folder: folder,
        }
    }

    /// The answer of its API.
    pub(crate) async fn ask(&self, what: &str) -> Option<Value> {
        let url = format!("{}/api/v1/{what}", self.url);
        let answer = common::http().get(url).send().await.ok()?;
        serde_json::from_slice(&answer.bytes().await.ok()?).ok()
    }

    /// The values of an instant query.
    pub(crate) async fn query(&self, query: &str) -> Option<Vec<f64>> {
        let encoded: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let answer = self.ask(&format!("query?query={encoded}")).await?;
        assert_ne!(answer["status"], "error", "{query}: {answer}");
        let results = answer["data"]["result"].as_array()?;
        let value = |result: &Value| result["value"][1].as_str()?.parse().ok();
        results.iter().map(value).collect()
    }

    pub(crate) async fn eventually(
        &self,
        query: &str,
        wanted: impl Fn(&[f64]) -> bool,
    ) -> Vec<f64> {
        eventually(query, async || {
            self.query(query).await.filter(|values| wanted(values))
        })
        .await
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
