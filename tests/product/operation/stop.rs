//! A stop finishes responses that are being read and does not wait for stalled ones.

use std::io::Read as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use liveperson_exporter::simulator::Options;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::{FIRST, account, all_up};
use crate::common::{Exporter, command, configuration, eventually, liveperson};

#[tokio::test]
async fn a_signal_during_the_start_is_a_clean_stop() {
    // As many warnings as no pipe holds: the start waits until they are read.
    let globs: Vec<_> = (0..4000).map(|n| format!("no-such-{n}-*.yml")).collect();
    let credentials = "auth: {oauth2: {client_id: a, client_secret: b}}";
    let globs = globs.join(", ");
    let yaml = format!("accounts: [{{id: 1, {credentials}}}]\naccounts_files: [{globs}]\n");
    let (_folder, file) = configuration(&yaml);
    let mut command = command();
    command.arg("--web.listen-address=127.0.0.1:0");
    command.arg("--config.file").arg(file);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let pid = child.id().to_string();
    eventually("signals are caught", async || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let caught = status.lines().find_map(|l| l.strip_prefix("SigCgt:"))?;
        let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
        // SIGHUP and SIGTERM.
        const BOTH: u64 = 1 | 1 << 14;
        (caught & BOTH == BOTH).then_some(())
    })
    .await;
    for signal in ["HUP", "TERM"] {
        let kill = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(kill.unwrap().success());
    }
    let mut log = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut log).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{status}: {log}");
}

#[tokio::test]
async fn a_stop_finishes_slow_responses_and_cuts_off_stalled_ones() {
    let options = Options {
        account: FIRST.to_owned(),
        agents: 8000,
        skills: 60,
        ..Options::in_process()
    };
    let big = liveperson::simulator(options).await;
    let more = "engagement_activity: {windows: [1h, 8h], skill_agents: true}";
    let yaml = format!("accounts:{}", account(FIRST, &big, more));
    let mut exporter = Exporter::start(&yaml).await;
    all_up(&exporter, &[FIRST]).await;
    let whole = exporter.page().await.len();
    assert!(whole > 4_000_000, "{whole} bytes are not a big page");
    let address = exporter
        .base_url
        .trim_start_matches("http://")
        .parse()
        .unwrap();
    let (mut slow, mut read) = begin_to_read(address).await;
    let (stalled, _) = begin_to_read(address).await;
    exporter.signal("TERM");
    eventually("it no longer accepts", async || {
        TcpStream::connect(address).await.is_err().then_some(())
    })
    .await;
    slow.read_to_end(&mut read).await.unwrap();
    let head = read.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    let header = String::from_utf8(read[..head].to_vec())
        .unwrap()
        .to_lowercase();
    let announced = header.split("content-length: ").nth(1).expect("a length");
    let announced: usize = announced
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(read.len() - head, announced, "half a page");
    assert!(read.ends_with(b"\n"));
    // It ends while the other connection is still open.
    assert_eq!(exporter.ended().await.code(), Some(0), "{}", exporter.log());
    drop(stalled);
}

/// Asks for the page and reads the first bytes of it.
async fn begin_to_read(address: SocketAddr) -> (TcpStream, Vec<u8>) {
    let socket = TcpSocket::new_v4().unwrap();
    // So that the page does not fit into what lies between the two.
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut start = vec![0; 1000];
    stream.read_exact(&mut start).await.unwrap();
    (stream, start)
}
