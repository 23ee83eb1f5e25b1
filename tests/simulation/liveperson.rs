//! A LivePerson of one account: how each call ends and when, by the scenario.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fastrand::Rng;
use liveperson_exporter::liveperson::{oauth2_token_lifetime, retry_after};
use liveperson_exporter::scheduler::{Call, Outcome, RequestKey};
use liveperson_exporter::vocabulary::SkillId;
use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};

use super::clocks::Clocks;
use super::scenario::{Fault, Kind, RetryAfter, Scenario, Target};
use super::setup::{AccountSetup, NAMES_HOST, TokenStyle};

/// The servers' side of one account.
#[derive(Debug)]
pub(crate) struct LivePerson {
    /// True time, since the beginning, at which the newest token ends.
    token_ends: Duration,
    /// The skills that have chats at present.
    pub(crate) skills: BTreeSet<i64>,
}

/// Skills that there can be.
pub(crate) const MOST_SKILLS: usize = 4;

impl LivePerson {
    pub(crate) fn new() -> Self {
        Self {
            token_ends: Duration::ZERO,
            skills: BTreeSet::from([0, 1, 2]),
        }
    }

    /// How a call that starts now ends, and after how long.
    pub(crate) fn answer(
        &mut self,
        call: Call,
        setup: &AccountSetup,
        scenario: &Scenario,
        clocks: &Clocks,
        rng: &mut Rng,
    ) -> (Duration, Outcome) {
        let latency = setup.latency.mul_f64(0.5 + rng.f64());
        // Now and then one takes so long that others overtake it.
        let overtaken = clocks.elapsed() < scenario.ends && rng.u32(..6) == 0;
        let latency = latency * if overtaken { 8 } else { 1 };
        let latency = latency.min(setup.request_timeout.mul_f64(0.99));
        let fault = fault_of(call, setup, scenario, clocks.elapsed(), rng);
        let outcome = match fault.map(|fault| fault.kind) {
            None => return (latency, self.answer_well(call, setup, clocks)),
            Some(Kind::Slow(share)) => {
                let late = setup.request_timeout.mul_f64(share);
                return (late, self.answer_well(call, setup, clocks));
            }
            Some(Kind::Throttle(asked)) => Outcome::Throttled {
                retry_after: asked_wait(asked, clocks),
            },
            Some(Kind::Status(_) | Kind::Unreadable) => Outcome::Failed { connection: false },
            Some(Kind::Timeout) => {
                let failed = Outcome::Failed { connection: false };
                return (setup.request_timeout, failed);
            }
            Some(Kind::Drop) => Outcome::Failed { connection: true },
            Some(Kind::Unauthorised) => Outcome::Unauthorised,
            Some(Kind::Forbidden) => Outcome::Rejected,
            Some(Kind::Rejected) => Outcome::Rejected,
        };
        (latency, outcome)
    }

    /// The answer of a LivePerson without faults.
    fn answer_well(&mut self, call: Call, setup: &AccountSetup, clocks: &Clocks) -> Outcome {
        match call {
            Call::LookUp(_) => Outcome::SUCCESS,
            Call::Authorise => {
                self.token_ends = clocks.true_elapsed() + setup.token_life;
                let lifetime = reported_lifetime(setup, clocks);
                Outcome::Success { lifetime }
            }
            Call::Request { .. }
                if setup.settings.session.token && clocks.true_elapsed() >= self.token_ends =>
            {
                Outcome::Unauthorised
            }
            Call::Request { .. } => Outcome::SUCCESS,
        }
    }

    /// The skills that the answer to a request names: not every window has a chat of each.
    pub(crate) fn skills_in(&self, request: RequestKey) -> Vec<SkillId> {
        let skills = self.skills.iter().copied();
        let named = skills.filter(|id| !(request.0 >> id).is_multiple_of(2));
        named.map(SkillId::from).collect()
    }

    /// Some skills get chats, others lose theirs.
    pub(crate) fn change_skills(&mut self, rng: &mut Rng) {
        let skills = (0..i64::try_from(MOST_SKILLS).unwrap()).filter(|_| rng.bool());
        self.skills = skills.collect();
    }

    pub(crate) fn revoke_tokens(&mut self) {
        self.token_ends = Duration::ZERO;
    }
}

fn fault_of<'a>(
    call: Call,
    setup: &AccountSetup,
    scenario: &'a Scenario,
    at: Duration,
    rng: &mut Rng,
) -> Option<&'a Fault> {
    let meant = |fault: &&Fault| match (fault.target, call) {
        (Target::All, _) => true,
        (Target::Collector(of), Call::Request { task, .. }) => of == task.index(),
        (Target::Request(of, i), Call::Request { task, index, .. }) => {
            (of, i) == (task.index(), index.index())
        }
        (Target::Session, Call::LookUp(_) | Call::Authorise) => true,
        (Target::Names, Call::LookUp(service)) => service == NAMES_HOST,
        (Target::Names, Call::Request { task, .. }) => setup.is_names(task.index()),
        _ => false,
    };
    let lasting = |fault: &&Fault| fault.from <= at && at < fault.to && at < scenario.ends;
    let mut faults = scenario.faults.iter().filter(lasting).filter(meant);
    faults.find(|fault| fault.share >= 1.0 || rng.f64() < fault.share)
}

/// The wait that a 429 asks for, as the client reads it from the headers.
fn asked_wait(asked: RetryAfter, clocks: &Clocks) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    let date = |secs: i64| {
        let at: SystemTime = (clocks.true_time() + jiff::SignedDuration::from_secs(secs)).into();
        HeaderValue::from_str(&httpdate::fmt_http_date(at)).unwrap()
    };
    match asked {
        RetryAfter::Nothing => {}
        RetryAfter::Text(text) => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
        }
        RetryAfter::Date(secs, with_date) => {
            headers.insert(RETRY_AFTER, date(secs));
            if with_date {
                headers.insert(DATE, date(0));
            }
        }
    }
    retry_after(&headers, clocks.wall_system())
}

/// The life of a new token, as the client reads it from the answer.
fn reported_lifetime(setup: &AccountSetup, clocks: &Clocks) -> Option<Duration> {
    let life = setup.token_life.as_secs();
    let issued = clocks.true_time().as_second();
    let jwt = |claims: String| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
    let ends = issued + i64::try_from(life).unwrap();
    let body = match setup.token {
        TokenStyle::ReportedTooShort => r#"{"access_token":"t","expires_in":1}"#.to_owned(),
        TokenStyle::ExpiresIn => format!(r#"{{"access_token":"t","expires_in":{life}}}"#),
        TokenStyle::Jwt => format!(
            r#"{{"access_token":"{}"}}"#,
            jwt(format!(r#"{{"exp":{ends},"iat":{issued}}}"#))
        ),
        TokenStyle::JwtWithoutIat => format!(
            r#"{{"access_token":"{}"}}"#,
            jwt(format!(r#"{{"exp":{ends}}}"#))
        ),
        TokenStyle::Unsaid => r#"{"access_token":"t"}"#.to_owned(),
    };
    let lifetime = oauth2_token_lifetime(body.as_bytes(), clocks.wall_system())
        .and_then(|token| token.lifetime);
    assert!(
        lifetime.is_some_and(|l| !l.is_zero()),
        "a token that is never used"
    );
    lifetime
}
