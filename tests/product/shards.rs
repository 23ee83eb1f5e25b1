//! Several instances share the accounts of one configuration.

use std::collections::BTreeSet;

use crate::common::cases::check_each;
use crate::common::{command, configuration};

const ACCOUNTS: usize = 40;

fn yaml() -> String {
    let account = |number: usize| {
        format!("  - {{id: acct{number}x, auth: {{oauth2: {{client_id: a, client_secret: b}}}}}}\n")
    };
    let accounts: String = (0..ACCOUNTS).map(account).collect();
    format!("accounts:\n{accounts}")
}

/// The accounts that `check-config` plans for.
fn planned(arguments: &[&str], pod: &str) -> Result<BTreeSet<usize>, String> {
    let (_folder, file) = configuration(&yaml());
    let mut command = command();
    command.arg("check-config").arg(file).args(arguments);
    let output = command.env("POD_NAME", pod).output().unwrap();
    if !output.status.success() {
        assert_eq!(output.status.code(), Some(2));
        return Err(String::from_utf8(output.stderr).unwrap());
    }
    let plan = String::from_utf8(output.stdout).unwrap();
    let is_there = |number: &usize| plan.contains(&format!("acct{number}x"));
    Ok((0..ACCOUNTS).filter(is_there).collect())
}

#[test]
fn each_account_is_planned_by_one_of_three_instances() {
    let mut all = Vec::new();
    for index in 0..3 {
        let pod = format!("exporter-{index}");
        let own = planned(&[&format!("--shard={index}/3")], "").unwrap();
        assert!(!own.is_empty(), "{index}");
        assert_eq!(planned(&["--shard=pod/3"], &pod), Ok(own.clone()));
        all.extend(own);
    }
    all.sort_unstable();
    assert_eq!(all, (0..ACCOUNTS).collect::<Vec<_>>());
}

#[test]
fn one_instance_of_one_has_all_accounts() {
    assert_eq!(planned(&["--shard=0/1"], ""), planned(&[], ""));
}

#[test]
fn a_pod_beyond_the_total_says_so() {
    let cases = [
        ("exporter-3", "it has to be the number of replicas"),
        ("laptop", "does not end in -NUMBER"),
    ];
    check_each(cases, |(pod, want)| {
        let error = planned(&["--shard=pod/3"], pod).unwrap_err();
        assert!(error.contains(want), "{error}");
    });
}
