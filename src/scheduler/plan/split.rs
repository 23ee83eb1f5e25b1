//! Id lists cut so that no URL grows too long.

use crate::config::Account;

/// No URL may pass this many characters.
const LONGEST_URL: usize = 2_000;

/// Room for `https://`, the longest host name there is, and a port; hosts are only known at run
/// time and may change.
const LONGEST_ORIGIN: usize = 8 + 253 + 6;

/// Cuts ids into lists whose URL stays short enough. `path_without_ids` is the path and query of
/// the request with an empty list.
pub(super) fn split(account: &Account, path_without_ids: &str, ids: &[i64]) -> Vec<Vec<i64>> {
    let given = account
        .hosts
        .get("leDataReporting")
        .map_or(0, |url| url.as_str().len());
    let room = LONGEST_URL
        .saturating_sub(LONGEST_ORIGIN.max(given))
        .saturating_sub(path_without_ids.len());
    let mut lists: Vec<Vec<i64>> = Vec::new();
    let mut used = 0;
    for id in ids {
        let length = id.to_string().len() + 1;
        match lists.last_mut() {
            Some(list) if used + length <= room => {
                list.push(*id);
                used += length;
            }
            _ => {
                lists.push(vec![*id]);
                used = length;
            }
        }
    }
    lists
}
