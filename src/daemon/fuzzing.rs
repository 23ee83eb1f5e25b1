//! What reads the query and the headers of a scrape, for `fuzz/`.

use super::scrape::ScrapeRequest;
use crate::exposition::{Encoding, Format};
use crate::web::MetricsRequest;

/// A scrape as it was understood.
#[derive(Debug, PartialEq)]
pub struct Scrape {
    /// By `Accept`.
    pub format: Format,
    /// By `Accept-Encoding`.
    pub encoding: Encoding,
    /// The values of `collect[]`; none for all.
    pub collectors: Vec<String>,
    /// The values of `account[]`; none for all.
    pub accounts: Vec<String>,
}

/// Reads a scrape.
///
/// # Errors
/// What is wrong with its query.
pub fn scrape(
    request: &MetricsRequest<'_>,
    collectors: &[&str],
    accounts: &[&str],
) -> Result<Scrape, String> {
    let scrape = ScrapeRequest::read(request, collectors, accounts)?;
    Ok(Scrape {
        format: scrape.format,
        encoding: scrape.encoding,
        collectors: scrape.filter.collectors,
        accounts: scrape.filter.accounts,
    })
}
