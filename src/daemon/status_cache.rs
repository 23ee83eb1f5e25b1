//! The document behind `/` and `/api/v1/status`, made at most once a second however many ask.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use tokio::time::Instant;

use crate::exposition::{Compressor, Encoding, GzipFraming};
use crate::status::{self, Status};
use crate::web::{StatusDocument, StatusForm, StatusRequest};

/// How long a document is shown. A flood of readers costs one document in this time.
const LIFETIME: Duration = Duration::from_secs(1);

/// The document that was made last.
#[derive(Default)]
pub(super) struct StatusCache {
    /// Held while another one is made: those who ask meanwhile wait for it.
    last: tokio::sync::Mutex<Option<(Instant, Arc<Status>)>>,
}

impl StatusCache {
    /// Writes the present document; `make` makes it, on a blocking thread.
    pub(super) async fn write(
        &self,
        request: StatusRequest<'_>,
        make: impl FnOnce() -> Status + Send + 'static,
    ) -> StatusDocument {
        let Some(status) = self.present(make).await else {
            return failed("the status cannot be put together; this is a bug, the log says more");
        };
        let encoding = Encoding::preferred(request.accept_encoding);
        let (content_type, policy, text) = match request.form {
            StatusForm::Page(access) => {
                let page = status::page(&status, access);
                ("text/html; charset=utf-8", Some(status::policy()), page)
            }
            StatusForm::Json => match status.to_json() {
                Ok(json) => ("application/json", None, json),
                Err(error) => return failed(&format!("the status cannot be written: {error}")),
            },
        };
        let (encoding, body) = encoded(text, encoding);
        StatusDocument {
            status: StatusCode::OK,
            content_type,
            content_encoding: encoding.name(),
            policy,
            body,
        }
    }

    async fn present(&self, make: impl FnOnce() -> Status + Send + 'static) -> Option<Arc<Status>> {
        let mut last = self.last.lock().await;
        if let Some((made, status)) = &*last
            && made.elapsed() < LIFETIME
        {
            return Some(Arc::clone(status));
        }
        let status = Arc::new(tokio::task::spawn_blocking(make).await.ok()?);
        *last = Some((Instant::now(), Arc::clone(&status)));
        Some(status)
    }
}

fn encoded(text: String, encoding: Encoding) -> (Encoding, Bytes) {
    if encoding == Encoding::Gzip
        && let Ok(end) = Compressor::new().finish(text.as_bytes(), GzipFraming::default())
    {
        let whole = [GzipFraming::header(), end].concat();
        return (Encoding::Gzip, whole.into());
    }
    (Encoding::Identity, text.into())
}

fn failed(text: &str) -> StatusDocument {
    tracing::error!("{text}");
    StatusDocument::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{text}\n"))
}
