//! The real exporter, nginx for comparison, and the client of both.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::data;
use crate::liveperson::LivePerson;
use crate::shape::Shape;

/// How an exporter is started.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) binary: PathBuf,
    pub(crate) shape: Shape,
    /// In seconds.
    pub(crate) interval: u64,
    /// Settings of the allocator that override its own.
    pub(crate) allocator: String,
}

impl Setup {
    pub(crate) fn new(shape: Shape) -> Self {
        Self {
            binary: env!("CARGO_BIN_EXE_liveperson_exporter").into(),
            shape,
            interval: shape.interval(),
            allocator: String::new(),
        }
    }

    /// The configuration of the collectors. A revision that knows no running totals refuses their key.
    fn settings(&self) -> String {
        let settings = self.shape.settings(self.interval);
        let help = Command::new(&self.binary).arg("--help").output().unwrap();
        if String::from_utf8_lossy(&help.stdout).contains("--state.dir") {
            settings
        } else {
            settings.replace(", totals: false", "")
        }
    }
}

/// A child process that serves; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) path: &'static str,
    folder: tempfile::TempDir,
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

    /// Where an exporter keeps its running totals.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn exporter(setup: &Setup, liveperson: &LivePerson) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("liveperson_exporter.yml");
        let base = format!("http://{}", liveperson.address);
        let yaml = format!(
            "accounts:\n  - id: \"{}\"\n    auth: {{oauth2: {{client_id: a, client_secret: b}}}}\n    \
             hosts: {{leDataReporting: \"{base}\", sentinel: \"{base}\", accountConfigReadOnly: \"{base}\"}}\n\
             {}limits: {{max_series: 10000000, max_response_bytes: 512MiB, request_timeout: 60s, \
             min_spacing: 1ms}}\nnames: {{lookup: false}}\nstale_after: 24h\n",
            data::ACCOUNT,
            setup.settings(),
        );
        std::fs::write(&file, yaml).unwrap();
        let address = free_address();
        let mut command = Command::new(&setup.binary);
        command
            .env("_RJEM_MALLOC_CONF", &setup.allocator)
            .arg("--config.file")
            .arg(&file)
            .arg(format!("--web.listen-address={address}"))
            .stderr(Stdio::null());
        if setup.shape.grows().is_some() {
            command.arg("--state.dir").arg(folder.path().join("state"));
        }
        let child = command.spawn().unwrap();
        let server = Self {
            child,
            address,
            path: "/metrics",
            folder,
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
            "{user} master_process off; daemon off; pid {path}/pid; error_log /dev/null;\n\
             events {{}}\nhttp {{ access_log off; keepalive_requests 1000000; sendfile on; tcp_nopush on; gzip_static on;\n\
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
            folder,
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

/// A client that reads as fast as it can and does not look at the data.
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

    /// One scrape that is not kept; returns its length in bytes.
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
