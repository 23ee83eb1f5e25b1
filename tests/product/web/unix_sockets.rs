//! Unix sockets: the same server behind a file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use liveperson_exporter::web::{
    self, Handler, Settings, SocketAccess, WebConfig, bind_with, parse_listen_address,
};
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::sync::oneshot;

use super::client::{Answer, FakeHandler, read_answer, with_alice};
use crate::common::cases::check_each_async;

async fn ask(path: &std::path::Path, head: &str) -> Answer {
    let mut stream = UnixStream::connect(path).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    read_answer(&mut stream).await
}

#[tokio::test]
async fn a_unix_socket_serves_what_tcp_serves() {
    let (_folder, web_config) = with_alice("");
    let cases: [(Option<WebConfig>, u16); 2] = [(None, 200), (Some(web_config), 401)];
    for (web_config, status) in cases {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("web.sock");
        let address = parse_listen_address(&format!("unix:{}", socket.display())).unwrap();
        let access = SocketAccess {
            mode: 0o600,
            ..SocketAccess::default()
        };
        let listeners = bind_with(std::slice::from_ref(&address), &access)
            .await
            .unwrap();
        assert_eq!(listeners[0].to_string(), address.to_string());
        let mode = fs::metadata(&socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = bind_with(&[address], &access).await.unwrap_err();
        assert!(error.contains("another process listens there"), "{error}");
        let (stop, stopped) = oneshot::channel::<()>();
        let handler: Arc<dyn Handler> = Arc::new(FakeHandler::default());
        let server = tokio::spawn(web::serve(
            listeners,
            Settings::default(),
            web_config,
            handler,
            async {
                let _ = stopped.await;
            },
        ));
        let paths = ["/metrics", "/-/healthy", "/"];
        check_each_async(paths, async |path| {
            let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assert_eq!(ask(&socket, &head).await.status, status);
        })
        .await;
        stop.send(()).unwrap();
        server.await.unwrap().unwrap();
        assert!(!socket.exists(), "removed with the server");
    }
}
