//! What clients send.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use liveperson_exporter::exposition::{Encoding, Format};
use liveperson_exporter::fuzzing::{daemon, web};
use liveperson_exporter::web::{
    Handler, MetricsPage, MetricsRequest, Readiness, Settings, StatusDocument, StatusRequest,
};
use tokio::runtime::{Builder, Runtime};

struct Pages;

impl Handler for Pages {
    fn metrics(&self, request: &MetricsRequest<'_>) -> MetricsPage {
        let chunks = vec![Bytes::from_static(b"up 1\n"); 3];
        MetricsPage {
            status: StatusCode::OK,
            content_type: Format::preferred(request.accept, request.user_agent).content_type(),
            content_encoding: Encoding::preferred(request.accept_encoding).name(),
            chunks: chunks.into(),
            retry_after: None,
        }
    }

    fn ready(&self) -> Readiness {
        Readiness::NotReady(vec!["not yet".to_owned()])
    }

    fn status<'a>(
        &'a self,
        _: StatusRequest<'a>,
    ) -> Pin<Box<dyn Future<Output = StatusDocument> + Send + 'a>> {
        Box::pin(async { StatusDocument::text(StatusCode::OK, "fine\n") })
    }

    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(async { Err("no".to_owned()) })
    }
}

thread_local! {
    /// Time stands still but for what waits for it: no limit makes a run slow.
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime"),
    );
}

/// Whatever a client sends, the server ends, answers in HTTP or not at all, and never with 500.
pub fn http_request(data: &[u8]) {
    let (lifecycle, request) = super::choice(data, 2);
    if request.len() > 512 * 1024 {
        return;
    }
    let settings = Settings {
        lifecycle: lifecycle == 1,
        ..Settings::default()
    };
    let response = RUNTIME.with_borrow(|runtime| {
        runtime.block_on(web::response(request, settings, None, Arc::new(Pages)))
    });
    let response = response.expect("the settings are good");
    let proper = response.is_empty() || response.starts_with(b"HTTP/1.");
    let shown = String::from_utf8_lossy(&response);
    assert!(proper, "{shown}");
    // A failed reload is reported as one.
    let failed = shown.contains("HTTP/1.1 500") && lifecycle == 0;
    assert!(!failed, "{shown}");
    // No request makes a header of its own in the response.
    assert!(!shown.contains("\r\nx-injected"), "{shown}");
}

const COLLECTORS: [&str; 2] = ["engagement_activity", "sla"];
const ACCOUNTS: [&str; 2] = ["1", "22222222"];

/// A query selects what is known and says so briefly when it is not.
pub fn scrape(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.lines();
    let request = MetricsRequest {
        user_agent: None,
        query: lines.next(),
        accept: lines.next(),
        accept_encoding: lines.next(),
    };
    match daemon::scrape(&request, &COLLECTORS, &ACCOUNTS) {
        Ok(scrape) => {
            let known = |values: &[String], known: &[&str]| {
                assert!(values.iter().all(|value| known.contains(&value.as_str())));
                // Each at most once.
                assert!(values.len() <= known.len(), "{values:?}");
            };
            known(&scrape.collectors, &COLLECTORS);
            known(&scrape.accounts, &ACCOUNTS);
            assert_eq!(
                scrape.format,
                Format::preferred(request.accept, request.user_agent)
            );
            assert_eq!(
                scrape.encoding,
                Encoding::preferred(request.accept_encoding)
            );
        }
        Err(message) => {
            let message = message.trim_end_matches('\n');
            assert!(!message.contains(['\n', '\r']), "{message}");
            assert!(message.chars().count() <= 1_000, "{message}");
        }
    }
}

/// Nothing is chosen that the header does not name, and what is unknown changes no choice.
pub fn accept_headers(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let small = text.to_ascii_lowercase();
    let format = Format::preferred(Some(&text), None);
    if format == Format::OpenMetrics {
        assert!(small.contains("application/openmetrics-text"), "{text}");
    }
    if format == Format::Protobuf {
        assert!(small.contains("application/vnd.google.protobuf"), "{text}");
    }
    let encoding = Encoding::preferred(Some(&text));
    if let Some(name) = encoding.name() {
        assert!(small.contains(name) || small.contains('*'), "{text}");
    }
    for more in [
        format!("{text},x/y;q=0.3"),
        format!("x/y;q=0.3,{text}"),
        format!("{text} "),
        small,
    ] {
        assert_eq!(
            Format::preferred(Some(&more), None),
            format,
            "{text} and {more}"
        );
        assert_eq!(
            Encoding::preferred(Some(&more)),
            encoding,
            "{text} and {more}"
        );
    }
}
