//! The invariants: what is checked when a call starts and after every event.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use liveperson_exporter::config::Window;
use liveperson_exporter::daemon::{AccountStatus, timeframe};
use liveperson_exporter::poll::{AccountMachine, Call, Demand, stretch_ratios};

use super::drawn::Drawn;
use super::model::{Model, State};

/// A call starts at `now`; `spacing` is what the poller says it keeps.
pub(crate) fn may_start(
    model: &mut Model,
    drawn: &Drawn,
    call: Call,
    now: Instant,
    spacing: Duration,
) {
    let settings = &drawn.settings;
    assert!(
        model.in_flight.len() < settings.max_in_flight,
        "more in flight than {}",
        settings.max_in_flight
    );
    assert!(!model.in_flight.contains(&call), "{call:?} twice at once");
    if let Some(last) = model.last_start {
        let distance = now - last;
        assert!(
            distance >= settings.min_spacing,
            "{distance:?} after the last start"
        );
        assert!(
            distance >= spacing,
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
        assert!(
            now - at >= Duration::from_secs(1),
            "{:?} after a 429",
            now - at
        );
    }
    match call {
        Call::Request { collector, index } => may_request(model, collector, index, now),
        Call::Authorise => {
            if let Some(last) = model.last_authorise.replace(now) {
                assert!(
                    now - last >= settings.session.token_distance,
                    "logins too close"
                );
            }
        }
        Call::LookUp(_) => {}
    }
    model.in_flight.push(call);
    model.last_start = Some(now);
}

fn may_request(model: &mut Model, collector: usize, index: usize, now: Instant) {
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
    let of = &mut model.collectors[collector];
    assert!(
        of.resume_at.is_none_or(|at| now >= at),
        "a request during a back-off"
    );
    assert!(
        of.hold.is_none_or(|at| now >= at),
        "a reload cut a wait short"
    );
    let poll = of.poll.as_mut().expect("a request without a poll");
    let request = &mut poll.requests[index];
    match request.state {
        State::Ready(at) => assert!(
            now >= at,
            "request {index} of {collector}, failed {} times, {:?} too early",
            request.failures,
            at - now
        ),
        other => panic!("request {index} of {collector} started while {other:?}"),
    }
    request.state = State::InFlight;
}

/// After every event, when the poller says that nothing can start now.
pub(crate) fn hold(
    model: &Model,
    drawn: &Drawn,
    machine: &AccountMachine,
    status: &AccountStatus,
    now: Instant,
) {
    let settings = &drawn.settings;
    let spacing = machine.spacing();
    assert!(spacing >= settings.min_spacing && spacing <= settings.min_spacing * 64);
    let held = drawn.requests() + settings.max_in_flight;
    assert!(
        machine.size() <= held,
        "{} things kept for {held}",
        machine.size()
    );
    shows_the_truth(model, drawn, status, now);
    shows_the_stretch(model, status, spacing);
    if settings.session.services > 0 {
        return;
    }
    // With hosts and tokens out of the way: whatever can start has started.
    let free = model.in_flight.len() < settings.max_in_flight
        && model.paused_until.is_none_or(|until| now >= until)
        && model.last_start.is_none_or(|last| now >= last + spacing);
    let ready = model
        .collectors
        .iter()
        .position(|c| c.ready_at().is_some_and(|at| now >= at));
    if let (true, Some(collector)) = (free, ready) {
        panic!("collector {collector} has a request to make, and nothing stands in its way");
    }
}

/// `liveperson_up` and `liveperson_api_backoff_seconds` at `now`, which may lie between two events.
pub(crate) fn shows_the_truth(model: &Model, drawn: &Drawn, status: &AccountStatus, now: Instant) {
    let left = |until: Option<Instant>| until.map_or(Duration::ZERO, |at| at - now);
    let without = model.waits_until(now);
    let session = model
        .session_waits
        .iter()
        .map(|(_, at)| *at)
        .filter(|at| *at > now);
    let with = session.chain(without).max();
    let shown = status.waits(now);
    assert!(
        shown >= left(without) && shown <= left(with),
        "a wait of {shown:?} is shown; it is {:?}, with hosts and token {:?}",
        left(without),
        left(with)
    );
    status.with_collectors(|shown| {
        for (shown, truth) in std::iter::zip(shown, &model.collectors) {
            let fresh = truth
                .last_success
                .is_some_and(|at| now - at < drawn.stale_after);
            let up = truth.last_whole == Some(true) && fresh;
            assert_eq!(shown.up(now, drawn.stale_after), up, "liveperson_up");
        }
    });
}

/// `liveperson_poll_stretch_ratio`: never under 1, and for an account with one collector what its
/// requests need at the present spacing.
fn shows_the_stretch(model: &Model, status: &AccountStatus, spacing: Duration) {
    status.with_collectors(|shown| {
        assert!(shown.iter().all(|c| c.stretch >= 1.0));
        let ([shown], [collector]) = (shown, &model.collectors[..]) else {
            return;
        };
        let plan = collector.answered.len();
        if let Some(poll) = &collector.poll
            && poll.requests.len() == plan
        {
            let demand = Demand {
                requests: plan,
                interval: collector.interval,
            };
            let needed = spacing.as_secs_f64() * plan as f64 / collector.interval.as_secs_f64();
            assert!(
                (shown.stretch - needed.max(1.0)).abs() < 1e-6,
                "{}, needed {needed}",
                shown.stretch
            );
            assert_eq!(stretch_ratios(spacing, &[demand]), [shown.stretch]);
        }
    });
}

/// The window `today` by a wall clock that may be anywhere: 1 to 1440 minutes, back to midnight.
pub(crate) fn today_is_right(zone: &TimeZone, wall: Timestamp) {
    let minutes = timeframe(Window::Today, wall, zone);
    assert!((1..=1440).contains(&minutes), "today has {minutes} minutes");
    let begins = wall - jiff::SignedDuration::from_mins(i64::from(minutes));
    let today = wall.to_zoned(zone.clone()).date();
    let begins = begins.to_zoned(zone.clone());
    if (2..1440).contains(&minutes) {
        // Midnight or less than a minute after it: LivePerson goes back to the 5-minute mark.
        let minute_before = begins.timestamp() - jiff::SignedDuration::from_mins(1);
        assert_eq!(begins.date(), today, "{wall} less {minutes} min");
        let before = minute_before.to_zoned(zone.clone()).date();
        assert!(before < today, "{wall} less {minutes} min");
    }
}
