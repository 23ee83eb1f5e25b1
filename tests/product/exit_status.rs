//! A command's exit status does not depend on whether its output can be written: systemd and
//! scripts decide by it.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use liveperson_exporter::simulator::Options;

use crate::common::cases::check_each_async;
use crate::common::liveperson::simulator;
use crate::common::{self, configuration, eventually, free_address};

/// Where standard output and standard error go.
#[derive(Clone, Copy, Debug)]
enum Sink {
    /// Output goes where it is read or discarded.
    Null,
    /// `| head -1`, after head has left.
    ClosedPipe,
    /// A full disk.
    Full,
    /// `>&- 2>&-`.
    Closed,
}

const SINKS: [Sink; 4] = [Sink::Null, Sink::ClosedPipe, Sink::Full, Sink::Closed];

fn spawn(arguments: &[String], sink: Sink) -> Child {
    let mut command = match sink {
        Sink::Closed => {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", "exec \"$@\" >&- 2>&-", "sh"]);
            shell.arg(env!("CARGO_BIN_EXE_liveperson_exporter"));
            shell.env_clear();
            shell
        }
        _ => common::command(),
    };
    let target = || match sink {
        Sink::Null | Sink::Closed => Stdio::null(),
        Sink::Full => File::options()
            .write(true)
            .open("/dev/full")
            .unwrap()
            .into(),
        Sink::ClosedPipe => {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            writer.into()
        }
    };
    command.args(arguments).stdin(Stdio::null());
    command.stdout(target()).stderr(target());
    command.spawn().unwrap()
}

/// Waits for the end; `None` when a signal ended it.
async fn status(mut child: Child) -> Option<i32> {
    let ended = eventually("the command ends", async || child.try_wait().unwrap()).await;
    ended.code()
}

/// Stops a command once it listens and takes SIGTERM for what it is.
async fn stopped(child: Child, address: SocketAddr) -> Option<i32> {
    let pid = child.id();
    eventually("the command listens", async || {
        let handled = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let handled = handled.lines().find_map(|l| l.strip_prefix("SigCgt:"))?;
        let handled = u64::from_str_radix(handled.trim(), 16).unwrap();
        const TERM: u64 = 1 << 14;
        (handled & TERM != 0 && TcpStream::connect(address).is_ok()).then_some(())
    })
    .await;
    let killed = Command::new("kill").arg(pid.to_string()).status().unwrap();
    assert!(killed.success());
    status(child).await
}

const CREDENTIALS: &str = "auth: {oauth2: {client_id: demo, client_secret: demo-secret}}";

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn finite_commands_keep_their_status_with_any_output_sink() {
    let simulator = simulator(Options::in_process()).await;
    let (_a, good) = configuration(&format!(
        "accounts: [{{id: \"12345678\", {CREDENTIALS}}}]\ndomain_api: \"{}\"\n\
         limits: {{min_spacing: 1ms}}\n",
        simulator.base_url()
    ));
    let unreachable = free_address();
    let (_b, unreachable) = configuration(&format!(
        "accounts: [{{id: \"1\", {CREDENTIALS}}}]\ndomain_api: \"http://{unreachable}\"\n\
         limits: {{min_spacing: 1ms}}\n"
    ));
    let (_c, bad) = configuration("accounts: []\nsla: {buckets: [47]}\n");
    let [good, unreachable, bad] = [good, unreachable, bad].map(|f| f.display().to_string());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().map(|address| (taken, address)).unwrap();
    let cases = [
        ("--help".to_owned(), 0),
        ("demo --help".to_owned(), 0),
        ("help simulate".to_owned(), 0),
        ("--version".to_owned(), 0),
        ("--log.level=loud".to_owned(), 2),
        ("fly".to_owned(), 2),
        (format!("check-config {good}"), 0),
        (format!("check-config {bad}"), 2),
        ("check-config /there/is/none.yml".to_owned(), 2),
        (format!("test-connection {good}"), 0),
        (format!("test-connection {unreachable}"), 1),
        (format!("test-connection {bad}"), 2),
        (format!("--config.file={bad}"), 2),
        (format!("run --log.format=json --config.file={bad}"), 2),
        (
            format!("--config.file={good} --web.listen-address={}", taken.1),
            1,
        ),
        (format!("--config.file={good} --web.config.file={bad}"), 2),
        (format!("demo --web.config.file={bad}"), 2),
        (format!("demo --web.listen-address={}", taken.1), 1),
        ("simulate --latency=soon".to_owned(), 2),
        (
            "simulate --listen=127.0.0.1:0 --faults=/there/is/none.yml".to_owned(),
            2,
        ),
    ];
    check_each_async(cases, async |(command, expected)| {
        for sink in SINKS {
            let found = status(spawn(&words(&command), sink)).await;
            assert_eq!(found, Some(expected), "{sink:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_stop_cleanly_with_any_output_sink() {
    let simulator = simulator(Options::in_process()).await;
    let (_folder, good) = configuration(&format!(
        "accounts: [{{id: \"12345678\", {CREDENTIALS}}}]\ndomain_api: \"{}\"\n",
        simulator.base_url()
    ));
    let cases = [
        format!("--log.level=debug --config.file={}", good.display()),
        format!(
            "run --log.level=debug --log.format=json --config.file={}",
            good.display()
        ),
        "demo".to_owned(),
        "simulate".to_owned(),
    ];
    check_each_async(cases, async |command| {
        for sink in SINKS {
            let address = free_address();
            let listen = match command.as_str() {
                "simulate" => "--listen",
                _ => "--web.listen-address",
            };
            let mut arguments = words(&command);
            arguments.push(format!("{listen}={address}"));
            let found = stopped(spawn(&arguments, sink), address).await;
            assert_eq!(found, Some(0), "{sink:?}");
        }
    })
    .await;
}
