//! A response body over shared chunks: nothing is copied, and what the response holds is released
//! only when its last byte has gone to the socket.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};

use super::activity::Activity;
use super::connection_table::ResponsePermit;

/// The bytes of a page, in chunks that may be made as they are written.
pub struct Chunks {
    length: u64,
    chunks: Box<dyn Iterator<Item = Bytes> + Send>,
}

impl Chunks {
    /// Chunks of a known total length in bytes. An iterator that ends before makes the connection
    /// break off, which tells the reader that the page is not whole.
    pub fn new(length: u64, chunks: impl Iterator<Item = Bytes> + Send + 'static) -> Self {
        let chunks = Box::new(chunks);
        Self { length, chunks }
    }

    /// The length of all chunks together, in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl Iterator for Chunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        self.chunks.next()
    }
}

impl From<Vec<Bytes>> for Chunks {
    fn from(chunks: Vec<Bytes>) -> Self {
        let length = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self::new(length, chunks.into_iter())
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.length)
    }
}

/// What a response keeps while it is under way: the connection's phase "busy" and, for a scrape,
/// the permit for it.
///
/// It hangs on every chunk as well as on the body, because the server drops the body as soon as
/// the last chunk is queued, long before a slow reader has taken it.
pub(super) struct ResponseGuard {
    activity: Arc<Activity>,
    /// A permit for the time of the response.
    pub(super) permit: Option<ResponsePermit>,
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
    chunks: Chunks,
    remaining: u64,
    guard: Arc<ResponseGuard>,
}

impl PageBody {
    /// The chunks in order; empty ones are skipped.
    pub(super) fn new(chunks: impl Into<Chunks>, guard: ResponseGuard) -> Self {
        let chunks = chunks.into();
        Self {
            remaining: chunks.length,
            chunks,
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
        let next = self.chunks.find(|chunk| !chunk.is_empty());
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

/// A piece of the page on its way to the socket.
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
    use crate::web::connection_table::Connections;

    async fn next(body: &mut PageBody) -> Chunk {
        let frame = body.frame().await.unwrap().unwrap();
        frame.into_data().ok().unwrap()
    }

    #[tokio::test]
    async fn chunks_are_passed_on_and_hold_their_permit() {
        let activity = Activity::new(false);
        let peer = SocketAddr::from(([127, 0, 0, 1], 1)).into();
        let table = Connections::new(1, 1);
        let (registration, _) = table.admit(peer, Arc::clone(&activity));
        let registration = Arc::new(registration);
        let mut guard = ResponseGuard::new(activity);
        guard.permit = registration.begin_response();
        assert!(guard.permit.is_some());
        let first = Bytes::from(vec![1_u8; 10]);
        let place = first.as_ptr();
        let mut body = PageBody::new(
            vec![
                first,
                Bytes::new(),
                Bytes::from_static(b"end"),
                Bytes::new(),
            ],
            guard,
        );
        assert_eq!(body.size_hint().exact(), Some(13));

        let one = next(&mut body).await;
        assert_eq!(one.chunk().as_ptr(), place, "the chunk was copied");
        let mut two = next(&mut body).await;
        assert!(body.is_end_stream());
        drop((body, one));
        two.advance(1);
        assert_eq!(two.chunk(), b"nd");
        let free = || registration.begin_response().is_some();
        assert!(!free(), "released before it was written");
        drop(two);
        assert!(free());
    }

    #[tokio::test]
    async fn an_empty_body_is_at_its_end() {
        let guard = ResponseGuard::new(Activity::new(false));
        let mut body = PageBody::new(vec![Bytes::new()], guard);
        assert!(body.is_end_stream());
        assert!(body.frame().await.is_none());
    }
}
