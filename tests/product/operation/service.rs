//! The daemon as a service of systemd: states on the notification socket, sockets handed over.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{FIRST, QUICK, account, simulator};
use crate::common::{Exporter, command, configuration, eventually};

/// Receives what the daemon tells systemd.
struct Manager {
    socket: UnixDatagram,
    folder: tempfile::TempDir,
    received: Vec<String>,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self {
            socket,
            folder,
            received: Vec::new(),
        }
    }

    fn tell(&self, command: &mut Command) {
        command.env("NOTIFY_SOCKET", self.folder.path().join("notify"));
    }

    /// Waits for a state that begins so and comes after those seen before; returns all until then.
    async fn until(&mut self, state: &str) -> Vec<String> {
        let found = eventually(state, async || {
            let mut buffer = [0; 4096];
            while let Ok(length) = self.socket.recv(&mut buffer) {
                let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
                self.received.push(text);
            }
            self.received
                .iter()
                .position(|text| text.starts_with(state))
        })
        .await;
        self.received.drain(..=found).collect()
    }
}

#[tokio::test]
async fn start_work_reload_and_stop_are_reported_to_systemd() {
    let simulator = simulator(FIRST).await;
    let yaml = format!("accounts:{}{QUICK}", account(FIRST, &simulator, ""));
    let (folder, file) = configuration(&yaml);
    let mut manager = Manager::new();
    let mut command = command();
    command.arg("--config.file").arg(&file);
    command.env("WATCHDOG_USEC", "300000");
    manager.tell(&mut command);
    let mut exporter = Exporter::spawn(command, folder).await;

    let before = manager.until("READY=1").await;
    assert_eq!(before, ["READY=1"], "nothing comes before it");
    assert_eq!(exporter.get("/-/healthy").await.0, 200, "it listens");
    manager.until("WATCHDOG=1").await;
    manager.until("STATUS=1 account: 1 fresh, 0 failing").await;
    manager.until("WATCHDOG=1").await;

    exporter.signal("HUP");
    let reloading = manager.until("RELOADING=1\nMONOTONIC_USEC=").await;
    assert!(!reloading.contains(&"READY=1".to_owned()), "{reloading:?}");
    manager.until("READY=1").await;

    std::fs::write(&file, "accounts: none").unwrap();
    exporter.signal("HUP");
    manager.until("RELOADING=1").await;
    let failed = manager.until("READY=1").await;
    let want = "STATUS=1 account: 1 fresh, 0 failing; the last reload failed, see the log";
    assert!(failed.contains(&want.to_owned()), "{failed:?}");

    exporter.signal("TERM");
    manager.until("STOPPING=1").await;
    assert_eq!(exporter.ended().await.code(), Some(0));
}

#[tokio::test]
async fn accounts_that_fail_are_in_the_status() {
    let simulator = simulator(FIRST).await;
    let gone = account(FIRST, &simulator, "");
    simulator.shutdown().await;
    let (folder, file) = configuration(&format!("accounts:{gone}{QUICK}"));
    let mut manager = Manager::new();
    let mut command = command();
    command.arg("--config.file").arg(&file);
    command.env("WATCHDOG_USEC", "300000");
    manager.tell(&mut command);
    let _exporter = Exporter::spawn(command, folder).await;
    manager.until("STATUS=1 account: 0 fresh, 1 failing").await;
    // LivePerson's failures are no reason to restart.
    manager.until("WATCHDOG=1").await;
}

#[tokio::test]
async fn why_it_does_not_start_is_in_the_status() {
    let (_folder, file) = configuration("accounts: none\ncolour: red\n");
    let mut manager = Manager::new();
    let mut command = command();
    command.arg("--config.file").arg(&file);
    manager.tell(&mut command);
    assert_eq!(command.output().unwrap().status.code(), Some(2));
    let states = manager.until("STATUS=").await;
    assert_eq!(states.len(), 1, "{states:?}");
    assert!(states[0].contains("accounts: expected"), "{states:?}");
    assert!(states[0].ends_with("(and 1 more)"), "{states:?}");
}

#[tokio::test]
async fn a_flag_that_prevents_the_start_is_in_the_status() {
    let cases = [
        ("run --web.systemd-socket", "systemd passed no socket"),
        ("--shard=3/3", "invalid value '3/3' for '--shard"),
        ("--no-such-flag", "unexpected argument '--no-such-flag'"),
    ];
    crate::common::cases::check_each_async(cases, async |(arguments, want)| {
        let mut manager = Manager::new();
        let mut command = command();
        command.args(arguments.split(' '));
        manager.tell(&mut command);
        assert_eq!(command.output().unwrap().status.code(), Some(2));
        let states = manager.until("STATUS=").await;
        assert_eq!(states.len(), 1, "{states:?}");
        assert!(states[0].contains(want), "{states:?}");
    })
    .await;
}

/// A command that finds a listening socket where systemd puts the first, and its address.
fn with_socket(arguments: &str) -> (Command, std::net::SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut shell = Command::new("/bin/sh");
    let script = format!("LISTEN_PID=$$ exec \"$0\" {arguments} 3<&0");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_liveperson_exporter")]);
    shell.env_clear().env("LISTEN_FDS", "1");
    shell.env("LISTEN_FDNAMES", "metrics");
    shell.stdin(OwnedFd::from(listener));
    shell.stdout(Stdio::null()).stderr(Stdio::null());
    (shell, address)
}

#[tokio::test]
async fn a_socket_of_systemd_is_served_instead_of_the_port() {
    for flag in ["--web.systemd-socket", "--web.systemd-socket=metrics"] {
        let (mut command, address) = with_socket(&format!("demo {flag}"));
        let mut child = command.spawn().unwrap();
        let status = eventually("the socket is served", async || {
            let url = format!("http://{address}/-/healthy");
            let request = crate::common::http()
                .get(url)
                .timeout(Duration::from_secs(60));
            request
                .send()
                .await
                .ok()
                .map(|answer| answer.status().as_u16())
        })
        .await;
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(status, 200, "{flag}");
    }
}

#[test]
fn a_socket_that_is_not_there_is_a_usage_error() {
    let cases = [
        (
            "demo --web.systemd-socket=other",
            "no socket named \"other\"",
        ),
        ("run --web.systemd-socket=other", "but [\"metrics\"]"),
    ];
    crate::common::cases::check_each(cases, |(arguments, want)| {
        let (mut command, _) = with_socket(arguments);
        let output = command.stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(want), "{text}");
    });
}
