//! Names for ids: those of the configuration, which win, over those that LivePerson gives.
//!
//! The daemon asks for the lists; here they are merged.

use std::collections::BTreeMap;

use super::families::{AGENT_INFO, GROUP_INFO, SKILL_INFO};
use super::map::map;
use crate::config;
use crate::exposition::{Chunk, SegmentWriter};
use crate::liveperson::NameKind;

/// The names of one account.
#[derive(Debug)]
pub struct NameCache {
    configured: config::Names,
    found: BTreeMap<NameKind, Vec<(i64, String)>>,
}

impl NameCache {
    /// A cache with the names of the configuration.
    pub fn new(configured: &config::Names) -> Self {
        Self {
            configured: configured.clone(),
            found: BTreeMap::new(),
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
    pub fn update(&mut self, kind: NameKind, names: Vec<(i64, String)>) {
        self.found.insert(kind, names);
    }

    /// Whether LivePerson's last list is there, be it empty.
    pub fn has(&self, kind: NameKind) -> bool {
        self.found.contains_key(&kind)
    }

    /// How many names LivePerson has given, by list.
    pub fn count(&self, kind: NameKind) -> usize {
        self.found.get(&kind).map_or(0, Vec::len)
    }

    /// What is known, as series of an account.
    ///
    /// # Errors
    /// Out of memory.
    pub fn chunks(&self, account: &str) -> std::io::Result<Vec<Chunk>> {
        let mut writer = SegmentWriter::new(&[]);
        for (family, kind, configured) in [
            (&SKILL_INFO, NameKind::Skills, &self.configured.skills),
            (&AGENT_INFO, NameKind::Users, &self.configured.agents),
            (&GROUP_INFO, NameKind::Groups, &self.configured.groups),
        ] {
            let given = self.found.get(&kind).into_iter().flatten().cloned();
            let mut merged: BTreeMap<i64, String> = given.collect();
            merged.extend(configured.iter().map(|(id, name)| (*id, name.clone())));
            map(account, family, &merged, &mut writer);
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::exposition::Format;

    fn names(pairs: &[(i64, &str)]) -> Vec<(i64, String)> {
        let owned = pairs.iter().map(|(id, name)| (*id, (*name).to_owned()));
        owned.collect()
    }

    fn configured(lookup: bool) -> config::Names {
        config::Names {
            lookup,
            refresh: Duration::from_secs(3600),
            skills: BTreeMap::from([(4, "Sales".to_owned())]),
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
        cache.update(NameKind::Skills, names(&[(4, "Verkauf"), (5, "Fax")]));
        cache.update(NameKind::Users, names(&[(3, "a\"b\\c\nd\u{1F600}")]));
        let fax = "liveperson_skill_info{account=\"1\",skill=\"5\",name=\"Fax\"} 1";
        let odd =
            "liveperson_agent_info{account=\"1\",agent=\"3\",name=\"a\\\"b\\\\c\\nd\u{1F600}\"} 1";
        assert_eq!(lines(&cache), [sales, fax, odd]);
        cache.update(NameKind::Skills, names(&[]));
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
        renamed.skills.insert(4, "Vertrieb".to_owned());
        cache.configure(&renamed);
        assert_eq!(
            lines(&cache),
            [sales.replace("Sales", "Vertrieb"), odd.to_owned()]
        );
    }
}
