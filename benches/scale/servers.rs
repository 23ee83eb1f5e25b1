//! The real exporter in front of a synthetic LivePerson, nginx beside it, and their one client.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::data;

/// Answers every call of the exporter from memory.
pub(crate) struct LivePerson {
    pub(crate) address: SocketAddr,
    /// Large answers sent so far.
    pub(crate) answered: Arc<AtomicU64>,
}

impl LivePerson {
    pub(crate) fn start(body: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answered = Arc::new(AtomicU64::new(0));
        let (body, counter) = (Arc::new(body), Arc::clone(&answered));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (body, counter) = (Arc::clone(&body), Arc::clone(&counter));
                std::thread::spawn(move || serve(&stream, &body, &counter));
            }
        });
        Self { address, answered }
    }
}

fn serve(mut stream: &TcpStream, body: &[u8], answered: &AtomicU64) {
    let mut totals = b"{\"metricsTotals\":".to_vec();
    data::numbers(&mut fastrand::Rng::with_seed(1), &mut totals);
    totals.push(b'}');
    let mut lines = BufReader::new(stream);
    loop {
        let mut request = String::new();
        if lines.read_line(&mut request).unwrap_or(0) == 0 {
            return;
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap_or(0) <= 2 {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        std::io::copy(&mut lines.by_ref().take(length), &mut std::io::sink()).unwrap();
        let large = request.contains("skillIds=");
        let answer = match () {
            () if large => body,
            () if request.starts_with("POST") => {
                b"{\"access_token\":\"t\",\"token_type\":\"Bearer\",\"expires_in\":86400}"
            }
            () => &totals,
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        if stream.write_all(head.as_bytes()).is_err() || stream.write_all(answer).is_err() {
            return;
        }
        if large {
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A child process that serves; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) path: &'static str,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn exporter(liveperson: &LivePerson) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("liveperson_exporter.yml");
        let base = format!("http://{}", liveperson.address);
        let yaml = format!(
            "accounts:\n  - id: \"{}\"\n    auth: {{oauth2: {{client_id: a, client_secret: b}}}}\n    \
             hosts: {{leDataReporting: \"{base}\", sentinel: \"{base}\", accountConfigReadOnly: \"{base}\"}}\n\
             engagement_activity: {{interval: 15s, windows: [{}], agents: none, skill_agents: true}}\n\
             sla: {{enabled: false}}\nlimits: {{max_series: 10000000, max_response_bytes: 512MiB, \
             request_timeout: 60s}}\n",
            data::ACCOUNT,
            data::WINDOW
        );
        std::fs::write(&file, yaml).unwrap();
        let address = free_address();
        let child = Command::new(env!("CARGO_BIN_EXE_liveperson_exporter"))
            .arg("--config.file")
            .arg(&file)
            .arg(format!("--web.listen-address={address}"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            child,
            address,
            path: "/metrics",
            _folder: folder,
        };
        server.wait();
        server
    }

    /// nginx over the same bytes as files; `None` when it is not installed.
    pub(crate) fn nginx(text: &[u8], gzip: &[u8]) -> Option<Self> {
        let found = Command::new("nginx")
            .arg("-v")
            .stderr(Stdio::null())
            .status();
        if !found.is_ok_and(|status| status.success()) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let path = folder.path().display();
        write(folder.path(), "metrics", text);
        write(folder.path(), "metrics.gz", gzip);
        let user = if std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0) {
            "user root;"
        } else {
            ""
        };
        let configuration = format!(
            "{user} worker_processes 1; daemon off; pid {path}/pid; error_log /dev/null;\n\
             events {{}}\nhttp {{ access_log off; sendfile on; tcp_nopush on; gzip_static on;\n\
             client_body_temp_path {path}/a; proxy_temp_path {path}/b; fastcgi_temp_path {path}/c;\n\
             uwsgi_temp_path {path}/d; scgi_temp_path {path}/e;\n\
             server {{ listen {address}; root {path}; }} }}\n"
        );
        write(folder.path(), "nginx.conf", configuration.as_bytes());
        let child = Command::new("nginx")
            .arg("-c")
            .arg(folder.path().join("nginx.conf"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            child,
            address,
            path: "/metrics",
            _folder: folder,
        };
        server.wait();
        Some(server)
    }

    fn wait(&self) {
        let start = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "a server does not start"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::write(folder.join(name), bytes).unwrap();
}

/// A client that reads as fast as it can and looks at nothing.
pub(crate) struct Client {
    stream: TcpStream,
    head: String,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn new(server: &Server, encoding: &str) -> Self {
        Self::at(server.address, server.path, encoding)
    }

    pub(crate) fn at(address: SocketAddr, path: &str, encoding: &str) -> Self {
        Self {
            stream: TcpStream::connect(address).unwrap(),
            head: format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {encoding}\r\n\r\n"),
            buffer: vec![0; 256 * 1024],
        }
    }

    /// One scrape, thrown away; returns its length in bytes.
    pub(crate) fn scrape(&mut self) -> u64 {
        self.read(|_| ())
    }

    /// One scrape.
    pub(crate) fn fetch(&mut self) -> Vec<u8> {
        let mut page = Vec::new();
        self.read(|bytes| page.extend_from_slice(bytes));
        page
    }

    fn read(&mut self, mut take: impl FnMut(&[u8])) -> u64 {
        self.stream.write_all(self.head.as_bytes()).unwrap();
        let mut filled = 0;
        let end = loop {
            let count = self.stream.read(&mut self.buffer[filled..]).unwrap();
            assert!(count > 0, "the server hung up");
            filled += count;
            let found = self.buffer[..filled]
                .windows(4)
                .position(|w| w == b"\r\n\r\n");
            if let Some(end) = found {
                break end + 4;
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: u64 = length.split("\r\n").next().unwrap().parse().unwrap();
        take(&self.buffer[end..filled]);
        let mut read = (filled - end) as u64;
        while read < length {
            let count = self.stream.read(&mut self.buffer).unwrap();
            assert!(count > 0, "the server hung up");
            take(&self.buffer[..count]);
            read += count as u64;
        }
        length
    }
}
