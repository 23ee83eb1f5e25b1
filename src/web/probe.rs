//! Whether the accept loops run: each is asked now and then and answers between two connections.

use std::io;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use super::accept::Acceptor;
use super::listener::{Client, Listener, Stream};

/// Where an answer goes; none before the first question.
type Reply = Option<mpsc::UnboundedSender<()>>;

/// Asks the accept loops of a server whether they run.
#[derive(Debug)]
pub struct ListenerProbe {
    question: watch::Sender<Reply>,
    loops: usize,
}

impl ListenerProbe {
    /// A probe for these listeners, and the listeners as they can be asked.
    pub fn new(listeners: Vec<Listener>) -> (Self, Vec<ProbedListener>) {
        let (question, asked) = watch::channel(None);
        let loops = listeners.len();
        let listeners = listeners.into_iter();
        let probed = listeners.map(|listener| ProbedListener {
            listener,
            asked: asked.clone(),
        });
        (Self { question, loops }, probed.collect())
    }

    /// Whether every loop answers within `limit`.
    pub async fn answers(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let (reply, mut replies) = mpsc::unbounded_channel();
        self.question.send_replace(Some(reply));
        for _ in 0..self.loops {
            if !matches!(timeout_at(deadline, replies.recv()).await, Ok(Some(()))) {
                return false;
            }
        }
        true
    }
}

/// A listener whose accept loop answers a [`ListenerProbe`].
#[derive(Debug)]
pub struct ProbedListener {
    listener: Listener,
    asked: watch::Receiver<Reply>,
}

impl Acceptor for ProbedListener {
    type Stream = Stream;

    async fn accept(&mut self) -> io::Result<(Stream, Client)> {
        loop {
            tokio::select! {
                accepted = Acceptor::accept(&mut self.listener) => return accepted,
                Ok(()) = self.asked.changed() => {
                    if let Some(reply) = &*self.asked.borrow_and_update() {
                        // The receiver may be gone.
                        let _ = reply.send(());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::{TcpListener, TcpStream};

    async fn listeners(count: usize) -> (ListenerProbe, Vec<ProbedListener>) {
        let mut listeners = Vec::new();
        for _ in 0..count {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap().into());
        }
        ListenerProbe::new(listeners)
    }

    #[tokio::test(start_paused = true)]
    async fn loops_that_run_answer_and_one_that_hangs_does_not() {
        let (probe, mut listeners) = listeners(2).await;
        let mut second = listeners.pop().unwrap();
        let mut first = listeners.pop().unwrap();
        tokio::spawn(async move { first.accept().await });
        assert!(!probe.answers(Duration::from_secs(1)).await);
        tokio::spawn(async move { second.accept().await });
        assert!(probe.answers(Duration::from_secs(1)).await);
        assert!(probe.answers(Duration::from_secs(1)).await);
    }

    #[tokio::test]
    async fn connections_are_accepted_while_it_is_asked() {
        let (probe, mut listeners) = listeners(1).await;
        let mut listener = listeners.pop().unwrap();
        let address = listener.listener.local_addr().unwrap();
        let accepting = tokio::spawn(async move { listener.accept().await.map(|_| ()) });
        assert!(probe.answers(Duration::from_secs(60)).await);
        let _client = TcpStream::connect(address).await.unwrap();
        accepting.await.unwrap().unwrap();
    }
}
