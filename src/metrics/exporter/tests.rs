use super::*;
use crate::cases::check_each;
use crate::exposition::{Format, write_self_metrics};

fn page(accounts: &[AccountState], counters: &[AccountCounters]) -> String {
    written(Format::Text, &gathered(CONFIG, accounts, counters))
}

fn gathered(
    config: ConfigState,
    accounts: &[AccountState],
    counters: &[AccountCounters],
) -> Gathered {
    let process = ProcessMetrics::default();
    gather(config, accounts, counters.iter(), &process).unwrap()
}

fn written(format: Format, gathered: &Gathered) -> String {
    let page = write_self_metrics(format, &gathered.families, |family, metric| {
        gathered.created(family, metric)
    });
    String::from_utf8(page).unwrap()
}

const CONFIG: ConfigState = ConfigState {
    last_load_successful: true,
    last_success: 1.5e9,
    web_config_in_force: true,
    shard: None,
};

#[test]
fn a_shard_says_which_of_how_many_it_is() {
    let shard = Some(ShardState { index: 2, total: 3 });
    let config = ConfigState { shard, ..CONFIG };
    let page = written(Format::Text, &gathered(config, &[], &[]));
    let line = "liveperson_exporter_shards{shard=\"2\"} 3";
    assert!(page.lines().any(|l| l == line), "{page}");
    let whole = written(Format::Text, &gathered(CONFIG, &[], &[]));
    assert!(!whole.contains("liveperson_exporter_shards"), "{whole}");
}

#[test]
fn openmetrics_says_since_when_counters_count() {
    let counters = [AccountCounters::new("1", &["sla"]).unwrap()];
    counters[0].begin(1_700_000_000.5);
    counters[0].begin(5.0);
    counters[0].request("sla", "200", Duration::from_secs(1), 1);
    let gathered = gathered(CONFIG, &[state("1")], &counters);
    let page = written(Format::OpenMetrics, &gathered);
    let cases = [
        "# TYPE liveperson_api_requests counter",
        "liveperson_api_requests_total{account=\"1\",api=\"sla\",code=\"200\"} 1",
        "liveperson_api_requests_created{account=\"1\",api=\"sla\",code=\"200\"} 1700000000.5",
        "# UNIT liveperson_api_response_bytes bytes",
        "liveperson_api_request_duration_seconds_count{account=\"1\",api=\"sla\"} 1",
        "liveperson_api_request_duration_seconds_created{account=\"1\",api=\"sla\"} 1700000000.5",
        "# TYPE liveperson_exporter_build info",
        "# TYPE process_cpu_seconds counter",
    ];
    check_each(cases, |line| {
        assert!(page.lines().any(|l| l == line), "{line} is not in\n{page}");
    });
    assert!(page.contains("\nprocess_cpu_seconds_created 1"));
    assert!(!written(Format::Text, &gathered).contains("_created"));
}

#[test]
fn what_is_kept_with_the_totals_does_not_begin_with_the_process() {
    let counters = [AccountCounters::new("1", &["sla"]).unwrap()];
    counters[0].begin(1_700_000_000.5);
    let status = TotalsStatus {
        anchor: Some(1_699_999_800),
        lost_seconds: 600,
        corrections: 3,
    };
    counters[0].totals().set("sla", status);
    counters[0].totals().rejected();
    let page = written(Format::OpenMetrics, &gathered(CONFIG, &[], &counters));
    check_each(
        [
            "liveperson_totals_lost_seconds_total{account=\"1\",collector=\"sla\"} 600",
            "liveperson_totals_corrections_total{account=\"1\",collector=\"sla\"} 3",
            "liveperson_totals_anchor_timestamp_seconds{account=\"1\",collector=\"sla\"} 1699999800",
            "liveperson_totals_state_rejected_total{account=\"1\"} 1",
            "liveperson_totals_state_rejected_created{account=\"1\"} 1700000000.5",
        ],
        |line| {
            assert!(page.lines().any(|l| l == line), "{line} is not in\n{page}");
        },
    );
    check_each(["lost_seconds_created", "corrections_created"], |created| {
        assert!(!page.contains(created), "{created} is in\n{page}");
    });
}

#[test]
fn series_of_totals_are_there_when_their_values_are_known() {
    let counters = [AccountCounters::new("1", &["sla"]).unwrap()];
    let of_totals = || {
        let page = page(&[], &counters);
        let lines = page
            .lines()
            .filter_map(|l| l.strip_prefix("liveperson_totals_"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let at_the_start = [
        "save_failures_total{account=\"1\"} 0",
        "state_rejected_total{account=\"1\"} 0",
    ];
    assert_eq!(of_totals(), at_the_start);
    let status = |lost_seconds| TotalsStatus {
        lost_seconds,
        ..TotalsStatus::default()
    };
    counters[0].totals().set("sla", status(300));
    counters[0].totals().set("sla", status(0));
    counters[0].totals().saved(1.5e9);
    counters[0].totals().save_failed();
    let later = [
        "corrections_total{account=\"1\",collector=\"sla\"} 0",
        "lost_seconds_total{account=\"1\",collector=\"sla\"} 300",
        "save_failures_total{account=\"1\"} 1",
        "saved_timestamp_seconds{account=\"1\"} 1500000000",
        "state_rejected_total{account=\"1\"} 0",
    ];
    assert_eq!(of_totals(), later);
    counters[0].remove_collector("sla");
    assert!(!of_totals().iter().any(|line| line.contains("sla")));
}

#[test]
fn unselected_collectors_are_left_out_with_their_headers() {
    let counters = [AccountCounters::new("1", &["sla"]).unwrap()];
    check_each(["engactivity", "sla", "token"], |api| {
        counters[0].request(api, "200", Duration::from_secs(1), 1);
    });
    let mut gathered = gathered(CONFIG, &[state("1")], &counters);
    let collector_of = |api: &str| match api {
        "sla" => Some("sla"),
        "engactivity" => Some("engagement_activity"),
        _ => None,
    };
    gathered.keep_collectors(collector_of, |collector| collector != "sla");
    let page = written(Format::Text, &gathered);
    assert!(!page.contains("api=\"sla\""), "{page}");
    check_each(["engactivity", "token"], |api| {
        assert!(page.contains(&format!("api=\"{api}\"")), "{page}");
    });
    assert!(!page.contains("collector=") && !page.contains("liveperson_up"));
    assert!(page.contains("liveperson_api_backoff_seconds{account=\"1\"}"));
}

fn state(account: &str) -> AccountState {
    AccountState {
        account: account.to_owned(),
        name: Some(format!("Shop \"{account}\"")),
        backoff: Duration::from_millis(1500),
        clock_offset: Some(-0.5),
        collectors: vec![CollectorState {
            collector: "sla",
            up: true,
            last_success: None,
            interval: Some(Duration::from_secs(60)),
            poll_duration: Some(Duration::from_secs(2)),
            stretch: 1.5,
            series: 7,
            series_dropped: 0,
        }],
    }
}

#[test]
fn states_and_counters_of_several_accounts_share_a_family() {
    let counters = ["1", "2"].map(|account| AccountCounters::new(account, &["sla"]).unwrap());
    counters[0].request("token", "200", Duration::from_millis(70), 300);
    counters[1].request("sla", "timeout", Duration::from_secs(15), 0);
    counters[1].skipped("sla", 3);
    counters[1].entries_ignored("sla", 2);
    let page = page(&[state("1"), state("2")], &counters);
    let cases = [
        "liveperson_api_requests_total{account=\"1\",api=\"token\",code=\"200\"} 1",
        "liveperson_api_requests_total{account=\"2\",api=\"sla\",code=\"timeout\"} 1",
        "liveperson_api_response_bytes_total{account=\"1\",api=\"token\"} 300",
        "liveperson_api_request_duration_seconds_bucket{account=\"1\",api=\"token\",le=\"0.1\"} 1",
        "liveperson_polls_skipped_total{account=\"1\",collector=\"sla\"} 0",
        "liveperson_api_entries_ignored_total{account=\"1\",api=\"token\"} 0",
        "liveperson_api_entries_ignored_total{account=\"2\",api=\"sla\"} 2",
        "liveperson_polls_skipped_total{account=\"2\",collector=\"sla\"} 3",
        "liveperson_up{account=\"1\",collector=\"sla\"} 1",
        "liveperson_account_info{account=\"2\",name=\"Shop \\\"2\\\"\"} 1",
        "liveperson_api_backoff_seconds{account=\"2\"} 1.5",
        "liveperson_poll_stretch_ratio{account=\"1\",collector=\"sla\"} 1.5",
        "liveperson_poll_interval_seconds{account=\"2\",collector=\"sla\"} 60",
        "liveperson_series{account=\"2\",collector=\"sla\"} 7",
        "liveperson_exporter_config_last_reload_successful 1",
        "liveperson_exporter_config_last_reload_success_timestamp_seconds 1500000000",
    ];
    check_each(cases, |line| {
        assert!(page.lines().any(|l| l == line), "{line} is not in\n{page}");
    });
    let types: Vec<_> = page.lines().filter(|l| l.starts_with("# TYPE")).collect();
    let mut unique = types.clone();
    unique.dedup();
    assert_eq!(types, unique, "a family declared twice");
    assert!(page.contains("process_resident_memory_bytes "));
    assert!(page.contains("liveperson_exporter_build_info{"));
    assert!(
        !page.contains("liveperson_last_success_timestamp_seconds{"),
        "nothing invented"
    );
}

#[test]
fn every_family_is_on_the_page_with_its_help() {
    let counters = [AccountCounters::new("1", &["sla"]).unwrap()];
    counters[0].request("sla", "200", Duration::from_secs(1), 1);
    counters[0].totals().saved(1.0);
    let anchor = Some(300);
    let status = TotalsStatus {
        anchor,
        ..TotalsStatus::default()
    };
    counters[0].totals().set("sla", status);
    let mut with_success = state("1");
    with_success.collectors[0].last_success = Some(1.0);
    let shard = Some(ShardState { index: 0, total: 1 });
    let config = ConfigState { shard, ..CONFIG };
    let page = written(Format::Text, &gathered(config, &[with_success], &counters));
    check_each(families::ALL, |family| {
        let help = format!("# HELP {} {}", family.name, family.help);
        assert!(page.lines().any(|l| l == help), "{help} is not in\n{page}");
    });
}
