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
fn a_shard_without_an_account_says_so() {
    let credentials = "auth: {oauth2: {client_id: a, client_secret: b}}";
    let yaml = format!("accounts: [{{id: \"1\", {credentials}}}]\n");
    let (folder, file) = configuration(&yaml);
    let run = |arguments: &[&str]| {
        let mut command = command();
        command.args(arguments).arg(&file);
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let is_empty = |shard: &String| {
        run(&["check-config", shard])
            .1
            .contains(": 0 of 1 accounts")
    };
    let shards = (0..3).map(|index| format!("--shard={index}/3"));
    let empty = shards.filter(is_empty).collect::<Vec<_>>();
    assert_eq!(empty.len(), 2, "{empty:?}");
    let shard = empty[0].as_str();
    let (status, text) = run(&["test-connection", shard]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("No account belongs to this shard"), "{text}");
    assert!(!text.contains("All steps succeeded"), "{text}");
    let output = folder.path().join("history.om");
    let output = format!("--output={}", output.display());
    let (status, text) = run(&["backfill", shard, &output]);
    assert_eq!(status, Some(1), "{text}");
    assert!(
        text.contains("none of 1 configured accounts belongs to shard"),
        "{text}"
    );
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
