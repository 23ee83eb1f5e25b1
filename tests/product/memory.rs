//! How many copies of a secret and of a token the running program holds: what a core dump would
//! show to a process that may read any memory.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::common::{self, Exporter, configuration, only, sample, up};

const SECRET: &str = "kV8fQ2xZr7-the-secret-of-the-memory-test";
const TOKEN: &str = "Wq3nB6yTm1-the-token-of-the-memory-test";
/// The one that is used, and what the HTTP library's buffers may still hold of the request or
/// answer that carried it.
const MOST: usize = 4;

/// A LivePerson that gives a token and numbers, all on the connections it is asked on.
fn liveperson() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(stream));
        }
    });
    url
}

fn serve(mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let before = head.len();
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
            let line = head[before..].to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        reader.read_exact(&mut vec![0; length]).unwrap();
        let body = match head.starts_with("POST") {
            true => format!(r#"{{"access_token":"{TOKEN}","expires_in":3600}}"#),
            false => r#"{"metricsTotals":{"connectedEngagements":1}}"#.to_owned(),
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// How often each of the texts stands in the memory that a process may write to.
fn copies<const N: usize>(pid: u32, texts: [&str; N]) -> std::io::Result<[usize; N]> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let mut memory = std::fs::File::open(format!("/proc/{pid}/mem"))?;
    let mut counts = [0; N];
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, rest) = line.split_once('-').unwrap();
        let (to, _) = rest.split_once(' ').unwrap();
        let [from, to] = [from, to].map(|at| u64::from_str_radix(at, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        memory.seek(SeekFrom::Start(from))?;
        // Some mappings of the system cannot be read.
        if memory.read_exact(&mut bytes).is_err() {
            continue;
        }
        for (count, text) in counts.iter_mut().zip(texts) {
            let found = bytes
                .windows(text.len())
                .filter(|window| *window == text.as_bytes());
            *count += found.count();
        }
    }
    Ok(counts)
}

#[tokio::test]
async fn secret_and_token_are_held_once() {
    let url = liveperson();
    let yaml = format!(
        "accounts: [{{id: \"1\", hosts: {{leDataReporting: \"{url}\", sentinel: \"{url}\"}}, \
         auth: {{oauth2: {{client_id: c, client_secret_file: secret}}}}}}]\n\
         names: {{lookup: false}}\nlimits: {{min_spacing: 10ms}}\n\
         engagement_activity: {{windows: [1m, 2m, 3m, 4m, 5m, 6m, 7m, 8m], skills: none, agents: none, totals: false}}\n{}",
        only(&["engagement_activity"])
    );
    let (folder, file) = configuration(&yaml);
    std::fs::write(folder.path().join("secret"), SECRET).unwrap();
    let mut command = common::command();
    command.arg("--config.file").arg(file);
    let exporter = Exporter::spawn(command, folder).await;
    let up = up("1", "engagement_activity");
    let page = exporter.page_with(&up, 1.0).await;
    let calls = "liveperson_api_requests_total{account=\"1\",api=\"engactivity\",code=\"200\"}";
    assert_eq!(sample(&page, calls), Some(8.0), "{page}");
    match copies(exporter.pid(), [SECRET, TOKEN]) {
        Ok([secret, token]) => {
            assert!(token >= 1, "the test itself finds nothing");
            println!("copies: {secret} of the secret, {token} of the token");
            assert!(secret <= MOST && token <= MOST, "{secret} and {token}");
        }
        // Only root may look: that is what the program asks the system for.
        Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}"),
    }
}
