//! A collector's section of the configuration: a type that says its name, its keys and how it is
//! read. The configuration is handed a list of them and knows no single one.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use super::schema::{Key, Schema};
use super::section_reader::SectionReader;
use crate::vocabulary::Service;

/// The settings of one collector for one account.
pub trait CollectorSection: Clone + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// Name of the section, and value of the `collector` label.
    const NAME: &'static str;
    /// Every key of the section.
    const KEYS: &'static [Key];

    /// Reads the section.
    fn read(reader: &SectionReader<'_>) -> Self;

    /// Whether the collector runs.
    fn enabled(&self) -> bool;

    /// Time between the starts of two polls.
    fn interval(&self) -> Duration;
}

/// A [`CollectorSection`] as the rest of the configuration sees it.
#[derive(Clone, Copy, Debug)]
pub struct SectionType {
    name: &'static str,
    service: Service,
    keys: &'static [Key],
    read: fn(&SectionReader<'_>) -> Box<dyn AnySection>,
}

impl SectionType {
    /// The type of the section of a collector that calls `service`.
    pub const fn of<T: CollectorSection>(service: Service) -> Self {
        Self {
            name: T::NAME,
            service,
            keys: T::KEYS,
            read: |reader| Box::new(T::read(reader)),
        }
    }

    /// Name of the section, and value of the `collector` label.
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn read(&self, reader: &SectionReader<'_>) -> Box<dyn AnySection> {
        (self.read)(reader)
    }
}

/// The services whose hosts can be configured: those of these collectors, of tokens, logins and names,
/// and one that LivePerson's documents name beside them.
pub(super) fn services(collectors: &[SectionType]) -> Vec<Service> {
    let mut services = Vec::new();
    let of_collectors = collectors.iter().map(|section| section.service);
    let others = [
        Service::SENTINEL,
        Service::AGENT_VEP,
        Service::ACCOUNT_CONFIG_READ_ONLY,
        Service::AGENT_MANAGER_WORKSPACE,
    ];
    for service in of_collectors.chain(others) {
        if !services.contains(&service) {
            services.push(service);
        }
    }
    services
}

/// The schema of a file with the sections of these collectors.
pub(super) fn schema(collectors: &[SectionType]) -> Schema {
    let keys: Vec<Key> = collectors
        .iter()
        .map(|section| Key::section(section.name, section.keys))
        .collect();
    Schema::new(&keys, &services(collectors))
}

/// Every key of the configuration file as a dotted path, lists as `accounts[]`: for checking that
/// documents and samples are complete.
pub fn known_keys(collectors: &[SectionType]) -> Vec<String> {
    schema(collectors).key_paths()
}

/// The settings of every collector for one account, found by their type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sections(Vec<Box<dyn AnySection>>);

impl Sections {
    /// The settings of one collector; `None` when the collector is unknown to the configuration.
    pub fn get<T: CollectorSection>(&self) -> Option<&T> {
        self.0
            .iter()
            .find_map(|section| section.as_any().downcast_ref())
    }

    /// The settings of one collector, to be changed.
    pub fn get_mut<T: CollectorSection>(&mut self) -> Option<&mut T> {
        self.0
            .iter_mut()
            .find_map(|section| section.as_any_mut().downcast_mut())
    }

    /// These settings with those of one collector added or replaced.
    pub fn with<T: CollectorSection>(mut self, section: T) -> Self {
        match self.get_mut::<T>() {
            Some(present) => *present = section,
            None => self.0.push(Box::new(section)),
        }
        self
    }

    pub(super) fn push(&mut self, section: Box<dyn AnySection>) {
        self.0.push(section);
    }

    /// Whether no collector runs.
    pub(super) fn all_disabled(&self) -> bool {
        self.0.iter().all(|section| !section.enabled())
    }
}

/// A [`CollectorSection`] of any type.
pub(super) trait AnySection: fmt::Debug + Send + Sync {
    /// As [`CollectorSection::enabled`].
    fn enabled(&self) -> bool;
    /// As [`CollectorSection::interval`].
    fn interval(&self) -> Duration;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
    fn clone_box(&self) -> Box<dyn AnySection>;
    fn equals(&self, other: &dyn AnySection) -> bool;
}

impl<T: CollectorSection> AnySection for T {
    fn enabled(&self) -> bool {
        CollectorSection::enabled(self)
    }

    fn interval(&self) -> Duration {
        CollectorSection::interval(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn clone_box(&self) -> Box<dyn AnySection> {
        Box::new(self.clone())
    }

    fn equals(&self, other: &dyn AnySection) -> bool {
        other.as_any().downcast_ref() == Some(self)
    }
}

impl Clone for Box<dyn AnySection> {
    fn clone(&self) -> Self {
        self.as_ref().clone_box()
    }
}

impl PartialEq for dyn AnySection {
    fn eq(&self, other: &Self) -> bool {
        self.equals(other)
    }
}
