//! Names for ids: those of the configuration, which win, over those that LivePerson gives.
//!
//! The daemon asks for the lists; here they are merged.

use std::collections::BTreeMap;

use super::families::{AGENT_INFO, GROUP_INFO, SKILL_INFO};
use super::map::map;
use crate::config;
use crate::exposition::{Chunk, SegmentWriter};
use crate::liveperson::{NameKind, NameList};
use crate::vocabulary::{AgentId, GroupId, Id, SkillId};

/// The names of one account.
#[derive(Debug)]
pub struct NameCache {
    configured: config::Names,
    found: FoundNames,
}

/// What LivePerson gave; `None` for a list that it has not given yet.
#[derive(Clone, Debug, Default)]
struct FoundNames {
    skills: Option<Vec<(SkillId, String)>>,
    groups: Option<Vec<(GroupId, String)>>,
    users: Option<Vec<(AgentId, String)>>,
}

impl NameCache {
    /// A cache with the names of the configuration.
    pub fn new(configured: &config::Names) -> Self {
        Self {
            configured: configured.clone(),
            found: FoundNames::default(),
        }
    }

    /// Takes over what LivePerson gave to an older one, if it is still wanted.
    pub fn restore_from(&mut self, old: &Self) {
        if self.configured.lookup {
            self.found.clone_from(&old.found);
        }
    }

    /// The names of the configuration changed.
    pub fn configure(&mut self, configured: &config::Names) {
        self.configured = configured.clone();
    }

    /// Replaces a list by what LivePerson says now; what is not in it any more is forgotten.
    pub fn update(&mut self, list: NameList) {
        match list {
            NameList::Skills(names) => self.found.skills = Some(names),
            NameList::Groups(names) => self.found.groups = Some(names),
            NameList::Users(names) => self.found.users = Some(names),
        }
    }

    /// Whether LivePerson's last list is there, be it empty.
    pub fn has(&self, kind: NameKind) -> bool {
        self.found.len(kind).is_some()
    }

    /// How many names LivePerson has given, by list.
    pub fn count(&self, kind: NameKind) -> usize {
        self.found.len(kind).unwrap_or(0)
    }

    /// What is known, as series of an account.
    ///
    /// # Errors
    /// Out of memory.
    pub fn chunks(&self, account: &str) -> std::io::Result<Vec<Chunk>> {
        let mut writer = SegmentWriter::new(&[]);
        let Self { configured, found } = self;
        let skills = merged(found.skills.as_deref(), &configured.skills);
        map(account, &SKILL_INFO, &skills, &mut writer);
        let agents = merged(found.users.as_deref(), &configured.agents);
        map(account, &AGENT_INFO, &agents, &mut writer);
        let groups = merged(found.groups.as_deref(), &configured.groups);
        map(account, &GROUP_INFO, &groups, &mut writer);
        writer.finish()
    }
}

impl FoundNames {
    /// How many names a list has; `None` before it was given.
    fn len(&self, kind: NameKind) -> Option<usize> {
        match kind {
            NameKind::Skills => self.skills.as_ref().map(Vec::len),
            NameKind::Groups => self.groups.as_ref().map(Vec::len),
            NameKind::Users => self.users.as_ref().map(Vec::len),
        }
    }
}

fn merged<I: Id>(
    found: Option<&[(I, String)]>,
    configured: &BTreeMap<I, String>,
) -> BTreeMap<I, String> {
    let found = found.into_iter().flatten().cloned();
    let mut merged: BTreeMap<I, String> = found.collect();
    merged.extend(configured.iter().map(|(id, name)| (*id, name.clone())));
    merged
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::exposition::Format;

    fn names<I: Id>(pairs: &[(i64, &str)]) -> Vec<(I, String)> {
        let pairs = pairs.iter();
        let owned = pairs.map(|(id, name)| (I::from(*id), (*name).to_owned()));
        owned.collect()
    }

    fn configured(lookup: bool) -> config::Names {
        config::Names {
            lookup,
            refresh: Duration::from_secs(3600),
            skills: BTreeMap::from([(4.into(), "Sales".to_owned())]),
            agents: BTreeMap::new(),
            groups: BTreeMap::new(),
        }
    }

    fn lines(cache: &NameCache) -> Vec<String> {
        let chunks = cache.chunks("1").unwrap();
        let segments = chunks.iter().flat_map(|c| c.segments(Format::Text));
        let text: Vec<u8> = segments.flat_map(|s| s.plain().unwrap()).collect();
        let text = String::from_utf8(text).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_configuration_wins_and_what_is_gone_is_dropped() {
        let mut cache = NameCache::new(&configured(true));
        let sales = "liveperson_skill_info{account=\"1\",skill=\"4\",name=\"Sales\"} 1";
        assert_eq!(lines(&cache), [sales]);
        cache.update(NameList::Skills(names(&[(4, "Verkauf"), (5, "Fax")])));
        cache.update(NameList::Users(names(&[(3, "a\"b\\c\nd\u{1F600}")])));
        let fax = "liveperson_skill_info{account=\"1\",skill=\"5\",name=\"Fax\"} 1";
        let odd =
            "liveperson_agent_info{account=\"1\",agent=\"3\",name=\"a\\\"b\\\\c\\nd\u{1F600}\"} 1";
        assert_eq!(lines(&cache), [sales, fax, odd]);
        cache.update(NameList::Skills(names(&[])));
        assert_eq!(lines(&cache), [sales, odd]);
        assert!(cache.has(NameKind::Skills) && !cache.has(NameKind::Groups));
        let mut newer = NameCache::new(&configured(true));
        newer.restore_from(&cache);
        assert_eq!(lines(&newer), [sales, odd], "no gap at a reload");
        let mut newer = NameCache::new(&configured(false));
        newer.restore_from(&cache);
        assert_eq!(lines(&newer), [sales], "not wanted any more");
        assert!(!newer.has(NameKind::Skills), "to be asked for whole");
        let mut renamed = configured(true);
        renamed.skills.insert(4.into(), "Vertrieb".to_owned());
        cache.configure(&renamed);
        assert_eq!(
            lines(&cache),
            [sales.replace("Sales", "Vertrieb"), odd.to_owned()]
        );
    }
}
