//! The daemon as the handler of web requests: metrics page, readiness, status and reload.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use hyper::StatusCode;

use super::Daemon;
use super::clock::aged;
use super::run_blocking::run_blocking;
use super::scrape::{self, Kept, ScrapeRequest, SelfMetrics};
use super::status_cache::StatusCache;
use crate::collectors::Registry;
use crate::exposition::{Format, page_end, write_self_metrics};
use crate::liveperson::api;
use crate::metrics::ProcessMetrics;
use crate::metrics::exporter::{ConfigState, gather};
use crate::names;
use crate::store::PageFilter;
use crate::web::{
    Handler, MetricsPage, MetricsRequest, Readiness, StatusDocument, StatusRequest, WebConfig,
};

/// The most reasons for not being ready that are listed: probes ask often, and thousands of accounts
/// have half a megabyte of them.
const MOST_REASONS: usize = 100;

/// The daemon's pages.
pub struct DaemonHandler {
    daemon: Arc<Daemon>,
    web_config: Option<WebConfig>,
    process: ProcessMetrics,
    status: StatusCache,
    kept: Kept,
}

impl DaemonHandler {
    /// The pages of a daemon, which also show the state of the web configuration that they are served by.
    pub fn new(daemon: Arc<Daemon>, web_config: Option<WebConfig>) -> Self {
        Self {
            daemon,
            web_config,
            process: ProcessMetrics::default(),
            status: StatusCache::default(),
            kept: Kept::default(),
        }
    }

    /// The exporter's own metrics, with the last line of the page.
    fn self_metrics(
        &self,
        now: Instant,
        format: Format,
        filter: &PageFilter,
    ) -> Result<SelfMetrics, prometheus::Error> {
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
        if !filter.collectors.is_empty() {
            let collectors = &self.daemon.shared.collectors;
            let collector_of = |api: &str| collector_of(collectors, api);
            let wanted = |collector: &str| filter.includes_collector(collector);
            gathered.keep_collectors(collector_of, wanted);
        }
        let created = |family: &str, metric: &_| gathered.created(family, metric);
        // They are in the order of their names.
        let families = &gathered.families;
        let end = families.partition_point(|family| family.name() < "process_");
        let (polled, process) = families.split_at(end);
        let mut process = write_self_metrics(format, process, created);
        process.extend_from_slice(page_end(format));
        let polled = write_self_metrics(format, polled, created);
        Ok(SelfMetrics { polled, process })
    }

    /// The state of the exporter, put together on a blocking thread.
    async fn write_status(&self, request: StatusRequest<'_>) -> StatusDocument {
        let web_config = self.web_config.as_ref();
        let in_force = web_config.is_none_or(WebConfig::last_reload_successful);
        let daemon = Arc::clone(&self.daemon);
        let make = move || daemon.status_document(in_force);
        self.status.write(request, make).await
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
        let is_made = data.is_made();
        let body = || scrape::page_body(data, self_metrics, *encoding, &self.kept);
        // Handing the thread's other tasks over costs more than all else here, and is seldom needed.
        let chunks = match is_made {
            true => body(),
            false => run_blocking(body),
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

/// Reasons for not being ready, each with whether it goes by itself: errors first, and of thousands
/// the first.
fn most_important(mut reasons: Vec<(bool, String)>) -> Vec<String> {
    reasons.sort_by_key(|(by_itself, _)| *by_itself);
    let others = reasons.len().saturating_sub(MOST_REASONS);
    reasons.truncate(MOST_REASONS);
    let reasons = reasons.into_iter().map(|(_, reason)| reason);
    let others = (others > 0).then(|| format!("and {others} more"));
    reasons.chain(others).collect()
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
                let error = collector.error_message();
                let state = error.unwrap_or("the first poll is under way");
                let reason = format!("account {account}, {kind}: {state}");
                (error.is_none(), reason)
            })
        });
        let reasons = most_important(waiting.collect());
        if reasons.is_empty() {
            Readiness::Ready
        } else {
            Readiness::NotReady(reasons)
        }
    }

    fn status<'a>(
        &'a self,
        request: StatusRequest<'a>,
    ) -> Pin<Box<dyn Future<Output = StatusDocument> + Send + 'a>> {
        Box::pin(self.write_status(request))
    }

    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(self.daemon.reload())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_the_first_reasons_and_the_rest_is_counted() {
        let reason = |number: usize| (number != 120, number.to_string());
        let reasons = most_important((0..200).map(reason).collect());
        assert_eq!(reasons.len(), MOST_REASONS + 1);
        assert_eq!(reasons[..3], ["120", "0", "1"]);
        assert_eq!(reasons[MOST_REASONS], "and 100 more");
        let reasons = most_important((0..2).map(reason).collect());
        assert_eq!(reasons, ["0", "1"]);
        assert!(most_important(Vec::new()).is_empty());
    }
}
