//! The alternative: the same server with the whole plain text kept in memory.

use std::future::{Future, pending};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::channel;

use bytes::Bytes;
use liveperson_exporter::web::{
    Handler, MetricsPage, MetricsRequest, Readiness, Settings, StatusDocument, StatusRequest, serve,
};

struct Plain(Vec<Bytes>);

impl Handler for Plain {
    fn metrics(&self, _: &MetricsRequest<'_>) -> MetricsPage {
        MetricsPage {
            status: hyper::StatusCode::OK,
            content_type: "text/plain",
            content_encoding: None,
            chunks: self.0.clone().into(),
            retry_after: None,
        }
    }

    fn ready(&self) -> Readiness {
        Readiness::Ready
    }

    fn status<'a>(
        &'a self,
        _: StatusRequest<'a>,
    ) -> Pin<Box<dyn Future<Output = StatusDocument> + Send + 'a>> {
        Box::pin(async { StatusDocument::text(hyper::StatusCode::OK, "fine\n") })
    }

    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(pending())
    }
}

/// Serves `text` in chunks as large as segments, until the program ends.
pub(crate) fn serve_plain(text: &[u8]) -> SocketAddr {
    let text = Bytes::copy_from_slice(text);
    let offsets = (0..text.len()).step_by(256 * 1024);
    let chunks = offsets.map(|at| text.slice(at..text.len().min(at + 256 * 1024)));
    let handler = Arc::new(Plain(chunks.collect()));
    let (ready, address) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            ready.send(listener.local_addr().unwrap()).unwrap();
            let listeners = vec![listener.into()];
            serve(listeners, Settings::default(), None, handler, pending()).await
        })
    });
    address.recv().unwrap()
}
