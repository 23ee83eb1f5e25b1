//! What is found after a power failure between any two steps, and after a step that fails.

use std::io::ErrorKind;

use super::model::{Fault, Model};
use super::*;
use crate::cases::check_each;

const FILE: &str = "account-1.json";
const DAMAGED_FILE: &str = "account-1.json.damaged-20231114T221320Z";

fn open(disk: &Model) -> Folder {
    Folder::on(Path::new("/state"), Box::new(disk.clone()), None)
}

fn json(saved_at: i64) -> Vec<u8> {
    state("1", saved_at).to_json().unwrap()
}

/// Does `work` with a power failure at each of its steps in turn, and lastly with one after it. `check`
/// gets what `work` returned and each disk that the next process may find; it returns what is wrong.
fn with_power_failures<T: Copy>(
    start: impl Fn() -> Model,
    work: impl Fn(&Folder) -> T,
    check: impl Fn(T, &Model) -> Option<String>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for steps in 0.. {
        let disk = start();
        let folder = open(&disk);
        disk.fail_after(steps, Fault::PowerFailure);
        let result = work(&folder);
        let disks = disk.after_power_failure();
        for (number, after) in disks.iter().enumerate() {
            let found = check(result, after);
            wrong.extend(found.map(|what| format!("step {steps}, disk {number}: {what}")));
        }
        if disk.fault_is_to_come() {
            assert!(steps > 1, "there is hardly a step");
            return wrong;
        }
    }
    wrong
}

/// What is wrong with a disk on which totals were saved at `new`, after those of `old`.
fn check_saved(saved: bool, old: Option<i64>, new: i64, disk: &Model) -> Option<String> {
    let folder = open(disk);
    let loaded = folder.load("1", NOW);
    let found = saved_at(&loaded);
    if loaded.rejected || !(found == Some(new) || (!saved && found == old)) {
        return Some(format!("saved {saved}, found {loaded:?}"));
    }
    folder.save(&state("1", 30)).unwrap();
    let names = disk.names().unwrap();
    (names != [FILE] || disk.content(FILE) != Some(json(30))).then(|| format!("left {names:?}"))
}

#[test]
fn after_a_power_failure_a_file_is_old_or_new() {
    let wrong = with_power_failures(
        || Model::with(FILE, &json(10)),
        |folder| {
            assert_eq!(saved_at(&folder.load("1", NOW)), Some(10));
            folder.save(&state("1", 20)).is_ok()
        },
        |saved, disk| check_saved(saved, Some(10), 20, disk),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn after_a_power_failure_a_first_file_is_there_or_not() {
    let wrong = with_power_failures(
        Model::default,
        |folder| folder.save(&state("1", 20)).is_ok(),
        |saved, disk| check_saved(saved, None, 20, disk),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_disk_that_does_not_sync_would_be_noticed() {
    let wrong = with_power_failures(
        || Model::with(FILE, &json(10)).lying(),
        |folder| {
            folder.load("1", NOW);
            folder.save(&state("1", 20)).is_ok()
        },
        |saved, disk| check_saved(saved, Some(10), 20, disk),
    );
    assert!(!wrong.is_empty(), "the model loses nothing");
}

#[test]
fn after_a_power_failure_a_damaged_file_is_still_there() {
    let wrong = with_power_failures(
        || Model::with(FILE, b"damaged"),
        |folder| {
            assert!(folder.load("1", NOW).rejected);
            folder.save(&state("1", 20)).is_ok()
        },
        |saved, disk| {
            let content = [DAMAGED_FILE, FILE].map(|name| disk.content(name));
            let kept = content.contains(&Some(b"damaged".to_vec()));
            let found = saved_at(&open(disk).load("1", NOW));
            let as_saved = found == Some(20) || (!saved && found.is_none());
            (!kept || !as_saved).then(|| format!("{:?}, found {found:?}", disk.names()))
        },
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_clean_stop_is_taken_once_whenever_the_power_fails() {
    let marked = with_power_failures(
        Model::default,
        |folder| folder.mark_clean_stop().is_ok(),
        |marked, disk| {
            let taken = open(disk).take_clean_stop();
            (marked && !taken).then(|| "the mark is lost".to_owned())
        },
    );
    let taken = with_power_failures(
        || Model::with(CLEAN_STOP, b""),
        Folder::take_clean_stop,
        |taken, disk| {
            let again = open(disk).take_clean_stop();
            (taken && again).then(|| "taken twice".to_owned())
        },
    );
    assert_eq!([marked, taken].concat(), Vec::<String>::new());
}

#[test]
fn a_save_that_fails_leaves_the_old_file_and_nothing_else() {
    let mut wrong = Vec::new();
    check_each(
        [ErrorKind::StorageFull, ErrorKind::PermissionDenied],
        |kind| {
            for steps in 0..4 {
                let disk = Model::with(FILE, &json(10));
                let folder = open(&disk);
                folder.load("1", NOW);
                disk.fail_after(steps, Fault::Error(kind));
                let error = folder.save(&state("1", 20)).err();
                let message = error.map(|error| error.to_string()).unwrap_or_default();
                let names = disk.names().unwrap();
                let found = saved_at(&folder.load("1", NOW));
                let again = folder.save(&state("1", 30)).is_ok();
                if !message.starts_with("cannot save running totals to /state/account-1.json: ")
                    || names != [FILE]
                    || found != Some(10)
                    || !again
                    || disk.content(FILE) != Some(json(30))
                {
                    wrong.push(format!("{kind}, step {steps}: {message}, {names:?}"));
                }
            }
        },
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_save_is_only_confirmed_when_its_name_is_on_disk() {
    let disk = Model::with(FILE, &json(10));
    let folder = open(&disk);
    folder.load("1", NOW);
    disk.fail_after(4, Fault::Error(ErrorKind::Other));
    assert!(folder.save(&state("1", 20)).is_err());
    assert!(folder.save(&state("1", 20)).is_ok());
}

#[test]
fn a_damaged_file_in_a_read_only_folder_is_not_overwritten() {
    let disk = Model::with(FILE, b"damaged");
    let folder = open(&disk);
    disk.fail_after(0, Fault::ReadOnly);
    let loaded = folder.load("1", NOW);
    assert!(loaded.rejected && loaded.state.is_none());
    let error = folder.save(&state("1", NOW)).unwrap_err().to_string();
    assert!(
        error.starts_with("cannot rename /state/account-1.json: "),
        "{error}"
    );
    assert!(folder.mark_clean_stop().is_err());
    // It can be written again, but the file was never read: it is renamed first.
    disk.repair();
    folder.save(&state("1", NOW)).unwrap();
    assert_eq!(disk.content(DAMAGED_FILE).as_deref(), Some(&b"damaged"[..]));
    assert_eq!(disk.content(FILE), Some(json(NOW)));
}

#[test]
fn a_mark_that_cannot_be_removed_counts_as_none() {
    let disk = Model::with(CLEAN_STOP, b"");
    let folder = open(&disk);
    disk.fail_after(0, Fault::ReadOnly);
    assert!(!folder.take_clean_stop());
}
