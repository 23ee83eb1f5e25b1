//! What a seed generates of an account: its configuration, its limits, and how LivePerson treats it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;
use liveperson_exporter::collectors::engagement_activity::{self, EngagementActivity};
use liveperson_exporter::collectors::sla::{self, Sla};
use liveperson_exporter::collectors::{AccountCollectors, ConfiguredCollector, DiscoveredSkills};
use liveperson_exporter::config::Names;
use liveperson_exporter::scheduler::{
    AccountSettings, Ordinal, ServiceId, SessionSettings, TaskId, TaskPolicy, TaskSettings,
    first_phase,
};
use liveperson_exporter::vocabulary::{Id, Selection, SkillId, Window};

use super::liveperson::MOST_SKILLS;

/// The services whose hosts an account looks up.
pub(crate) const DATA_HOST: ServiceId = ServiceId::new(0);
pub(crate) const TOKEN_HOST: ServiceId = ServiceId::new(1);
pub(crate) const NAMES_HOST: ServiceId = ServiceId::new(2);

/// One account as it was generated.
#[derive(Clone, Debug)]
pub(crate) struct AccountSetup {
    number: usize,
    activity: engagement_activity::Settings,
    sla: sla::Settings,
    pub(crate) collectors: AccountCollectors,
    pub(crate) names: Names,
    pub(crate) settings: AccountSettings,
    session: bool,
    login: bool,
    /// Answers take this long on average ...
    pub(crate) latency: Duration,
    /// ... and never this long.
    pub(crate) request_timeout: Duration,
    pub(crate) token: TokenStyle,
    /// True life of a token.
    pub(crate) token_life: Duration,
    /// More requests than all polls together ever have.
    pub(crate) requests: usize,
}

/// How a token answer says how long the token lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenStyle {
    ExpiresIn,
    Jwt,
    /// Counted from this side's wall clock, which may be wrong.
    JwtWithoutIat,
    Unsaid,
    /// Reported as a second, though it lives longer.
    ReportedTooShort,
}

/// A change of an account's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConfigChange {
    /// Nothing that its collectors request.
    Nothing,
    Requests,
    Intervals,
    Limits,
    Collectors,
    Names,
    Everything,
}

fn pick<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl AccountSetup {
    pub(crate) fn generate(rng: &mut Rng, number: usize) -> Self {
        let request_timeout = secs(pick(rng, &[2, 15, 15, 30]));
        let slow = rng.u32(..8) == 0;
        let latency = if slow {
            // Slower than some intervals.
            request_timeout.mul_f64(0.3 + rng.f64() * 0.5)
        } else {
            Duration::from_millis(rng.u64(5..800))
        };
        let session = rng.bool();
        let mut setup = Self {
            number,
            activity: activity(rng),
            sla: sla(rng),
            collectors: AccountCollectors::new("", BTreeMap::new(), Vec::new()),
            names: names(rng),
            settings: AccountSettings {
                max_in_flight: 1,
                min_spacing: secs(1),
                session: SessionSettings::default(),
                tasks: Vec::new(),
                seed: rng.u64(..),
            },
            session,
            login: session && rng.u32(..4) == 0,
            latency,
            request_timeout,
            token: pick(
                rng,
                &[
                    TokenStyle::ExpiresIn,
                    TokenStyle::Jwt,
                    TokenStyle::JwtWithoutIat,
                    TokenStyle::Unsaid,
                    TokenStyle::ReportedTooShort,
                ],
            ),
            token_life: secs(pick(rng, &[120, 120, 600, 3600])),
            requests: 0,
        };
        setup.limits(rng);
        setup.enable(rng);
        setup.derive();
        setup
    }

    /// The same account under a changed configuration.
    pub(crate) fn change(&mut self, rng: &mut Rng, what: ConfigChange) {
        let all = what == ConfigChange::Everything;
        let (activity, sla) = (&mut self.activity, &mut self.sla);
        if all || what == ConfigChange::Requests {
            let (was, now) = (activity.interval, self::activity(rng));
            *activity = engagement_activity::Settings {
                interval: was,
                enabled: activity.enabled,
                ..now
            };
            let (was, now) = (sla.interval, self::sla(rng));
            *sla = sla::Settings {
                interval: was,
                enabled: sla.enabled,
                ..now
            };
        }
        if all || what == ConfigChange::Intervals {
            activity.interval = interval(rng);
            sla.interval = interval(rng);
        }
        if all || what == ConfigChange::Limits {
            self.limits(rng);
        }
        if all || what == ConfigChange::Collectors {
            self.enable(rng);
        }
        if all || what == ConfigChange::Names {
            self.names = names(rng);
        }
        self.settings.seed = rng.u64(..);
        self.derive();
    }

    fn limits(&mut self, rng: &mut Rng) {
        self.settings.max_in_flight = pick(rng, &[1, 1, 2, 2, 4]);
        let millis = pick(rng, &[10, 100, 250, 250, 250, 1000, 2500]);
        self.settings.min_spacing = Duration::from_millis(millis);
    }

    /// Which collectors run; at least one.
    fn enable(&mut self, rng: &mut Rng) {
        let only = rng.u32(..6);
        self.activity.enabled = only != 0;
        self.sla.enabled = only != 1;
    }

    /// Derives what follows from the rest.
    fn derive(&mut self) {
        let all = vec![
            ConfiguredCollector::new(&EngagementActivity, self.activity.clone()),
            ConfiguredCollector::new(&Sla, self.sla.clone()),
        ];
        let first = Ordinal::of_account(self.number, all.len());
        self.collectors = AccountCollectors::new(&self.number.to_string(), BTreeMap::new(), all);
        let enabled = self.collectors.enabled().iter().enumerate();
        let collectors = enabled.map(|(index, collector)| {
            let interval = collector.interval();
            TaskSettings {
                interval,
                phase: first_phase(interval, first.of_task(TaskId::new(index))),
                service: self.session.then_some(DATA_HOST),
                policy: TaskPolicy::DATA,
            }
        });
        // Names stand behind all the collectors.
        let names = self.names.lookup.then(|| TaskSettings {
            interval: self.names.refresh,
            phase: first_phase(self.names.refresh, first),
            service: self.session.then_some(NAMES_HOST),
            policy: TaskPolicy::BACKGROUND,
        });
        self.settings.tasks = collectors.chain(names).collect();
        let services = 2 + usize::from(self.names.lookup);
        self.settings.session = SessionSettings {
            services: if self.session { services } else { 0 },
            token: self.session,
            token_service: self.session.then_some(TOKEN_HOST),
            token_distance: secs(if self.login { 5 } else { 0 }),
        };
        // Time for some calls at least, or no poll could succeed with it.
        self.token_life = self
            .token_life
            .max(self.latency * 30)
            .max(self.settings.min_spacing * 200);
        self.requests = self.count_requests();
    }

    /// The label of a collector that runs.
    pub(crate) fn label(&self, collector: usize) -> &'static str {
        self.collectors.enabled()[collector].label()
    }

    /// The labels of those that run.
    pub(crate) fn labels(&self) -> Vec<&'static str> {
        let enabled = self.collectors.enabled().iter();
        enabled.map(|collector| collector.label()).collect()
    }

    /// Whether this is the number of the names' task.
    pub(crate) fn is_names(&self, collector: usize) -> bool {
        collector >= self.collectors.enabled().len()
    }

    /// The tasks of data.
    pub(crate) fn data_tasks(&self) -> impl Iterator<Item = &TaskSettings> {
        self.settings
            .tasks
            .iter()
            .take(self.collectors.enabled().len())
    }

    pub(crate) fn longest_interval(&self) -> Duration {
        let intervals = self.data_tasks().map(|task| task.interval);
        intervals.max().unwrap()
    }

    fn count_requests(&self) -> usize {
        let some: Vec<SkillId> = (0..).map(SkillId::from).take(MOST_SKILLS).collect();
        let plans = self.collectors.enabled().iter().map(|collector| {
            let named = DiscoveredSkills::new(collector.probe(), some.clone());
            let plan = self.collectors.plan(collector, &[named]).len();
            plan + match collector.label() {
                "sla" => MOST_SKILLS * self.sla.windows.len(),
                _ => 0,
            }
        });
        plans.sum::<usize>() + 3
    }

    /// Every planned request has run again this long after the last fault, whatever happened: the
    /// longest back-off, pause and wait for a token, and the polls themselves at the widest spacing.
    pub(crate) fn recovery_bound(&self, spacing: Duration) -> Duration {
        let call = (self.settings.min_spacing * 64)
            .max(spacing)
            .max(self.request_timeout);
        let waits = secs((8 + 5 + 8) * 60 + 30);
        let calls = u32::try_from(self.requests + 12).unwrap();
        waits + self.longest_interval() * 3 + call * calls * 3
    }
}

fn interval(rng: &mut Rng) -> Duration {
    secs(pick(
        rng,
        &[10, 30, 30, 30, 30, 60, 60, 60, 60, 60, 60, 300],
    ))
}

fn windows(rng: &mut Rng) -> Vec<Window> {
    let of = [
        Window::Minutes(5),
        Window::Minutes(60),
        Window::Minutes(1440),
        Window::Today,
    ];
    let first = rng.usize(..of.len());
    let count = pick(rng, &[1, 1, 2, 2, 3]);
    (0..count).map(|i| of[(first + i) % of.len()]).collect()
}

fn some_ids<I: Id>(rng: &mut Rng, count: Range<i64>) -> Selection<I> {
    Selection::Ids((0..rng.i64(count)).map(I::from).collect())
}

fn selection<I: Id>(rng: &mut Rng) -> Selection<I> {
    match rng.u32(..4) {
        0 | 1 => Selection::All,
        2 => Selection::None,
        _ => some_ids(rng, 1..4),
    }
}

fn activity(rng: &mut Rng) -> engagement_activity::Settings {
    engagement_activity::Settings {
        enabled: true,
        interval: interval(rng),
        windows: windows(rng),
        skills: selection(rng),
        agents: selection(rng),
        skill_agents: rng.bool(),
        totals: false,
    }
}

fn sla(rng: &mut Rng) -> sla::Settings {
    let skills = selection(rng);
    let groups = match rng.u32(..24) {
        0 | 1 => some_ids(rng, 20..30),
        2..7 => some_ids(rng, 1..4),
        _ => Selection::None,
    };
    sla::Settings {
        enabled: true,
        interval: interval(rng),
        windows: windows(rng),
        buckets: if rng.bool() { vec![15, 30] } else { vec![20] },
        account: skills == Selection::None && groups == Selection::None || rng.bool(),
        skills,
        groups,
        totals: false,
    }
}

fn names(rng: &mut Rng) -> Names {
    let skills = (0..rng.i64(..3)).map(|id| (SkillId::from(id), format!("mine {}", rng.u8(..4))));
    let skills = skills.collect();
    Names {
        lookup: rng.u32(..3) == 0,
        refresh: secs(pick(rng, &[300, 3600])),
        skills,
        agents: BTreeMap::new(),
        groups: BTreeMap::new(),
    }
}
