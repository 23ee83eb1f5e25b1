//! The daemon as the handler of web requests: metrics page, readiness, status page and reload.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::StatusCode;

use super::Daemon;
use super::account::AccountView;
use super::clock::aged;
use super::run_blocking::run_blocking;
use super::scrape::{self, ScrapeRequest};
use super::status::CollectorStatus;
use crate::collectors::Registry;
use crate::exposition::{Format, page_end, write_self_metrics};
use crate::liveperson::api;
use crate::metrics::ProcessMetrics;
use crate::metrics::exporter::{ConfigState, gather};
use crate::names;
use crate::store::PageFilter;
use crate::web::{
    Handler, MetricsPage, MetricsRequest, Readiness, StatusPage, StatusRow, WebConfig,
};

/// The daemon's pages.
pub struct DaemonHandler {
    daemon: Arc<Daemon>,
    web_config: Option<WebConfig>,
    process: ProcessMetrics,
}

impl DaemonHandler {
    /// The pages of a daemon, which also show the state of the web configuration that they are served by.
    pub fn new(daemon: Arc<Daemon>, web_config: Option<WebConfig>) -> Self {
        Self {
            daemon,
            web_config,
            process: ProcessMetrics::default(),
        }
    }

    /// The exporter's own metrics, with the last line of the page.
    fn self_metrics(
        &self,
        now: Instant,
        format: Format,
        filter: &PageFilter,
    ) -> Result<Vec<u8>, prometheus::Error> {
        let views = self.daemon.views();
        let wanted = || {
            let views = views.iter();
            views.filter(|view| filter.includes_account(view.status.account()))
        };
        let store = &self.daemon.shared.store;
        let aged = self.aged(now);
        let (series, stale_after) = (store.series(aged), store.stale_after());
        let states = wanted().map(|view| view.status.state(now, aged, stale_after, &series));
        let states: Vec<_> = states.collect();
        let counters = wanted().map(|view| &*view.counters);
        let web_config = self.web_config.as_ref();
        let config = ConfigState {
            web_config_in_force: web_config.is_none_or(WebConfig::last_reload_successful),
            ..self.daemon.config_state()
        };
        let mut gathered = gather(config, &states, counters, &self.process)?;
        let collectors = &self.daemon.shared.collectors;
        let collector_of = |api: &str| collector_of(collectors, api);
        gathered.keep_collectors(collector_of, |collector| {
            filter.includes_collector(collector)
        });
        let created = |family: &str, metric: &_| gathered.created(family, metric);
        let mut page = write_self_metrics(format, &gathered.families, created);
        page.extend_from_slice(page_end(format));
        Ok(page)
    }

    fn aged(&self, now: Instant) -> Instant {
        aged(now, &*self.daemon.shared.clock)
    }

    fn page(&self, request: &ScrapeRequest) -> Result<MetricsPage, String> {
        let now = now();
        let ScrapeRequest {
            format,
            encoding,
            filter,
        } = request;
        let self_metrics = self
            .self_metrics(now, *format, filter)
            .map_err(|error| error.to_string())?;
        let data = self
            .daemon
            .shared
            .store
            .page(self.aged(now), *format, filter);
        let body = || scrape::page_body(data, self_metrics, *encoding);
        let chunks = match format {
            // Running totals may have to be written in this format first.
            Format::Text => run_blocking(body),
            Format::OpenMetrics => body(),
        };
        let chunks = chunks.map_err(|error| error.to_string())?;
        Ok(MetricsPage {
            status: StatusCode::OK,
            content_type: format.content_type(),
            content_encoding: encoding.name(),
            chunks,
            retry_after: None,
        })
    }
}

/// Whose calls an `api` label counts: those of a collector or of the names; `None` for calls that are
/// made for all of them.
fn collector_of(collectors: &Registry, api: &str) -> Option<&'static str> {
    if api == api::NAMES {
        return Some(names::LABEL);
    }
    let mut collectors = collectors.about();
    let collector = collectors.find(|about| about.api == api);
    collector.map(|about| about.label)
}

/// What `collect[]` may name: the collectors, and the names of ids.
fn collector_labels(collectors: &Registry) -> Vec<&'static str> {
    let labels = collectors.about().map(|about| about.label);
    labels.chain([names::LABEL]).collect()
}

fn text_page(status: StatusCode, text: String) -> MetricsPage {
    MetricsPage {
        status,
        content_type: "text/plain; charset=utf-8",
        content_encoding: None,
        chunks: vec![text.into()].into(),
        retry_after: None,
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Handler for DaemonHandler {
    fn metrics(&self, request: &MetricsRequest<'_>) -> MetricsPage {
        let views = self.daemon.views();
        let accounts: Vec<_> = views.iter().map(|view| view.status.account()).collect();
        let labels = collector_labels(&self.daemon.shared.collectors);
        let scrape = match ScrapeRequest::read(request, &labels, &accounts) {
            Ok(scrape) => scrape,
            Err(mistake) => return text_page(StatusCode::BAD_REQUEST, mistake),
        };
        self.page(&scrape).unwrap_or_else(|error| {
            tracing::error!(error, "the page cannot be written");
            let text = format!("the page cannot be written: {error}\n");
            text_page(StatusCode::INTERNAL_SERVER_ERROR, text)
        })
    }

    fn ready(&self) -> Readiness {
        let views = self.daemon.views();
        let waiting = views.iter().flat_map(|view| {
            let collectors = view.status.collectors().into_iter();
            let unpolled = collectors.filter(|collector| collector.last_poll.is_none());
            unpolled.map(|collector| {
                let (account, kind) = (view.status.account(), collector.collector);
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

    fn status_page(&self) -> StatusPage {
        let now = now();
        let aged = self.aged(now);
        let stale_after = self.daemon.shared.store.stale_after();
        let views = self.daemon.views();
        let rows = views.iter().flat_map(|view| {
            let collectors = view.status.collectors();
            collectors
                .into_iter()
                .map(|c| row(view, &c, now, aged, stale_after))
                .collect::<Vec<_>>()
        });
        StatusPage {
            version: crate::VERSION.to_owned(),
            revision: crate::REVISION.to_owned(),
            shard: self.daemon.shard.map(|shard| shard.to_string()),
            rows: rows.collect(),
        }
    }

    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(self.daemon.reload())
    }
}

fn row(
    view: &AccountView,
    collector: &CollectorStatus,
    now: Instant,
    aged: Instant,
    stale_after: Duration,
) -> StatusRow {
    let state = match &collector.last_poll {
        _ if collector.up(aged, stale_after) && collector.error.is_none() => "up",
        // Its last poll was whole, but calls of the present one fail.
        _ if collector.up(aged, stale_after) => "up, retrying",
        None => "first poll under way",
        Some(poll) if poll.is_success() => "stale",
        Some(poll) if poll.succeeded > 0 => "partly failing",
        Some(_) => "failing",
    };
    let last_success = collector.last_success.map(|(at, wall)| {
        let ago = aged.saturating_duration_since(at).as_secs();
        format!("{wall:.0} ({ago} s ago)")
    });
    let left = |at: Instant| at.saturating_duration_since(now);
    let resumes = collector
        .resumes_at
        .map(left)
        .filter(|wait| !wait.is_zero());
    let next = match (resumes, view.status.waits(now)) {
        (Some(wait), _) => format!("next poll in {} s", wait.as_secs()),
        (None, Duration::ZERO) if collector.stretch() > 1.0 => {
            format!(
                "polling, late: {:.1} times its interval",
                collector.stretch()
            )
        }
        (None, Duration::ZERO) => "polling".to_owned(),
        (None, wait) => format!("waiting {} s after a failure", wait.as_secs()),
    };
    StatusRow {
        account: view.status.account().to_owned(),
        collector: collector.collector.to_owned(),
        state: state.to_owned(),
        last_success: last_success.unwrap_or_default(),
        detail: collector.error.clone().unwrap_or_default(),
        next,
    }
}
