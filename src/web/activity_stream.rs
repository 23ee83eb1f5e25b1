//! A byte stream that reports to a connection's [`Activity`] what goes over it: the socket below TLS
//! whether it takes bytes, the stream above TLS that HTTP makes progress.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::activity::Activity;

/// What wants to know of reads and writes.
pub(super) trait Observer {
    /// So many bytes were read.
    fn read(&self, bytes: usize);
    /// How an attempt to write ended.
    fn written(&self, outcome: &Poll<io::Result<usize>>);
}

/// Of the socket: whether it takes nothing more. TLS, if there is any, is above it.
pub(super) struct SocketObserver(pub(super) Arc<Activity>);

impl Observer for SocketObserver {
    fn read(&self, _bytes: usize) {}

    fn written(&self, outcome: &Poll<io::Result<usize>>) {
        self.0.set_blocked(outcome.is_pending());
    }
}

/// Of what HTTP reads and writes: that bytes moved.
pub(super) struct HttpObserver(pub(super) Arc<Activity>);

impl Observer for HttpObserver {
    fn read(&self, bytes: usize) {
        if bytes > 0 {
            self.0.bytes_read();
        }
    }

    fn written(&self, outcome: &Poll<io::Result<usize>>) {
        if matches!(outcome, Poll::Ready(Ok(1..))) {
            self.0.bytes_written();
        }
    }
}

/// A stream with its observer.
pub(super) struct ActivityStream<S, O> {
    stream: S,
    observer: O,
}

impl<S, O> ActivityStream<S, O> {
    pub(super) fn new(stream: S, observer: O) -> Self {
        Self { stream, observer }
    }
}

impl<S: AsyncRead + Unpin, O: Observer + Unpin> AsyncRead for ActivityStream<S, O> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.observer.read(buffer.filled().len() - before);
        outcome
    }
}

impl<S: AsyncWrite + Unpin, O: Observer + Unpin> AsyncWrite for ActivityStream<S, O> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.observer.written(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.observer.written(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
