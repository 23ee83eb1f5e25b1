//! Accounts in files of their own: a reload reads them again, and with `--shard` an instance serves
//! its share of them.

use std::fs;
use std::path::Path;

use super::{FIRST, QUICK, SECOND, account, all_up, reload, simulator};
use crate::common::Exporter;

/// An account of the first of two shards; `FIRST` is one of the second.
const OTHER: &str = "33333333";

/// A configuration of accounts in files, which stand beside it.
fn configuration() -> String {
    format!("accounts_files: [\"accounts.d/*.yml\"]\n{QUICK}")
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::create_dir_all(folder.join("accounts.d")).unwrap();
    fs::write(folder.join("accounts.d").join(name), text).unwrap();
}

async fn started(arguments: &[&str], files: &[(&str, &str)]) -> Exporter {
    let (folder, file) = crate::common::configuration(&configuration());
    for (name, text) in files {
        write(folder.path(), name, text);
    }
    let mut command = crate::common::command();
    command.arg("--config.file").arg(file).args(arguments);
    command.arg("--web.enable-lifecycle");
    Exporter::spawn(command, folder).await
}

#[tokio::test]
async fn files_that_come_change_and_go_are_seen_at_a_reload() {
    let (first, second) = (simulator(FIRST).await, simulator(SECOND).await);
    let (one, two) = (account(FIRST, &first, ""), account(SECOND, &second, ""));
    let exporter = started(&[], &[("a.yml", &one)]).await;
    all_up(&exporter, &[FIRST]).await;
    let file = exporter.config_file();
    let folder = file.parent().unwrap();

    write(folder, "b.yml", &two);
    let (status, _) = reload(&exporter, &configuration()).await;
    assert_eq!(status, 200);
    all_up(&exporter, &[FIRST, SECOND]).await;

    write(folder, "b.yml", &format!("{two}\n  - id: 3"));
    write(folder, "c.yml", "accounts: []");
    let (status, text) = reload(&exporter, &configuration()).await;
    assert_eq!(status, 500, "{text}");
    for mistake in ["b.yml[1].auth: no authorisation", "c.yml: expected a list"] {
        assert!(text.contains(mistake), "{mistake} is not in {text}");
    }
    all_up(&exporter, &[FIRST, SECOND]).await;

    for name in ["b.yml", "c.yml"] {
        fs::remove_file(folder.join("accounts.d").join(name)).unwrap();
    }
    let (status, text) = reload(&exporter, &configuration()).await;
    assert_eq!(status, 200, "{text}");
    let page = exporter.page().await;
    assert!(page.contains(FIRST) && !page.contains(SECOND), "{page}");
}

#[tokio::test]
async fn a_shard_serves_its_share_also_after_a_reload() {
    let (first, second) = (simulator(FIRST).await, simulator(OTHER).await);
    let (one, two) = (account(FIRST, &first, ""), account(OTHER, &second, ""));
    // As `printf 0/11111111 | sha1sum` and so on say: the first belongs to 1, the other to 0.
    let exporter = started(&["--shard=0/2"], &[("a.yml", &one)]).await;
    assert_eq!(exporter.get("/-/ready").await.0, 200, "it has no account");
    let status_page = exporter.get("/").await.1;
    for text in ["shard 0/2", "No account of the configuration belongs"] {
        assert!(status_page.contains(text), "{status_page}");
    }
    let file = exporter.config_file();
    write(file.parent().unwrap(), "b.yml", &two);
    let (status, text) = reload(&exporter, &configuration()).await;
    assert_eq!(status, 200, "{text}");
    all_up(&exporter, &[OTHER]).await;
    let page = exporter.page().await;
    assert!(!page.contains(FIRST), "{page}");
    assert!(
        page.contains("liveperson_exporter_shards{shard=\"0\"} 2"),
        "{page}"
    );
    assert!(first.requests().is_empty(), "the other shard asks for it");
}
