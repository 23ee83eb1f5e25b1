//! A headless Chromium behind its own driver.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use thirtyfour::{Capabilities, WebDriver};
use tokio::sync::{Mutex, MutexGuard};

use crate::common::optional::is_there;
use crate::common::{eventually, http};

/// Held by the one browser that runs: several would slow down whatever else is tested.
static TURN: Mutex<()> = Mutex::const_new(());

/// A browser; the driver is killed when dropped, and its browser with it.
pub(crate) struct Browser {
    pub(crate) page: WebDriver,
    driver: Child,
    _turn: MutexGuard<'static, ()>,
    _profile: tempfile::TempDir,
}

/// Where `tests/run` puts what it unpacks.
fn programs() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| {
        let root: PathBuf = env!("CARGO_MANIFEST_DIR").into();
        root.join("target")
    });
    target.join("programs")
}

/// The text of axe-core, which finds what keeps people from using a page.
pub(crate) fn axe() -> Option<String> {
    let file = programs().join("npm/node_modules/axe-core/axe.min.js");
    let text = std::fs::read_to_string(file).ok();
    is_there(text.is_some(), "axe-core");
    text
}

impl Browser {
    /// A browser of its own; `None` without Chromium and its driver.
    pub(crate) async fn start() -> Option<Self> {
        let turn = TURN.lock().await;
        // It sets up the cryptography that every client needs.
        drop(http());
        let driver = Command::new("chromedriver")
            .arg("--port=0")
            // Its browser belongs to the same group, and ends with it.
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        is_there(driver.is_ok(), "chromedriver");
        let mut driver = driver.ok()?;
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        // Read on, so that the driver is never held up by a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let profile = tempfile::tempdir().unwrap();
        let url = format!("http://127.0.0.1:{}", port.unwrap());
        let page = WebDriver::new(url, capabilities(profile.path().to_str().unwrap())).await;
        let page = page.unwrap();
        // It would wait for the driver that was killed; the browser ends with the driver.
        page.clone().leak().unwrap();
        Some(Self {
            page,
            driver,
            _turn: turn,
            _profile: profile,
        })
    }

    /// A command of Chromium's own protocol.
    async fn command(&self, method: &str, parameters: Value) {
        self.page.cdp().send_raw(method, parameters).await.unwrap();
    }

    /// The size of the page in CSS pixels.
    pub(crate) async fn resize(&self, (width, height): (u32, u32)) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.command("Emulation.setDeviceMetricsOverride", size)
            .await;
    }

    /// `light` or `dark`.
    pub(crate) async fn theme(&self, theme: &str) {
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": theme}]});
        self.command("Emulation.setEmulatedMedia", media).await;
    }

    /// Whether pages may run scripts.
    pub(crate) async fn scripts(&self, allowed: bool) {
        let disabled = json!({"value": !allowed});
        self.command("Emulation.setScriptExecutionDisabled", disabled)
            .await;
    }

    /// The value of a JavaScript expression in the page.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        let script = format!("return {expression};");
        let value = self.page.execute(script, Vec::new()).await;
        value.unwrap().json().clone()
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&self, expression: &str) {
        eventually(expression, async || {
            (self.value(expression).await == Value::Bool(true)).then_some(())
        })
        .await;
    }

    /// What the console has had since this was last asked.
    pub(crate) async fn console(&self) -> Vec<String> {
        let entries = self.page.get_log("browser").await.unwrap();
        entries.into_iter().map(|entry| entry.message).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = i32::try_from(self.driver.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.driver.wait();
    }
}

fn capabilities(profile: &str) -> Capabilities {
    let binary = std::env::var("LIVEPERSON_TEST_CHROMIUM").ok().or_else(|| {
        let unpacked = programs().join("browser/chromium");
        unpacked
            .exists()
            .then(|| unpacked.to_str().unwrap().to_owned())
    });
    let mut options = json!({"args": [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--no-first-run", "--hide-scrollbars", "--disable-extensions", "--disable-background-networking",
        "--disable-component-update", "--force-color-profile=srgb",
        format!("--user-data-dir={profile}"),
    ]});
    if let Some(binary) = binary {
        options["binary"] = binary.into();
    }
    let capabilities = json!({
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": {"browser": "ALL"},
    });
    serde_json::from_value(capabilities).unwrap()
}
