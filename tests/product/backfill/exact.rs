//! Every number of a history, at a LivePerson whose clock stands still.

use std::path::PathBuf;
use std::sync::Arc;

use liveperson_exporter::clock::{ManualClock, WallClock};
use liveperson_exporter::collectors::Registry;
use liveperson_exporter::config::{Environment, load_text};
use liveperson_exporter::daemon::{BackfillOptions, BackfillSummary, backfill};
use liveperson_exporter::simulator::{Fault, Options, Simulator, Target, Totals};
use liveperson_exporter::totals::Folder;

use super::{History, configuration, history};
use crate::common::liveperson::{NOON, simulator_at_noon};
use crate::scrape::strictly_parsed;

/// The mark 23 h before `NOON`.
const BEGIN: i64 = 1_773_061_200;
/// The last mark that is old enough.
const END: i64 = 1_773_143_700;

struct Run {
    simulator: Simulator,
    folder: tempfile::TempDir,
    more: String,
    step: u16,
}

impl Run {
    async fn new(more: &str) -> Self {
        Self {
            simulator: simulator_at_noon(Options::in_process()).await,
            folder: tempfile::tempdir().unwrap(),
            more: more.to_owned(),
            step: 12,
        }
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("history.om")
    }

    async fn backfill(&self, state: bool) -> (BackfillSummary, String) {
        let yaml = configuration(&self.simulator.base_url(), &self.more);
        let registry = Registry::standard();
        let sections = registry.sections();
        let loaded = load_text("test", &yaml, &Environment::default(), &sections).unwrap();
        let options = BackfillOptions {
            output: self.output(),
            window_step: self.step,
            labels: vec![("job".to_owned(), "lp".to_owned())],
        };
        let folder = state.then(|| Folder::open(&self.folder.path().join("state")).unwrap());
        let clock: Arc<dyn WallClock> = Arc::new(ManualClock::at(NOON));
        let report = Arc::new(|_: &_| {});
        let folder = folder.as_ref();
        let summary = backfill(&loaded.config, &registry, &options, folder, &clock, report);
        let summary = summary.await.unwrap();
        let text = std::fs::read_to_string(self.output()).unwrap_or_default();
        (summary, text)
    }

    fn truth(&self, from: i64, until: i64) -> liveperson_exporter::simulator::Truth {
        self.simulator.truth(from * 1000, until * 1000)
    }
}

const SLA: &str =
    "sla: {totals: true, skills: all, groups: [11]}\nlimits: {min_spacing: 10ms, max_in_flight: 4}";

fn at(history: &History, series: &str, labels: &str, time: i64) -> f64 {
    let series = format!("liveperson_{series}{{account=\"12345678\",{labels}}}");
    let points = history
        .get(&series)
        .unwrap_or_else(|| panic!("no {series}"));
    let value = points.get(&time);
    *value.unwrap_or_else(|| panic!("no {series} at {time}"))
}

#[tokio::test]
async fn every_total_is_what_happened_until_each_mark() {
    let run = Run::new(SLA).await;
    let (summary, text) = run.backfill(false).await;
    assert_eq!(summary.failures, []);
    assert_eq!(summary.span, Some((BEGIN, END)));
    assert_eq!(summary.unproven, 0);
    let history = history(&text);
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let float = |count: i64| count as f64;
    let chats = |totals: &Totals| float(totals.counts.interactive);
    for time in (BEGIN..=END).step_by(300) {
        let truth = run.truth(BEGIN, time);
        let interactive = "kind=\"interactive\",job=\"lp\"";
        for (series, labels, expected) in [
            ("account_chats_total", "", chats(&truth.account())),
            (
                "skill_chats_total",
                "skill=\"101\",",
                chats(&truth.skill(101)),
            ),
            (
                "agent_chats_total",
                "agent=\"1001\",",
                chats(&truth.agent(1001)),
            ),
            (
                "account_handling_seconds_total",
                "",
                float(truth.account().counts.handling_seconds),
            ),
        ] {
            let labels = format!("{labels}{interactive}");
            assert_eq!(
                at(&history, series, &labels, time),
                expected,
                "{series} {labels} {time}"
            );
        }
        let waits = truth.account().answered_within(30);
        let since = (time - BEGIN) % 3600;
        if since == 0 || time == END {
            let labels = "job=\"lp\",le=\"30.0\"";
            let found = at(&history, "account_wait_seconds_bucket", labels, time);
            assert_eq!(found, float(waits), "{time}");
        }
    }
}

#[tokio::test]
async fn windows_are_sums_of_slots_and_begin_once_they_are_whole() {
    let run = Run::new("sla: {enabled: false}\nlimits: {min_spacing: 10ms}").await;
    let (_, text) = run.backfill(false).await;
    let history = history(&text);
    for (window, seconds) in [("5m", 300), ("1h", 3600)] {
        let labels = format!("window=\"{window}\",job=\"lp\"");
        let name = "window_account_connected_engagements";
        let series = format!("liveperson_{name}{{account=\"12345678\",{labels}}}");
        assert_eq!(history[&series].keys().next(), Some(&(BEGIN + seconds)));
        for time in (BEGIN + seconds..=END).step_by(1500) {
            let truth = run.truth(time - seconds, time).account().counts.connected;
            assert_eq!(
                at(&history, name, &labels, time).to_string(),
                truth.to_string()
            );
        }
    }
}

#[tokio::test]
async fn strict_parsers_accept_a_history() {
    let run = Run::new(SLA).await;
    let (_, text) = run.backfill(false).await;
    // It takes long over a day of samples, and no histogram has more than one time for it.
    let mut shorter = String::new();
    for line in text.lines() {
        let until = BEGIN
            + if line.contains("_wait_seconds") {
                0
            } else {
                1500
            };
        let time = line
            .rsplit_once(' ')
            .and_then(|(_, time)| time.parse::<i64>().ok());
        if line.starts_with('#') || time.is_some_and(|time| time <= until) {
            shorter.push_str(&format!("{line}\n"));
        }
    }
    if let Some(families) = strictly_parsed(&shorter) {
        let known = |wanted: &str| families.iter().any(|family| family.starts_with(wanted));
        assert!(
            known("liveperson_skill_agent_chats counter"),
            "{families:?}"
        );
        assert!(
            known("liveperson_group_wait_seconds histogram seconds"),
            "{families:?}"
        );
        assert!(
            known("liveperson_window_account_chats gauge"),
            "{families:?}"
        );
    }
}

#[tokio::test]
async fn answers_that_are_too_large_are_asked_for_in_parts() {
    let whole = Run::new(SLA).await;
    let (one, text) = whole.backfill(false).await;
    let parts = Run::new(&SLA.replace("limits: {", "limits: {max_response_bytes: 400kB, ")).await;
    let (many, in_parts) = parts.backfill(false).await;
    assert_eq!(many.failures, []);
    assert!(many.calls > one.calls + 4, "{} {}", many.calls, one.calls);
    assert_eq!(history(&in_parts), history(&text));
}

#[tokio::test]
async fn what_fails_is_left_out_and_said() {
    let run = Run::new(SLA).await;
    run.simulator.push_fault(Fault {
        api: Target::Api("sla"),
        contains: Some("groupIds".to_owned()),
        status: Some(403),
        count: None,
        ..Fault::default()
    });
    let (summary, text) = run.backfill(false).await;
    assert_eq!((summary.accounts, summary.failed_calls), (1, 1));
    let (account, failure) = &summary.failures[0];
    assert_eq!(account, "12345678");
    assert!(
        failure.contains("groupIds=11") && failure.contains("403"),
        "{failure}"
    );
    assert!(text.contains("liveperson_skill_wait_seconds_bucket{"));
    assert!(!text.contains("liveperson_group_wait_seconds"));
}

#[tokio::test]
async fn throttled_calls_are_made_again_after_the_pause() {
    let run = Run::new("sla: {totals: true}\nlimits: {min_spacing: 10ms}").await;
    run.simulator.push_fault(Fault {
        api: Target::Api("sla"),
        status: Some(429),
        retry_after: Some("1".to_owned()),
        count: Some(2),
        ..Fault::default()
    });
    let (summary, text) = run.backfill(false).await;
    assert_eq!(summary.failures, []);
    // Hosts and token, Engagement Activity, 26 for the histogram, and the two that were refused.
    let calls = run.simulator.requests().len();
    assert_eq!(summary.calls, calls);
    let labels = "job=\"lp\",le=\"+Inf\"";
    let answered = at(&history(&text), "account_wait_seconds_bucket", labels, END);
    let truth = run.truth(BEGIN, END).account().counts.connected;
    assert_eq!(answered.to_string(), truth.to_string());
}

#[tokio::test]
async fn totals_that_are_saved_already_stay_and_are_continued() {
    let run = Run::new(SLA).await;
    let (first, text) = run.backfill(true).await;
    assert_eq!(first.saved, ["12345678"]);
    let file = run.folder.path().join("state/account-12345678.json");
    let saved = std::fs::read_to_string(&file).unwrap();
    // As if 7 chats had been counted before.
    let moved = saved.replacen("[0.0,0.0,0.0,0.0,0.0]", "[7.0,0.0,0.0,0.0,0.0]", 1);
    assert_ne!(moved, saved);
    std::fs::write(&file, &moved).unwrap();
    let (second, continued) = run.backfill(true).await;
    assert_eq!(
        (second.saved, second.continued),
        (vec![], vec!["12345678".to_owned()])
    );
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        moved,
        "overwritten"
    );
    let (before, after) = (history(&text), history(&continued));
    let labels = "kind=\"interactive\",job=\"lp\"";
    for time in [BEGIN, END] {
        let value = |history| at(history, "account_chats_total", labels, time);
        assert_eq!(value(&after), value(&before) + 7.0);
    }
}
