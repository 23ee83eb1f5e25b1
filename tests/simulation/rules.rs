//! The invariants: what is checked when a call starts and after every event.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use liveperson_exporter::daemon::{AccountStatus, timeframe};
use liveperson_exporter::scheduler::{AccountScheduler, Call};
use liveperson_exporter::vocabulary::Window;

use super::model::{Flight, Model};
use super::setup::AccountSetup;

/// A call starts at `now`; `spacing` is what the scheduler says it is.
pub(crate) fn check_start(
    model: &mut Model,
    setup: &AccountSetup,
    call: Call,
    now: Instant,
    spacing: Duration,
) {
    let settings = &setup.settings;
    assert!(
        model.in_flight.len() < settings.max_in_flight,
        "more in flight than {}",
        settings.max_in_flight
    );
    let twice = model.in_flight.iter().any(|flight| flight.call == call);
    assert!(!twice, "{call:?} twice at once");
    if let Some(last) = model.last_start {
        let distance = now - last;
        assert!(
            distance >= settings.min_spacing && distance >= spacing,
            "{distance:?} after the last start, spacing {spacing:?}"
        );
    }
    if let Some(until) = model.paused_until {
        assert!(
            now >= until,
            "{call:?} {:?} before the end of a pause",
            until - now
        );
    }
    if let Some(at) = model.last_429 {
        let since = now - at;
        assert!(since >= Duration::from_secs(1), "{since:?} after a 429");
    }
    let mut for_names = false;
    if let Call::Request { task, index, .. } = call {
        let collector = task.index();
        for_names = setup.is_names(collector);
        if !for_names {
            takes_turns(model, collector, now);
            model.collectors[collector].starts(index.index(), now);
        }
    }
    model.session.starts(call, now, for_names, &model.in_flight);
    model.in_flight.push(Flight {
        call,
        started: now,
        generation: model.session.generation,
    });
    model.last_start = Some(now);
}

fn takes_turns(model: &mut Model, collector: usize, now: Instant) {
    let ready: Vec<bool> = model
        .collectors
        .iter()
        .map(|c| c.ready_at().is_some_and(|at| at <= now))
        .collect();
    for (other, waiting) in model.collectors.iter_mut().enumerate() {
        if other == collector {
            waiting.passed.fill(0);
        } else if ready[other] {
            waiting.passed[collector] += 1;
            assert!(
                waiting.passed[collector] <= 1,
                "collector {collector} goes before {other} again and again"
            );
        }
    }
}

/// After every event, when the scheduler says that nothing can start now.
pub(crate) fn check(
    model: &Model,
    setup: &AccountSetup,
    scheduler: &AccountScheduler,
    now: Instant,
) {
    let settings = &setup.settings;
    let spacing = scheduler.spacing();
    assert!(spacing >= settings.min_spacing && spacing <= model.widest);
    let most = setup.requests + settings.max_in_flight;
    let held = scheduler.size();
    assert!(
        held <= most,
        "{held} requests, calls and events held, not at most {most}"
    );
    let running = model.collectors.iter().map(|c| c.requests());
    let least = running.sum::<usize>() + model.in_flight.len();
    // Names have three requests, which the model does not know.
    let names = if setup.names.lookup { 3 } else { 0 };
    assert!(
        (least..=least + names).contains(&held),
        "{held} requests, calls and events held, not {least} and {names} of names"
    );
    model.collectors.iter().for_each(|c| c.is_up_to_date(now));
    let free = model.in_flight.len() < settings.max_in_flight
        && model.paused_until.is_none_or(|until| now >= until)
        && model.last_start.is_none_or(|last| now >= last + spacing);
    let ready = |c: &super::model::CollectorModel| c.ready_at().is_some_and(|at| now >= at);
    let ready = model.collectors.iter().position(ready);
    if let (true, Some(collector)) = (free, ready)
        && !model.session.holds_up(now, &model.in_flight)
    {
        panic!("collector {collector} has a request to make that may start, and does not");
    }
}

/// `liveperson_up` and `liveperson_api_backoff_seconds` at `now`, which may lie between two events.
pub(crate) fn check_status(
    model: &Model,
    status: &AccountStatus,
    now: Instant,
    aged: Instant,
    stale_after: Duration,
) {
    let left = |until: Option<Instant>| until.map_or(Duration::ZERO, |at| at - now);
    let without = model.waits_until(now);
    let session = model.session.waits().filter(|at| *at > now);
    let with = session.chain(without).max();
    let shown = status.waits(now);
    assert!(
        shown >= left(without) && shown <= left(with),
        "a wait of {shown:?} is shown; it is {:?}, with hosts and token {:?}",
        left(without),
        left(with)
    );
    let shown = status.collectors();
    assert_eq!(shown.len(), model.collectors.len());
    for (shown, truth) in std::iter::zip(shown, &model.collectors) {
        let recent = truth
            .last_success_aged
            .is_some_and(|at| aged - at < stale_after);
        let up = truth.last_succeeded == Some(true) && recent;
        assert_eq!(shown.up(aged, stale_after), up, "liveperson_up");
    }
}

/// The window `today` by a wall clock that may be anywhere: 1 to 1440 minutes, back to midnight.
pub(crate) fn check_today(zone: &TimeZone, wall: Timestamp) {
    let minutes = timeframe(Window::Today, wall, zone);
    assert!((1..=1440).contains(&minutes), "today has {minutes} minutes");
    let today = wall.to_zoned(zone.clone()).start_of_day().unwrap();
    let into = |at: Timestamp| at.duration_since(today.timestamp()).as_secs();
    if into(wall) < 180 || minutes == 1440 {
        return;
    }
    // However the clocks differ, by up to two minutes, it begins in the slot of midnight.
    let begins = wall - jiff::SignedDuration::from_mins(i64::from(minutes));
    let begins = into(begins);
    assert!((120..=180).contains(&begins), "{wall} less {minutes} min");
}
