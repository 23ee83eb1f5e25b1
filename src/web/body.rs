//! A response body over shared chunks: nothing large is copied, and what the response holds is released
//! only when its last byte was written to the socket.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};

use super::activity::Activity;
use super::chunks::{Chunks, Joined};
use super::connection_table::ScrapePermit;

/// What a response holds until it is written: the connection's phase "busy" and, for a scrape, its
/// permit.
///
/// Every chunk holds it as well as the body, because hyper drops the body as soon as the last chunk
/// is queued, long before a slow reader has taken it.
pub(super) struct ResponseGuard {
    activity: Arc<Activity>,
    /// The permit of a scrape.
    pub(super) permit: Option<ScrapePermit>,
}

impl ResponseGuard {
    /// Marks the connection busy until this is dropped.
    pub(super) fn new(activity: Arc<Activity>) -> Self {
        activity.request_started();
        Self {
            activity,
            permit: None,
        }
    }
}

impl Drop for ResponseGuard {
    fn drop(&mut self) {
        self.activity.response_written();
    }
}

/// A body of known length, made of chunks.
pub(super) struct PageBody {
    chunks: Joined,
    remaining: u64,
    guard: Arc<ResponseGuard>,
}

impl PageBody {
    /// The chunks in order; small ones are joined.
    pub(super) fn new(chunks: impl Into<Chunks>, guard: ResponseGuard) -> Self {
        let chunks = chunks.into();
        Self {
            remaining: chunks.length(),
            chunks: Joined::new(chunks),
            guard: Arc::new(guard),
        }
    }
}

impl Body for PageBody {
    type Data = Chunk;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunk>, Infallible>>> {
        let next = self.chunks.next();
        Poll::Ready(next.map(|bytes| {
            self.remaining = self.remaining.saturating_sub(bytes.len() as u64);
            Ok(Frame::data(Chunk {
                bytes,
                _guard: Arc::clone(&self.guard),
            }))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// A chunk of the page on its way to the socket.
pub(super) struct Chunk {
    bytes: Bytes,
    _guard: Arc<ResponseGuard>,
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use http_body_util::BodyExt;

    use super::*;
    use crate::web::connection_table::ConnectionTable;

    async fn next(body: &mut PageBody) -> Chunk {
        let frame = body.frame().await.unwrap().unwrap();
        frame.into_data().ok().unwrap()
    }

    #[tokio::test]
    async fn chunks_are_passed_on_and_hold_the_permit() {
        let activity = Activity::new(false);
        let peer = SocketAddr::from(([127, 0, 0, 1], 1)).into();
        let table = ConnectionTable::new(1, 1);
        let (connection, _) = table.admit(peer, Arc::clone(&activity));
        let connection = Arc::new(connection);
        let mut guard = ResponseGuard::new(activity);
        guard.permit = connection.begin_scrape();
        assert!(guard.permit.is_some());
        let first = Bytes::from(vec![1_u8; 10_000]);
        let address = first.as_ptr();
        let mut body = PageBody::new(
            vec![
                first,
                Bytes::new(),
                Bytes::from_static(b"end"),
                Bytes::new(),
            ],
            guard,
        );
        assert_eq!(body.size_hint().exact(), Some(10_003));

        let one = next(&mut body).await;
        assert_eq!(one.chunk().as_ptr(), address, "the chunk was copied");
        let mut two = next(&mut body).await;
        assert!(body.is_end_stream());
        drop((body, one));
        two.advance(1);
        assert_eq!(two.chunk(), b"nd");
        let permit_is_free = || connection.begin_scrape().is_some();
        assert!(!permit_is_free(), "released before it was written");
        drop(two);
        assert!(permit_is_free());
    }

    #[tokio::test]
    async fn an_empty_body_is_at_its_end() {
        let guard = ResponseGuard::new(Activity::new(false));
        let mut body = PageBody::new(vec![Bytes::new()], guard);
        assert!(body.is_end_stream());
        assert!(body.frame().await.is_none());
    }
}
