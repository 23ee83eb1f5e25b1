//! Id lists cut so that no URL grows too long.

use url::Url;

use crate::vocabulary::Id;

/// No URL may pass this many characters.
const LONGEST_URL: usize = 2_000;
/// Length of `https://`, the longest host name there is, and a port; hosts are only known at run
/// time and may change.
const LONGEST_ORIGIN: usize = 8 + 253 + 6;

/// Cuts ids into lists whose URL stays short enough. `path_without_ids` is the path and query of
/// the request with an empty list, `base_url` the one that the configuration gives.
pub(super) fn split_ids<I: Id>(
    base_url: Option<&Url>,
    path_without_ids: &str,
    ids: &[I],
) -> Vec<Vec<I>> {
    let given = base_url.map_or(0, |url| url.as_str().len());
    let available = LONGEST_URL
        .saturating_sub(LONGEST_ORIGIN.max(given))
        .saturating_sub(path_without_ids.len());
    let mut lists: Vec<Vec<I>> = Vec::new();
    let mut used = 0;
    for id in ids {
        let length = id.to_string().len() + 1;
        match lists.last_mut() {
            Some(list) if used + length <= available => {
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
