//! An exporter that has one account and no data yet: what a scrape costs whatever the size of the page.

use std::sync::Arc;

use liveperson_exporter::clock::SystemClock;
use liveperson_exporter::collectors::Registry;
use liveperson_exporter::config::{Environment, load_text};
use liveperson_exporter::daemon::{Daemon, DaemonHandler};
use liveperson_exporter::web::{Handler as _, MetricsPage, MetricsRequest};
use tokio::runtime::{Builder, Runtime};

/// Nothing of it runs but what a scrape calls: its tasks have no thread.
pub(crate) struct Exporter {
    runtime: Runtime,
    handler: DaemonHandler,
}

impl Exporter {
    pub(crate) fn start() -> Self {
        let collectors = Registry::standard();
        let yaml = "accounts: [{id: '1', auth: {oauth2: {client_id: a, client_secret: b}}}]\n";
        let environment = Environment::from_pairs::<String, String>([]);
        let loaded = load_text("text", yaml, &environment, &collectors.sections());
        let config = loaded.map_err(|errors| errors.to_string()).unwrap().config;
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let daemon = runtime.block_on(async {
            let source = Arc::new(|| Err("nobody reloads it".to_owned()));
            Daemon::start(collectors, config, source, Arc::new(SystemClock), None).unwrap()
        });
        Self {
            runtime,
            handler: DaemonHandler::new(daemon, None),
        }
    }

    pub(crate) fn scrape(&self) -> MetricsPage {
        let _inside = self.runtime.enter();
        self.handler.metrics(&MetricsRequest {
            accept: Some("application/openmetrics-text;version=1.0.0"),
            accept_encoding: Some("gzip"),
            user_agent: None,
            query: None,
        })
    }
}
