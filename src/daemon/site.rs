//! The daemon as a web site: the metrics page, readiness, the landing page and reloading.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::StatusCode;

use super::Daemon;
use super::account::AccountView;
use super::status::CollectorStatus;
use crate::exposition::CONTENT_TYPE;
use crate::metrics::exporter::{ProcessMetrics, render};
use crate::web::{Landing, LandingRow, MetricsPage, MetricsRequest, Readiness, Site};

/// The daemon's pages.
pub struct DaemonSite {
    daemon: Arc<Daemon>,
    process: ProcessMetrics,
}

impl DaemonSite {
    /// The pages of a daemon.
    pub fn new(daemon: Arc<Daemon>) -> Self {
        Self {
            daemon,
            process: ProcessMetrics::default(),
        }
    }

    fn own_series(&self, now: Instant) -> Result<Bytes, prometheus::Error> {
        let views = self.daemon.views();
        let store = &self.daemon.shared.store;
        let states: Vec<_> = views
            .iter()
            .map(|view| view.status.state(now, store))
            .collect();
        let counters = views.iter().map(|view| &*view.counters);
        let page = render(self.daemon.config_state(), &states, counters, &self.process)?;
        Ok(page.into())
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Site for DaemonSite {
    fn metrics(&self, _request: &MetricsRequest<'_>) -> MetricsPage {
        let now = now();
        let page = |status, content_type, chunks| MetricsPage {
            status,
            content_type,
            content_encoding: None,
            chunks,
            retry_after: None,
        };
        match self.own_series(now) {
            Ok(own) => {
                let mut chunks = self.daemon.shared.store.page(now);
                chunks.push(own);
                page(StatusCode::OK, CONTENT_TYPE, chunks)
            }
            Err(error) => {
                tracing::error!(%error, "the exporter's own series cannot be written");
                let text = format!("the exporter's own series cannot be written: {error}\n");
                let kind = "text/plain; charset=utf-8";
                page(StatusCode::INTERNAL_SERVER_ERROR, kind, vec![text.into()])
            }
        }
    }

    fn ready(&self) -> Readiness {
        let views = self.daemon.views();
        let waiting = views.iter().flat_map(|view| {
            let collectors = view.status.collectors().into_iter();
            let unpolled = collectors.filter(|collector| collector.last_poll.is_none());
            unpolled.map(|collector| {
                let (account, kind) = (view.status.account(), collector.kind.label());
                match collector.error {
                    Some(error) => format!("account {account}, {kind}: {error}"),
                    None => format!("account {account}, {kind}: the first poll is under way"),
                }
            })
        });
        let reasons: Vec<_> = waiting.collect();
        if reasons.is_empty() {
            Readiness::Ready
        } else {
            Readiness::NotReady(reasons)
        }
    }

    fn landing(&self) -> Landing {
        let now = now();
        let views = self.daemon.views();
        let rows = views.iter().flat_map(|view| {
            let collectors = view.status.collectors();
            collectors
                .into_iter()
                .map(|c| row(view, &c, now))
                .collect::<Vec<_>>()
        });
        Landing {
            version: crate::VERSION.to_owned(),
            revision: crate::REVISION.to_owned(),
            rows: rows.collect(),
        }
    }

    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(self.daemon.reload())
    }
}

fn row(view: &AccountView, collector: &CollectorStatus, now: Instant) -> LandingRow {
    let stale_after = view.status.stale_after();
    let state = match &collector.last_poll {
        _ if collector.up(now, stale_after) && collector.error.is_none() => "up",
        // Its last poll was whole, but calls of the present one fail.
        _ if collector.up(now, stale_after) => "up, retrying",
        None => "first poll under way",
        Some(poll) if poll.whole() => "stale",
        Some(poll) if poll.succeeded > 0 => "partly failing",
        Some(_) => "failing",
    };
    let last_success = collector.last_success.map(|(at, wall)| {
        let ago = now.saturating_duration_since(at).as_secs();
        format!("{wall:.0} ({ago} s ago)")
    });
    let left = |at: Instant| at.saturating_duration_since(now);
    let resumes = collector
        .resumes_at
        .map(left)
        .filter(|wait| !wait.is_zero());
    let next = match (resumes, view.status.waits(now)) {
        (Some(wait), _) => format!("next poll in {} s", wait.as_secs()),
        (None, Duration::ZERO) => "polling".to_owned(),
        (None, wait) => format!("waiting {} s after a failure", wait.as_secs()),
    };
    LandingRow {
        account: view.status.account().to_owned(),
        collector: collector.kind.label().to_owned(),
        state: state.to_owned(),
        last_success: last_success.unwrap_or_default(),
        detail: collector.error.clone().unwrap_or_default(),
        next,
    }
}
