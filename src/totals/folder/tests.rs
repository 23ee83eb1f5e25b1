//! The folder on a real file system. What a power failure leaves behind is shown by `crash`, on a
//! model of one.

mod crash;
mod model;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;
use crate::cases::check_each;

const NOW: i64 = 1_700_000_000;

/// Totals of an account that are known by when they were saved.
fn state(account: &str, saved_at: i64) -> AccountState {
    let account_json = serde_json::to_string(account).unwrap();
    let json = format!(
        r#"{{"version":1,"account":{account_json},"saved_at":{saved_at},"collectors":{{"sla":{{
        "lost_seconds":300,"lost_until":0,"corrections":2,"requests":[{{"anchor":1699999800,
        "answered":1699999900,"layout":[15,30],"totals":{{"account":[[[],1699999800,1699999900,
        [3,4,0.1],[5,6.5,null]]]}}}}]}}}}}}"#
    );
    AccountState::from_json(account, json.as_bytes()).unwrap()
}

fn saved_at(loaded: &Loaded) -> Option<i64> {
    loaded.state.as_ref().map(|state| state.saved_at)
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// A parent for a state folder, and the path of one that does not exist yet.
fn fresh() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("state");
    (parent, path)
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn totals_are_there_again_in_the_next_process() {
    let (_parent, path) = fresh();
    let folder = Folder::open(&path).unwrap();
    assert_eq!(folder.load("1", NOW), Loaded::default());
    folder.save(&state("1", 10)).unwrap();
    folder.save(&state("1", 20)).unwrap();
    folder.save(&state("2", 30)).unwrap();
    drop(folder);
    let folder = Folder::open(&path).unwrap();
    let json = |state: Option<AccountState>| state.unwrap().to_json().unwrap();
    let found = json(folder.load("1", NOW).state);
    assert_eq!(found, json(Some(state("1", 20))));
    assert_eq!(saved_at(&folder.load("2", NOW)), Some(30));
    assert_eq!(saved_at(&folder.load("3", NOW)), None);
    assert_eq!(names(&path), ["account-1.json", "account-2.json", "lock"]);
}

#[test]
fn folder_and_files_are_private() {
    let (_parent, path) = fresh();
    let folder = Folder::open(&path).unwrap();
    folder.save(&state("1", 10)).unwrap();
    folder.mark_clean_stop().unwrap();
    assert_eq!(mode(&path), 0o700);
    for name in ["account-1.json", "lock", "clean-stop"] {
        assert_eq!(mode(&path.join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_second_process_is_refused_and_the_first_is_named() {
    let (_parent, path) = fresh();
    let first = Folder::open(&path).unwrap();
    let error = Folder::open(&path).err().unwrap().to_string();
    let expected = format!(
        "the state folder {} is in use by another process ({}): stop that one, or give each \
         process a --state.dir of its own",
        path.display(),
        std::process::id()
    );
    assert_eq!(error, expected);
    drop(first);
    assert!(Folder::open(&path).is_ok());
}

#[test]
fn a_folder_that_cannot_be_used_is_an_error_with_its_path() {
    let (parent, path) = fresh();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    let linked = parent.path().join("linked");
    fs::create_dir(&linked).unwrap();
    symlink("elsewhere", linked.join("lock")).unwrap();
    let mut wrong = Vec::new();
    check_each(
        [
            (
                path.join("deeper"),
                ["cannot open the state folder", "No such file"],
            ),
            (file, ["cannot open the state folder", "Not a directory"]),
            (linked, ["cannot lock", "this process runs as user"]),
            // Not even root makes files here.
            ("/proc".into(), ["cannot lock", "belongs to user 0"]),
        ],
        |(path, parts)| {
            let error = match Folder::open(&path) {
                Ok(_) => "none".to_owned(),
                Err(error) => error.to_string(),
            };
            let path = path.display().to_string();
            if !parts.iter().all(|part| error.contains(part)) || !error.contains(&path) {
                wrong.push(format!("{path}: {error}"));
            }
        },
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_that_cannot_be_used_is_renamed_and_kept() {
    let good = state("1", 10).to_json().unwrap();
    let other = state("2", 10).to_json().unwrap();
    let garbled: Vec<u8> = good.iter().map(|byte| byte ^ 0x55).collect();
    let version = br#"{"version":2,"totals":[]}"#;
    let mut wrong = Vec::new();
    check_each(
        [
            ("empty", &b""[..]),
            ("truncated", &good[..good.len() / 2]),
            ("garbled", &garbled),
            ("a version to come", version),
            ("no version", b"{}"),
            ("of another account", &other),
            ("another program's", b"[Unit]\nDescription=x\n"),
            ("zeros of a power failure", &[0; 4096]),
        ],
        |(what, content)| {
            let (_parent, path) = fresh();
            let folder = Folder::open(&path).unwrap();
            fs::write(path.join("account-1.json"), content).unwrap();
            let loaded = folder.load("1", NOW);
            folder.save(&state("1", 20)).unwrap();
            let kept = fs::read(path.join("account-1.json.damaged-20231114T221320Z"));
            let again = folder.load("1", NOW);
            if loaded.state.is_some()
                || !loaded.rejected
                || kept.ok().as_deref() != Some(content)
                || saved_at(&again) != Some(20)
                || again.rejected
            {
                wrong.push(format!("{what}: {loaded:?}, {:?}", names(&path)));
            }
        },
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_no_file_is_renamed_and_never_followed() {
    let (parent, path) = fresh();
    let target = parent.path().join("target");
    fs::write(&target, state("1", 10).to_json().unwrap()).unwrap();
    let folder = Folder::open(&path).unwrap();
    symlink(&target, path.join("account-1.json")).unwrap();
    fs::create_dir(path.join("account-2.json")).unwrap();
    let fifo = path.join("account-3.json");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).unwrap();
    for account in ["1", "2", "3"] {
        let loaded = folder.load(account, NOW);
        assert!(loaded.rejected && loaded.state.is_none(), "{account}");
        folder.save(&state(account, 20)).unwrap();
        assert_eq!(saved_at(&folder.load(account, NOW)), Some(20), "{account}");
    }
    let before = state("1", 10).to_json().unwrap();
    assert_eq!(fs::read(target).unwrap(), before, "written through a link");
}

#[test]
fn renamed_files_never_replace_earlier_ones() {
    let (_parent, path) = fresh();
    for content in ["a", "b", "c"] {
        let folder = Folder::open(&path).unwrap();
        fs::write(path.join("account-1.json"), content).unwrap();
        assert!(folder.load("1", NOW).rejected);
    }
    let base = "account-1.json.damaged-20231114T221320Z";
    let read = |suffix: &str| fs::read_to_string(path.join(format!("{base}{suffix}"))).unwrap();
    assert_eq!([read(""), read("-2"), read("-3")], ["a", "b", "c"]);
}

#[test]
fn a_file_that_was_never_read_is_not_overwritten() {
    let (_parent, path) = fresh();
    Folder::open(&path).unwrap().save(&state("1", 10)).unwrap();
    let folder = Folder::open(&path).unwrap();
    folder.save(&state("1", NOW)).unwrap();
    let kept = fs::read(path.join("account-1.json.damaged-20231114T221320Z")).unwrap();
    assert_eq!(kept, state("1", 10).to_json().unwrap());
}

#[test]
fn no_account_id_leads_out_of_the_folder() {
    let (parent, path) = fresh();
    let folder = Folder::open(&path).unwrap();
    let odd = [
        ".",
        "..",
        "../x",
        "/etc/passwd",
        "a/b",
        "a\0b",
        "1.json",
        "ä",
        " ",
        "%2e%2e",
        "",
        "-_",
    ];
    for id in odd {
        folder.save(&state(id, 10)).unwrap();
    }
    drop(folder);
    let folder = Folder::open(&path).unwrap();
    for id in odd {
        assert_eq!(saved_at(&folder.load(id, NOW)), Some(10), "{id:?}");
    }
    assert_eq!(names(&path).len(), odd.len() + 1, "{:?}", names(&path));
    assert_eq!(names(parent.path()), ["state"]);
    assert_eq!(file_name("../a_1-B"), "account-%2E%2E%2Fa_1-B.json");
}

#[test]
fn only_leftovers_of_saves_are_removed_at_the_start() {
    let (_parent, path) = fresh();
    fs::create_dir(&path).unwrap();
    let kept = [
        "account-1.json",
        "account-1.json.damaged-20231114T221320Z",
        "account-1.json.new-mine",
        "notes.new-1",
    ];
    let removed = ["account-1.json.new-0", "account-1.json.new-17"];
    for name in kept.iter().chain(&removed) {
        fs::write(path.join(name), "x").unwrap();
    }
    Folder::open(&path).unwrap();
    let mut expected = [&kept[..], &["lock"]].concat();
    expected.sort_unstable();
    assert_eq!(names(&path), expected);
}

#[test]
fn a_clean_stop_counts_once() {
    let (_parent, path) = fresh();
    let folder = Folder::open(&path).unwrap();
    assert!(!folder.take_clean_stop());
    folder.mark_clean_stop().unwrap();
    folder.mark_clean_stop().unwrap();
    drop(folder);
    let folder = Folder::open(&path).unwrap();
    assert!(folder.take_clean_stop());
    assert!(!folder.take_clean_stop());
    fs::create_dir(path.join("clean-stop")).unwrap();
    assert!(!folder.take_clean_stop(), "it cannot be removed");
    assert!(folder.mark_clean_stop().is_ok() && !folder.take_clean_stop());
}

#[test]
fn unusual_owners_and_permissions_are_remarked_upon() {
    let mut wrong = Vec::new();
    check_each(
        [
            (1000, 0o700, 1000, None),
            // A volume of a container: it belongs to root and is open to a group.
            (0, 0o2775, 1000, None),
            (1000, 0o777, 1000, Some("every user")),
            (0, 0o1777, 0, Some("every user")),
            (7, 0o700, 0, Some("belongs to user 7")),
        ],
        |(owner, mode, user, expected)| {
            let found = remark(owner, mode, user);
            let matches = match (&found, expected) {
                (Some(found), Some(part)) => found.contains(part),
                (found, expected) => found.is_none() && expected.is_none(),
            };
            if !matches {
                wrong.push(format!("{owner} {mode:o} {user}: {found:?}"));
            }
        },
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
