//! What `fuzz/` does with the bytes that it makes up: a function for each parser of bytes of
//! others, which feeds them in and checks a property. A panic is a finding.
//!
//! The product's own tests feed in the corpora, so that none of this rots between two campaigns.

mod config;
mod http;
mod liveperson;
mod simulator;
mod totals;

pub use config::{configuration, units, web_configuration};
pub use http::{accept_headers, http_request, scrape};
pub use liveperson::{domain, engagement_activity, error_text, names, retry_after, sla, token};
pub use simulator::fault_file;
pub use totals::state_file;

/// Feeds bytes in and panics when a property does not hold.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("engagement_activity", engagement_activity),
    ("sla", sla),
    ("names", names),
    ("domain", domain),
    ("token", token),
    ("error_text", error_text),
    ("retry_after", retry_after),
    ("configuration", configuration),
    ("units", units),
    ("web_configuration", web_configuration),
    ("http_request", http_request),
    ("scrape", scrape),
    ("accept_headers", accept_headers),
    ("fault_file", fault_file),
    ("state_file", state_file),
];

/// Stands for every secret. No message may hold it.
const SECRET: &str = "hush-Zq9/x+1";

/// Whether a message can be shown: short, on one line, and without [`SECRET`].
fn check_message(message: &str, longest: usize) {
    let length = message.chars().count();
    assert!(length <= longest, "{length} characters: {message}");
    let control = message.chars().any(char::is_control);
    assert!(!control, "control characters: {message:?}");
    assert!(!message.contains(SECRET), "the secret in {message}");
}

/// The first byte as a choice between so many, and the rest.
fn choice(data: &[u8], of: usize) -> (usize, &[u8]) {
    match data.split_first() {
        Some((first, rest)) => (usize::from(*first) % of, rest),
        None => (0, data),
    }
}
