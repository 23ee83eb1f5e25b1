//! A collector that the library does not know brings its own section of the configuration.

use std::time::Duration;

use liveperson_exporter::config::{
    CollectorSection, Environment, Key, Loaded, SectionReader, SectionType, known_keys, load_text,
};
use liveperson_exporter::vocabulary::{Selection, Service, SkillId};

use super::folder::ACCOUNT;
use crate::common::cases::check_each;

const SECTIONS: &[SectionType] = &[SectionType::of::<Invented>(Service::new("leInvented"))];

/// The settings of a collector that there is not, with keys of all kinds.
#[derive(Clone, Debug, PartialEq)]
struct Invented {
    enabled: bool,
    interval: Duration,
    skills: Selection<SkillId>,
    max_wait: Duration,
    top: u64,
}

impl CollectorSection for Invented {
    const NAME: &'static str = "invented";
    const KEYS: &'static [Key] = &[
        Key::value("enabled"),
        Key::value("interval"),
        Key::selection("skills"),
        Key::value("max_wait"),
        Key::value("top"),
    ];

    fn read(reader: &SectionReader<'_>) -> Self {
        let hour = Duration::from_secs(3600);
        let section = Self {
            enabled: reader.enabled(true),
            interval: reader.interval(Duration::from_secs(15)),
            skills: reader.selection("skills", Selection::All),
            max_wait: reader.duration("max_wait", hour, Duration::from_secs(1)..=hour),
            top: reader.integer("top", 10, 1..=100),
        };
        if section.skills == Selection::None {
            reader.contradiction(&["skills"], "skills: none leaves nothing to request");
        }
        section
    }

    fn enabled(&self) -> bool {
        self.enabled
    }

    fn interval(&self) -> Duration {
        self.interval
    }
}

fn load(sections: &str, env: &[(&str, &str)]) -> Result<Loaded, String> {
    let env = Environment::from_pairs(env.iter().copied());
    load_text("test", &format!("{ACCOUNT}{sections}"), &env, SECTIONS)
        .map_err(|errors| errors.to_string())
}

#[test]
fn its_section_is_read_with_account_and_environment() {
    let loaded = load(
        "    invented: {skills: [4]}\ninvented: {top: 3, skills: none}\n",
        &[("LIVEPERSON_EXPORTER__INVENTED__INTERVAL", "20s")],
    );
    let expected = Invented {
        enabled: true,
        interval: Duration::from_secs(20),
        skills: Selection::Ids(vec![4.into()]),
        max_wait: Duration::from_secs(3600),
        top: 3,
    };
    let config = loaded.unwrap().config;
    assert_eq!(config.accounts[0].section(), Some(&expected));
}

#[test]
fn its_mistakes_are_reported_like_any_others() {
    let sections = "invented: {enabled: on, max_wait: 2h, top: 0, skils: all, skills: none}\n";
    assert_eq!(
        load(sections, &[]).unwrap_err(),
        "invented.skils: unknown key; did you mean skills?\n\
         invented.enabled: expected true or false, found on\n\
         invented.max_wait: expected a duration from 1s to 1h, found 2h\n\
         invented.top: expected a whole number from 1 to 100, found 0\n\
         invented: skills: none leaves nothing to request"
    );
    assert_eq!(
        load("invented: {enabled: false}\n", &[]).unwrap_err(),
        "accounts[0]: every collector is disabled (invented), so that nothing is requested; enable one or remove the account"
    );
    assert_eq!(
        load("sla: {}\n", &[]).unwrap_err(),
        "sla: unknown key; expected one of accounts, invented, limits, stale_after, timezone, names, domain_api, allowed_domains, accounts_files, tls"
    );
}

#[test]
fn its_keys_are_among_the_known_ones() {
    let keys = known_keys(SECTIONS);
    let cases = ["invented.top", "accounts[].invented.top"];
    check_each(cases, |key| {
        assert!(keys.iter().any(|known| known == key), "{key}");
    });
}
