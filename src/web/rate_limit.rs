//! How often anybody may ask: the `rate_limit` of the web configuration file.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A bucket of tokens, one of which comes back every `interval`.
pub(super) struct RateLimit {
    interval: Duration,
    burst: f64,
    bucket: Mutex<(f64, Instant)>,
}

impl RateLimit {
    /// A full bucket. `interval` is more than zero.
    pub(super) fn new(interval: Duration, burst: u32) -> Self {
        let burst = f64::from(burst);
        Self {
            interval,
            burst,
            bucket: Mutex::new((burst, Instant::now())),
        }
    }

    /// Whether this is the limit of these settings, and can go on when the file is read again.
    pub(super) fn is_of(&self, interval: Duration, burst: u32) -> bool {
        self.interval == interval && self.burst.to_bits() == f64::from(burst).to_bits()
    }

    /// Takes a token if there is one.
    pub(super) fn allow(&self) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, last) = *bucket;
        let now = Instant::now();
        let gained = (now - last).as_secs_f64() / self.interval.as_secs_f64();
        let tokens = (tokens + gained).min(self.burst);
        let allowed = tokens >= 1.0;
        *bucket = (if allowed { tokens - 1.0 } else { tokens }, now);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_bucket_refills() {
        let limit = RateLimit::new(Duration::from_secs(1), 2);
        assert!(limit.allow() && limit.allow() && !limit.allow());
        tokio::time::advance(Duration::from_millis(500)).await;
        assert!(!limit.allow());
        tokio::time::advance(Duration::from_millis(500)).await;
        assert!(limit.allow() && !limit.allow());
        tokio::time::advance(Duration::from_secs(100)).await;
        assert!(limit.allow() && limit.allow() && !limit.allow());
    }
}
