//! What all connections of one server share.

use std::sync::Arc;

use super::connection_table::ConnectionTable;
use super::handler::Handler;
use super::reload::Reloads;
use super::settings::Settings;
use super::web_config::WebConfig;

/// One server, as its connections see it.
pub(super) struct Server {
    pub(super) settings: Settings,
    pub(super) web_config: Option<WebConfig>,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) connections: Arc<ConnectionTable>,
    pub(super) reloads: Arc<Reloads>,
}
