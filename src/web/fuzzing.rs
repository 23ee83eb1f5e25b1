//! What reads bytes of clients and the web configuration file, for `fuzz/`.

use std::future::pending;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::accept::Acceptor;
use super::config_file;
use super::listener::Client;
use super::server::serve_on;
use super::{Handler, Settings, WebConfig};

/// More than any request that is read, so that writing one never waits.
const BUFFER: usize = 1024 * 1024;

/// One connection held in memory.
struct One(Option<DuplexStream>);

impl Acceptor for One {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, Client)> {
        match self.0.take() {
            Some(stream) => Ok((stream, Client::Address(([127, 0, 0, 1], 1).into()))),
            None => pending().await,
        }
    }
}

/// Everything that the server writes to a client that sends these bytes and nothing more.
///
/// # Errors
/// Settings that the server refuses, and a connection that breaks off.
pub async fn response(
    request: &[u8],
    settings: Settings,
    web_config: Option<WebConfig>,
    handler: Arc<dyn Handler>,
) -> Result<Vec<u8>, String> {
    let (mut client, server) = duplex(BUFFER);
    let mut response = Vec::new();
    let exchange = async {
        let sent = async {
            client.write_all(request).await?;
            client.shutdown().await
        };
        // A server may stop reading before the end.
        let _ = sent.await;
        let _ = client.read_to_end(&mut response).await;
    };
    serve_on(
        vec![One(Some(server))],
        settings,
        web_config,
        handler,
        exchange,
    )
    .await?;
    Ok(response)
}

/// Reads the text of a web configuration file, without the files that it names.
///
/// # Errors
/// Everything that is wrong with it.
pub fn config_file(text: &str) -> Result<(), Vec<String>> {
    let mut errors = Vec::new();
    config_file::parse(text, Path::new("web.yml"), &mut errors);
    match errors.is_empty() {
        true => Ok(()),
        false => Err(errors),
    }
}
