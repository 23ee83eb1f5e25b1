//! The collectors of one account, and the skills that they discover for each other.
//!
//! Some collectors need a request for each skill and cannot ask which skills there are. If another
//! one's answers name them all anyway, nothing more is asked; otherwise a request of an API that can
//! say comes first in each poll. No collector knows which one that is.

use std::collections::BTreeMap;

use url::Url;

use super::collector::{Division, Target, TotalQuery};
use super::configured::ConfiguredCollector;
use super::request::Request;
use super::skills::DiscoveredSkills;
use crate::totals::{Counts, SeriesKey};
use crate::vocabulary::{SkillId, Window};

/// The collectors of one account.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountCollectors {
    account: String,
    hosts: BTreeMap<String, Url>,
    all: Vec<ConfiguredCollector>,
    enabled: Vec<ConfiguredCollector>,
}

impl AccountCollectors {
    /// The collectors of an account. `hosts`: the base URLs that the configuration gives, by service.
    pub fn new(account: &str, hosts: BTreeMap<String, Url>, all: Vec<ConfiguredCollector>) -> Self {
        let enabled = all.iter().filter(|collector| collector.enabled());
        Self {
            account: account.to_owned(),
            hosts,
            enabled: enabled.cloned().collect(),
            all,
        }
    }

    /// LivePerson's account id.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// All of them, in the order in which they are served, those that are switched off included.
    pub fn all(&self) -> &[ConfiguredCollector] {
        &self.all
    }

    /// Those that run, in the order in which they are served.
    pub fn enabled(&self) -> &[ConfiguredCollector] {
        &self.enabled
    }

    /// The one that runs with this label.
    pub fn find(&self, label: &str) -> Option<&ConfiguredCollector> {
        let mut enabled = self.enabled.iter();
        enabled.find(|collector| collector.label() == label)
    }

    /// The requests of one poll. `discovered`: the skills that answers named so far, for plans that
    /// need a request each; no answers when none could be asked yet.
    pub fn plan(
        &self,
        collector: &ConfiguredCollector,
        discovered: &[DiscoveredSkills],
    ) -> Vec<Request> {
        let ids = DiscoveredSkills::ids_of_all(discovered);
        self.requests(collector, (!discovered.is_empty()).then_some(&ids))
    }

    /// The requests that each poll has once it is known which skills there are, without those for
    /// single skills.
    pub fn lasting_plan(&self, collector: &ConfiguredCollector) -> Vec<Request> {
        self.requests(collector, Some(&[]))
    }

    /// The request that feeds the running totals of an id; `None` when the configuration does not ask
    /// for them.
    pub fn total_request(
        &self,
        collector: &ConfiguredCollector,
        key: SeriesKey,
    ) -> Option<Request> {
        self.total_requests(collector)(key)
    }

    /// The same for many ids.
    pub fn total_requests<'a>(
        &self,
        collector: &'a ConfiguredCollector,
    ) -> TotalQuery<'a, Request> {
        collector.total_requests(&self.target(collector))
    }

    /// What to ask instead of a request whose answer is too large; see [`Request::divide`].
    pub fn divide(&self, request: &Request, named: Option<&Counts>) -> Division<Request> {
        let target = Target {
            account: &self.account,
            base_url: self.hosts.get(request.about().service.name()),
        };
        request.divide(&target, named)
    }

    /// A request that asks which skills had chats in a window, of any API that can say.
    pub fn skills_of(&self, window: Window) -> Option<Request> {
        self.skill_discovery(window)
    }

    fn target(&self, collector: &ConfiguredCollector) -> Target<'_> {
        Target {
            account: &self.account,
            base_url: self.hosts.get(collector.about().service.name()),
        }
    }

    /// The requests of one poll. `skills`: `None` when it is not known which there are.
    fn requests(
        &self,
        collector: &ConfiguredCollector,
        skills: Option<&[SkillId]>,
    ) -> Vec<Request> {
        let target = self.target(collector);
        let Some(windows) = collector.needs_skills() else {
            return collector.plan(&target, &[]);
        };
        let named_by_another = self.names_skills_for(collector);
        let discovery = (skills.is_none() || !named_by_another)
            .then(|| self.skill_discovery(Window::covering(windows)));
        // Those of a discovery come with its answer, in this very poll.
        let known = skills.filter(|_| named_by_another).unwrap_or_default();
        let requests = collector.plan(&target, known);
        discovery.flatten().into_iter().chain(requests).collect()
    }

    /// Whether the answers of another collector name every skill that this one needs.
    fn names_skills_for(&self, collector: &ConfiguredCollector) -> bool {
        let Some(needed) = collector.needs_skills() else {
            return false;
        };
        let names_them = |other: &ConfiguredCollector| {
            other.names_skills().is_some_and(|named| {
                let covered = |window: &Window| named.iter().any(|by| by.covers(*window));
                needed.iter().all(covered)
            })
        };
        self.enabled.iter().any(names_them)
    }

    /// A request that only asks which skills there are, of any API that can say: the collector need
    /// not run for it.
    fn skill_discovery(&self, window: Window) -> Option<Request> {
        let mut all = self.all.iter();
        all.find_map(|collector| collector.skill_discovery(window))
    }

    /// Whether a collector asks for the same things as often under an older configuration.
    pub fn asks_the_same(&self, old: &Self, label: &str) -> bool {
        let (Some(new_one), Some(old_one)) = (self.find(label), old.find(label)) else {
            return false;
        };
        // Who names the skills for it depends on the other collectors.
        new_one == old_one && (new_one.needs_skills().is_none() || self.all == old.all)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cases::check_each;
    use crate::collectors::engagement_activity::{self, EngagementActivity};
    use crate::collectors::request::Purpose;
    use crate::collectors::sla::{self, Sla};
    use crate::vocabulary::{Level, Selection};

    struct Settings {
        activity: engagement_activity::Settings,
        sla: sla::Settings,
    }

    fn settings() -> Settings {
        Settings {
            activity: engagement_activity::Settings {
                enabled: true,
                interval: Duration::from_secs(30),
                windows: vec![Window::Minutes(5)],
                skills: Selection::All,
                agents: Selection::All,
                skill_agents: false,
                totals: false,
            },
            sla: sla::Settings {
                enabled: true,
                interval: Duration::from_secs(60),
                windows: vec![Window::Minutes(5)],
                buckets: vec![15, 30],
                account: true,
                skills: Selection::All,
                groups: Selection::None,
                totals: false,
            },
        }
    }

    fn collectors(settings: &Settings) -> AccountCollectors {
        let all = vec![
            ConfiguredCollector::new(&EngagementActivity, settings.activity.clone()),
            ConfiguredCollector::new(&Sla, settings.sla.clone()),
        ];
        AccountCollectors::new("1", BTreeMap::new(), all)
    }

    /// The plan of the SLA Histogram: the skill of each request, the word `skills` for the request
    /// that asks which there are.
    fn sla_plan(settings: &Settings, skills: Option<i64>) -> Vec<String> {
        let collectors = collectors(settings);
        let sla = collectors.find("sla").unwrap();
        let named = skills.map(|skill| {
            let asked = collectors.skill_discovery(Window::Minutes(5)).unwrap();
            DiscoveredSkills::new(asked, vec![skill.into()])
        });
        let plan = collectors.plan(sla, named.as_slice()).into_iter();
        plan.map(|request| match (request.purpose(), request.skill()) {
            (Purpose::SkillDiscovery, _) => "skills".to_owned(),
            (Purpose::Data, Some(skill)) => skill.to_string(),
            (Purpose::Data, None) => "account".to_owned(),
        })
        .collect()
    }

    #[test]
    fn skills_are_asked_for_unless_another_collector_names_them() {
        let mut settings = settings();
        // Not asked yet: one request says which skills there are.
        assert_eq!(sla_plan(&settings, None), ["skills", "account"]);
        assert_eq!(sla_plan(&settings, Some(4)), ["account", "4"]);
        // A longer window can hold skills that the shorter one does not name.
        settings.sla.windows = vec![Window::Minutes(60)];
        assert_eq!(sla_plan(&settings, Some(4)), ["skills", "account"]);
        settings.sla.windows = vec![Window::Today];
        settings.activity.windows = vec![Window::Minutes(1440)];
        assert_eq!(sla_plan(&settings, Some(4)), ["account", "4"]);
        settings.activity.enabled = false;
        assert_eq!(sla_plan(&settings, Some(4)), ["skills", "account"]);
    }

    #[test]
    fn the_request_for_skills_covers_every_window() {
        let mut settings = settings();
        settings.activity.enabled = false;
        settings.sla.windows = vec![Window::Minutes(5), Window::Minutes(60)];
        let collectors = collectors(&settings);
        let plan = collectors.plan(collectors.find("sla").unwrap(), &[]);
        let query = plan[0].query::<EngagementActivity>().unwrap();
        assert_eq!(query.window, Window::Minutes(60));
    }

    #[test]
    fn running_totals_do_not_make_skills_asked_for() {
        let mut settings = settings();
        settings.sla.totals = true;
        assert_eq!(
            sla_plan(&settings, Some(4)),
            ["account", "account", "4", "4"]
        );
        settings.activity.totals = true;
        settings.activity.windows = vec![Window::Minutes(1)];
        // Skills are asked for as without totals, which would name all of a day.
        assert_eq!(
            sla_plan(&settings, Some(4)),
            ["skills", "account", "account"]
        );
        let collectors = collectors(&settings);
        let plan = collectors.plan(collectors.find("engagement_activity").unwrap(), &[]);
        let naming = plan.iter().filter(|request| request.names_skills());
        let totals: Vec<_> = naming.map(Request::is_total).collect();
        assert_eq!(totals, [false]);
    }

    #[test]
    fn totals_are_fed_by_a_request_of_the_plan() {
        let mut settings = settings();
        (settings.activity.totals, settings.sla.totals) = (true, true);
        let collectors = collectors(&settings);
        check_each(
            [
                ("engagement_activity", SeriesKey::one(Level::Agent, 3), true),
                (
                    "engagement_activity",
                    SeriesKey::one(Level::Group, 7),
                    false,
                ),
                ("sla", SeriesKey::one(Level::Skill, 4), true),
                ("sla", SeriesKey::one(Level::Agent, 3), false),
            ],
            |(label, key, is_fed)| {
                let collector = collectors.find(label).unwrap();
                let asked = collectors.skill_discovery(Window::Minutes(5)).unwrap();
                let named = DiscoveredSkills::new(asked, vec![4.into()]);
                let plan = collectors.plan(collector, &[named]);
                let request = collectors.total_request(collector, key);
                let is_planned = request.is_some_and(|request| plan.contains(&request));
                assert_eq!(is_planned, is_fed, "{label} {key:?}");
            },
        );
    }

    #[test]
    fn a_collector_asks_the_same_while_its_skills_have_one_source() {
        let before = settings();
        let mut after = settings();
        after.activity.interval = Duration::from_secs(10);
        let (old, new) = (collectors(&before), collectors(&after));
        assert!(!new.asks_the_same(&old, "engagement_activity"));
        assert!(
            !new.asks_the_same(&old, "sla"),
            "who names its skills changed"
        );
        assert!(old.asks_the_same(&old, "sla"));
        let named = Settings {
            sla: sla::Settings {
                skills: Selection::Ids(vec![4.into()]),
                ..before.sla.clone()
            },
            ..before
        };
        let changed = Settings {
            activity: after.activity,
            sla: named.sla.clone(),
        };
        assert!(collectors(&changed).asks_the_same(&collectors(&named), "sla"));
    }
}
