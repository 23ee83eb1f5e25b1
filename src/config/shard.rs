//! Which accounts belong to this instance when several instances share them: `--shard INDEX/TOTAL`.
//!
//! Rendezvous hashing: every account draws a number for each instance, and the highest one wins. So
//! an account is served by exactly one instance, each can tell by itself, and when TOTAL changes an
//! account moves only to an instance that is new or from one that is gone.

use std::fmt;

use sha1::{Digest as _, Sha1};

use super::preview::redacted_preview;

/// The most instances that can share the accounts.
const MAX_TOTAL: u32 = 1024;

/// What stands for the index when the pod's name has it.
const POD: &str = "pod";

/// One of several instances that share the accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    total: u32,
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.total)
    }
}

impl Shard {
    /// Reads `0/3`, or `pod/3` where the index is the number at the end of `pod_name`, as
    /// Kubernetes names the pods of a StatefulSet.
    ///
    /// # Errors
    /// What was found, and what is allowed.
    pub fn parse(text: &str, pod_name: Option<&str>) -> Result<Self, String> {
        let form = || {
            let text = redacted_preview(text);
            format!(
                "expected INDEX/TOTAL such as 0/3, INDEX from 0 to TOTAL-1 or `pod`, TOTAL from 1 to {MAX_TOTAL}, found {text}"
            )
        };
        let (index, total) = text.split_once('/').ok_or_else(form)?;
        let total = number(total).filter(|total| (1..=MAX_TOTAL).contains(total));
        let total = total.ok_or_else(form)?;
        if index == POD {
            return Self::of_pod(total, pod_name);
        }
        let index = number(index).filter(|index| *index < total);
        let index = index.ok_or_else(form)?;
        Ok(Self { index, total })
    }

    fn of_pod(total: u32, pod_name: Option<&str>) -> Result<Self, String> {
        let Some(name) = pod_name.filter(|name| !name.is_empty()) else {
            return Err("the pod's name is unknown: neither POD_NAME nor HOSTNAME is set".into());
        };
        let shown = redacted_preview(name);
        let index = name.rsplit_once('-').and_then(|(_, index)| number(index));
        let Some(index) = index else {
            return Err(format!(
                "the pod's name {shown} does not end in -NUMBER as those of a StatefulSet do"
            ));
        };
        if index >= total {
            return Err(format!(
                "the pod {shown} has the number {index}, but TOTAL is {total}: it has to be the number of replicas"
            ));
        }
        Ok(Self { index, total })
    }

    /// Which of the instances this one is, from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many instances there are.
    pub fn total(self) -> u32 {
        self.total
    }

    /// Whether an account is served by this instance.
    pub fn owns(self, account: &str) -> bool {
        owner(account, self.total) == Some(self.index)
    }
}

/// A number without a sign and without leading zeros.
fn number(text: &str) -> Option<u32> {
    let canonical = !text.starts_with('+') && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| canonical)
}

/// The instance that serves an account; `None` of no instance at all.
fn owner(account: &str, total: u32) -> Option<u32> {
    (0..total).max_by_key(|index| (weight(*index, account), *index))
}

/// What an account draws for an instance: the first 8 bytes of the SHA-1 of `INDEX/ACCOUNT`. It must
/// never change: instances of two versions run side by side during an upgrade.
fn weight(index: u32, account: &str) -> [u8; 8] {
    let digest = Sha1::digest(format!("{index}/{account}"));
    let mut weight = [0; 8];
    for (to, from) in weight.iter_mut().zip(digest) {
        *to = from;
    }
    weight
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    fn shard(index: u32, total: u32) -> Shard {
        Shard { index, total }
    }

    fn accounts() -> Vec<String> {
        let ids = (0..1000).map(|id| format!("{}", 10_000_000 + id * 37));
        ids.collect()
    }

    fn owners(accounts: &[String], total: u32) -> Vec<u32> {
        let owner = |account: &String| owner(account, total).unwrap();
        accounts.iter().map(owner).collect()
    }

    #[test]
    fn every_account_is_served_by_exactly_one_instance() {
        for total in 1..=64 {
            for account in &accounts()[..5] {
                let owns = |index: &u32| shard(*index, total).owns(account);
                assert_eq!((0..total).filter(owns).count(), 1, "{account} of {total}");
            }
        }
    }

    #[test]
    fn an_account_moves_only_to_or_from_an_instance_that_changes() {
        let accounts = accounts();
        let mut before = owners(&accounts, 1);
        for total in 2..=64 {
            let after = owners(&accounts, total);
            for (account, (from, to)) in accounts.iter().zip(before.iter().zip(&after)) {
                // Downwards, the same says that only accounts of the instance that goes move.
                assert!(from == to || *to == total - 1, "{account}: {from} to {to}");
            }
            before = after;
        }
    }

    #[test]
    fn accounts_are_spread_evenly() {
        let accounts = accounts();
        for total in [2, 3, 8] {
            let owners = owners(&accounts, total);
            let fair = accounts.len() as f64 / f64::from(total);
            for index in 0..total {
                let share = owners.iter().filter(|owner| **owner == index).count() as f64;
                assert!(
                    (share / fair - 1.0).abs() < 0.25,
                    "{index}/{total}: {share}"
                );
            }
        }
    }

    #[test]
    fn the_owner_of_an_account_never_changes() {
        // As `printf 0/12345678 | sha1sum` says.
        assert_eq!(weight(0, "12345678")[..4], [0xb0, 0x7c, 0x42, 0xd7]);
        let ids = ["12345678", "87654321", "le1", "qa-account"].map(str::to_owned);
        assert_eq!(owners(&ids, 3), [2, 1, 2, 2]);
    }

    #[test]
    fn shards_are_parsed() {
        let cases = [
            ("0/1", None, shard(0, 1)),
            ("2/3", None, shard(2, 3)),
            ("1023/1024", None, shard(1023, 1024)),
            ("pod/3", Some("liveperson-exporter-2"), shard(2, 3)),
            ("pod/3", Some("x-10-0"), shard(0, 3)),
        ];
        check_each(cases, |(text, pod, want)| {
            assert_eq!(Shard::parse(text, pod), Ok(want));
        });
        assert_eq!(shard(2, 3).to_string(), "2/3");
    }

    #[test]
    fn what_is_no_shard_says_what_is_allowed() {
        let cases = [
            ("", None, "found \"\""),
            ("3", None, "found 3"),
            ("3/3", None, "found 3/3"),
            ("-1/3", None, "found -1/3"),
            ("+1/3", None, "found +1/3"),
            ("01/3", None, "found 01/3"),
            ("0/0", None, "found 0/0"),
            ("0/1025", None, "TOTAL from 1 to 1024"),
            ("0/1/2", None, "found 0/1/2"),
            ("pod/x", Some("x-1"), "found pod/x"),
            ("pod/3", None, "neither POD_NAME nor HOSTNAME"),
            ("pod/3", Some("laptop"), "laptop does not end in -NUMBER"),
            ("pod/3", Some("x-3"), "the number of replicas"),
        ];
        check_each(cases, |(text, pod, want)| {
            let error = Shard::parse(text, pod).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        });
    }
}
