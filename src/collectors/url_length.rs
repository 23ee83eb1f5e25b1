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
        let length = digits(*id) + 1;
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

/// How many characters an id has. Not by writing it: this runs for every id of a list whenever the
/// request that feeds one of a hundred thousand running totals is looked for.
fn digits<I: Id>(id: I) -> usize {
    let number: i64 = id.into();
    let more_than_one = number.unsigned_abs().checked_ilog10().unwrap_or(0);
    usize::from(number < 0) + 1 + more_than_one as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::SkillId;

    #[test]
    fn an_id_is_as_long_as_it_is_written() {
        let ids = [-1, 0, 9, 10, 99, 100, i64::MAX, i64::MIN].map(SkillId::from);
        let lengths = ids.map(digits);
        assert_eq!(lengths, ids.map(|id| id.to_string().len()));
    }
}
