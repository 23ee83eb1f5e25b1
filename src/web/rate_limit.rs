//! `rate_limit` of the web configuration file, a token bucket for all clients together.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// `rate_limit` as it is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RateLimitSettings {
    /// The time after which one token is added; more than zero.
    pub(super) interval: Duration,
    /// The most tokens there are.
    pub(super) burst: u32,
}

/// A bucket of tokens, one for each request.
pub(super) struct RateLimit {
    settings: RateLimitSettings,
    /// Guards the tokens.
    bucket: Mutex<Bucket>,
}

struct Bucket {
    tokens: f64,
    updated: Instant,
}

impl RateLimit {
    /// A full bucket.
    pub(super) fn new(settings: RateLimitSettings) -> Self {
        let bucket = Bucket {
            tokens: f64::from(settings.burst),
            updated: Instant::now(),
        };
        Self {
            settings,
            bucket: Mutex::new(bucket),
        }
    }

    /// What it was made with. While that stays the same, so does the bucket.
    pub(super) fn settings(&self) -> RateLimitSettings {
        self.settings
    }

    /// Takes a token if there is one.
    pub(super) fn allow(&self) -> bool {
        let RateLimitSettings { interval, burst } = self.settings;
        let mut bucket = self.bucket.lock();
        let now = Instant::now();
        let added = (now - bucket.updated).as_secs_f64() / interval.as_secs_f64();
        let tokens = (bucket.tokens + added).min(f64::from(burst));
        let allowed = tokens >= 1.0;
        *bucket = Bucket {
            tokens: if allowed { tokens - 1.0 } else { tokens },
            updated: now,
        };
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_bucket_refills_up_to_its_burst() {
        let limit = RateLimit::new(RateLimitSettings {
            interval: Duration::from_secs(1),
            burst: 2,
        });
        assert!(limit.allow() && limit.allow() && !limit.allow());
        tokio::time::advance(Duration::from_millis(500)).await;
        assert!(!limit.allow());
        tokio::time::advance(Duration::from_millis(500)).await;
        assert!(limit.allow() && !limit.allow());
        tokio::time::advance(Duration::from_secs(100)).await;
        assert!(limit.allow() && limit.allow() && !limit.allow());
    }
}
