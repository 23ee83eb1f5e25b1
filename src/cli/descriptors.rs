//! The limit of open descriptors: each account holds a connection, so that hundreds of accounts need
//! more than the 1,024 that a process gets by default.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors besides those of accounts: 512 connections of clients, listeners, files being read.
const OTHERS: u64 = 600;

/// Raises the limit to what the system allows this process, as programs in Go do by themselves; the
/// lower one is for programs that use `select(2)`. Warns when it is too low for so many accounts.
pub(super) fn prepare(accounts: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::debug!(%error, "the limit of open descriptors stays as it is");
    }
    let needed = needed(accounts);
    // None: there is no limit.
    if let Some(limit) = getrlimit(Resource::Nofile).current.filter(|l| *l < needed) {
        tracing::warn!(
            limit,
            needed,
            accounts,
            "too few open descriptors are allowed for so many accounts; raise LimitNOFILE= or `ulimit -n`"
        );
    }
}

/// How many descriptors so many accounts need, with a connection each.
fn needed(accounts: usize) -> u64 {
    u64::try_from(accounts)
        .unwrap_or(u64::MAX)
        .saturating_add(OTHERS)
}
