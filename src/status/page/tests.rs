use super::*;
use crate::cases::check_each;
use crate::status::*;

const EVIL: &str = "<script>alert(1)</script>\"'&";

fn collector(state: CollectorState) -> Collector {
    Collector {
        name: "sla",
        title: "SLA Histogram",
        state,
        last_success_at: None,
        data_age_seconds: Some(12.0),
        next_call_in_seconds: Some(8.0),
        backoff: None,
        poll_seconds: Some(1.0),
        stretch: 1.0,
        series: Series::default(),
        problem: None,
        totals: None,
    }
}

fn account(id: &str, collectors: Vec<Collector>) -> Account {
    Account {
        id: id.to_owned(),
        name: None,
        state: State::of_account(&collectors, &Names::default(), false),
        contact: Contact {
            answers: Some(true),
            ..Contact::default()
        },
        backoff: None,
        spacing_seconds: 0.25,
        clock_offset_seconds: None,
        calls_under_way: 0,
        calls: Vec::new(),
        collectors,
        names: Names::default(),
        activity: Activity::default(),
    }
}

fn status(accounts: Vec<Account>) -> Status {
    Status {
        shape: SHAPE,
        at: "2026-11-21T12:00:00Z".to_owned(),
        state: State::of_all(accounts.iter().map(|account| account.state)),
        exporter: Exporter {
            version: "1.2.3",
            revision: "abc",
            rust_version: "1.88",
            shard: Some("0/3".to_owned()),
            started_at: "2026-11-21T11:00:00Z".to_owned(),
            uptime_seconds: 3600.0,
        },
        configuration: Configuration {
            last_reload_successful: true,
            last_reload_success_at: "2026-11-21T11:00:00Z".to_owned(),
            web_config_in_force: true,
        },
        series: Series::default(),
        accounts,
    }
}

fn access() -> Access {
    Access {
        telemetry_path: "/metrics".to_owned(),
        reachable_at: Some("host:10188".to_owned()),
        ..Access::default()
    }
}

fn problem(advice: &str) -> Collector {
    Collector {
        problem: Some(Problem {
            message: format!("asked for {EVIL}"),
            advice: advice.to_owned(),
            since: "2026-11-21T11:30:00Z".to_owned(),
        }),
        data_age_seconds: None,
        ..collector(CollectorState::Failing)
    }
}

fn full(id: &str) -> Account {
    let skill = SkillActivity {
        skill: "4".to_owned(),
        name: Some(EVIL.to_owned()),
        window: "5m".to_owned(),
        chats: Some(7.0),
        handling_seconds_per_chat: Some(120.0),
        wait_seconds_p90: Some(31.0),
    };
    let bucket = |within_seconds, chats, share| WaitBucket {
        within_seconds,
        chats,
        share_within: Some(share),
    };
    let waits = Waits {
        chats: 4.0,
        buckets: vec![bucket(Some(15.0), 3.0, 0.75), bucket(None, 1.0, 1.0)],
    };
    let window = |window: &str, waits| WindowActivity {
        window: window.to_owned(),
        chats: Some(11.0),
        handling_seconds: Some(700.0),
        waits,
    };
    Account {
        name: Some(EVIL.to_owned()),
        activity: Activity {
            windows: vec![window("5m", Some(waits)), window("today", None)],
            busiest_skills: vec![skill.clone()],
            slowest_skills: vec![skill],
        },
        ..account(id, vec![problem(EVIL)])
    }
}

#[test]
fn every_value_is_escaped() {
    let access = Access {
        telemetry_path: EVIL.to_owned(),
        reachable_at: Some(EVIL.to_owned()),
        ..access()
    };
    let page = page(&status(vec![full(EVIL)]), &access);
    // The script of the page itself.
    assert_eq!(page.matches("<script>").count(), 1, "{page}");
    assert!(!page.contains("alert(1)</script>"), "{page}");
    let escaped = "&lt;script&gt;alert(1)&lt;/script&gt;";
    assert!(page.matches(escaped).count() >= 9, "{page}");
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = page(&status(vec![full("1")]), &access());
    let foreign = ["src=", "@import", "url(", "style=\"", "onclick", "https://"];
    check_each(foreign, |part| assert!(!page.contains(part), "{part}"));
    // A namespace, not an address.
    assert_eq!(page.matches("http://").count(), 1);
    assert!(policy().contains("default-src 'none'") && !policy().contains("unsafe"));
}

#[test]
fn the_first_words_say_how_it_is() {
    use CollectorState::{Failing, Retrying, Starting, Up};
    let of = |states: &[CollectorState]| {
        let accounts = states.iter().enumerate();
        let accounts =
            accounts.map(|(id, state)| account(&id.to_string(), vec![collector(*state)]));
        status(accounts.collect())
    };
    let mut hanging = of(&[Starting]);
    hanging.accounts[0].contact.answers = None;
    hanging.accounts[0].calls_under_way = 1;
    hanging.accounts[0].collectors[0].next_call_in_seconds = None;
    let mut silent = of(&[Failing]);
    silent.accounts[0].contact.answers = Some(false);
    let cases = [
        (of(&[]), "No account"),
        (of(&[Up, Up]), "Everything is fresh"),
        (of(&[Starting]), "Waiting for the first data"),
        (
            of(&[Up, Retrying, Failing]),
            "2 of 3 accounts need attention",
        ),
        (of(&[Up, Retrying]), "The rest is fresh."),
        (of(&[Starting, Retrying]), "The rest is starting."),
        (
            of(&[Up, Starting, Retrying]),
            "1 are fresh and 1 are starting.",
        ),
        (
            of(&[Retrying]),
            "The account needs attention</h2><p>See below",
        ),
        (of(&[]), "is not called: no account"),
        (of(&[]), "</strong> is planned"),
        (of(&[Failing]), "No fresh data"),
        (silent, "LivePerson cannot be reached"),
        (hanging.clone(), "has not answered the first calls yet"),
        (hanging, "under way</strong> are calls"),
    ];
    check_each(cases, |(status, words)| {
        let page = page(&status, &access());
        assert!(page.contains(words), "{words}: {page}");
    });
}

#[test]
fn the_worst_accounts_come_first_and_are_open() {
    let mut accounts: Vec<Account> = (0..500)
        .map(|id| account(&format!("well-{id}"), vec![collector(CollectorState::Up)]))
        .collect();
    accounts.push(account("broken", vec![problem("fix it")]));
    let page = page(&status(accounts), &access());
    let broken = page.find("data-key=\"broken\" open").unwrap();
    assert!(broken < page.find("data-key=\"well-0\"").unwrap());
    assert!(page.contains("data-key=\"well-499\">"), "closed");
}

#[test]
fn one_advice_stands_for_all_that_it_is_for() {
    let accounts = (0..500).map(|id| account(&id.to_string(), vec![problem("fix it")]));
    let page = page(&status(accounts.collect()), &access());
    assert_eq!(page.matches("<strong>fix it</strong>").count(), 1);
    assert!(page.contains("and 499 more"), "{page}");
}

#[test]
fn advice_lists_accounts_and_says_what_it_leaves_out() {
    let accounts = (0..12).map(|id| account(&format!("id-{id}"), vec![problem("fix it")]));
    let page_of = |accounts| page(&status(accounts), &access());
    let together = page_of(accounts.collect());
    assert!(together.contains("id-0, id-1, "), "{together}");
    assert!(together.contains("id-9 and 2 more"), "{together}");
    let each = (0..12).map(|id| account("1", vec![problem(&format!("fix {id}"))]));
    let each = page_of(each.collect());
    assert!(each.contains("And 2 more: see"), "{each}");
}

#[test]
fn failing_names_are_a_problem_with_advice() {
    let names = Names {
        state: NamesState::Failing,
        problem: problem("allow names").problem,
        ..Names::default()
    };
    let collectors = vec![collector(CollectorState::Up)];
    let account = Account {
        state: State::of_account(&collectors, &names, false),
        names,
        ..account("1", collectors)
    };
    assert_eq!(account.state, State::Attention);
    let page = page(&status(vec![account]), &access());
    assert!(!page.contains("Everything is fresh"), "{page}");
    assert!(page.contains("<strong>allow names</strong>"), "{page}");
    assert!(page.contains("Names for ids"), "{page}");
}

#[test]
fn a_wait_after_a_failure_does_not_hide_the_next_call() {
    let waiting = Collector {
        backoff: Some(Backoff {
            seconds: 12.0,
            reason: BackoffReason::Failed,
        }),
        ..collector(CollectorState::Retrying)
    };
    let page = page(&status(vec![account("1", vec![waiting])]), &access());
    let words = ["next call in 8", "the longest wait after a failure is 12"];
    check_each(words, |words| assert!(page.contains(words), "{page}"));
}
