//! Names for ids: those of the configuration, which win, over those that LivePerson gives.
//!
//! `worker` asks for the lists and hands them in; here they are merged and published. They are no
//! data: they never grow stale, and no poll of data fails for want of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config;
use crate::exposition::{Chunk, SegmentWriter, join};
use crate::liveperson::NameKind;
use crate::metrics::names;
use crate::poll::plan::Level;
use crate::store::{Publication, Source, Store};

/// The part of the page that holds the names of ids.
pub(super) const NAMES: &str = "names";

/// The names of one account.
#[derive(Debug)]
pub(super) struct NameBook {
    account: String,
    configured: config::Names,
    found: Mutex<Found>,
    store: Arc<Store>,
}

type Found = BTreeMap<NameKind, Vec<(i64, String)>>;

impl NameBook {
    /// A book with the names of the configuration, and those that LivePerson gave to an `older`
    /// one if they are still wanted.
    pub(super) fn new(
        account: &str,
        configured: &config::Names,
        store: &Arc<Store>,
        older: Option<&Self>,
    ) -> Self {
        let older = older.filter(|_| configured.lookup);
        let found = older.map(|book| book.found().clone());
        Self {
            account: account.to_owned(),
            configured: configured.clone(),
            found: Mutex::new(found.unwrap_or_default()),
            store: Arc::clone(store),
        }
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        // A list is only ever replaced whole.
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces a list by what LivePerson says now; what is not in it any more is forgotten.
    pub(super) fn learn(&self, kind: NameKind, names: Vec<(i64, String)>) {
        self.found().insert(kind, names);
        self.publish();
    }

    /// How many names LivePerson has given, by list.
    pub(super) fn count(&self, kind: NameKind) -> usize {
        self.found().get(&kind).map_or(0, Vec::len)
    }

    /// Serves what is known.
    pub(super) fn publish(&self) {
        // Held until the end, so that an older page cannot overtake a newer one.
        let found = self.found();
        let chunks = match self.chunks(&found) {
            Ok(chunks) => chunks,
            Err(error) => {
                tracing::error!(account = self.account, %error, "the names cannot be compressed");
                return;
            }
        };
        let publication = Publication {
            chunks,
            fresh_until: None,
        };
        let source = Source {
            account: self.account.as_str().into(),
            part: NAMES,
        };
        self.store.publish(source, vec![publication]);
    }

    fn chunks(&self, found: &Found) -> std::io::Result<Vec<Chunk>> {
        let mut writer = SegmentWriter::new(&[])?;
        for (level, kind, configured) in [
            (Level::Skill, NameKind::Skills, &self.configured.skills),
            (Level::Agent, NameKind::Users, &self.configured.agents),
            (Level::Group, NameKind::Groups, &self.configured.groups),
        ] {
            let given = found.get(&kind).into_iter().flatten().cloned();
            let mut merged: BTreeMap<i64, String> = given.collect();
            merged.extend(configured.iter().map(|(id, name)| (*id, name.clone())));
            names::map(&self.account, level, &merged, &mut writer);
        }
        join(&writer.finish()?, &[])
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::exposition::Format;
    use crate::store::Selection;

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

    fn lines(store: &Store) -> Vec<String> {
        let page = store.page(Instant::now(), Format::Text, &Selection::default());
        let page: Vec<u8> = page.segments().flat_map(|s| s.plain().unwrap()).collect();
        let page = String::from_utf8(page).unwrap();
        let samples = page.lines().filter(|line| !line.starts_with('#'));
        samples.map(str::to_owned).collect()
    }

    #[test]
    fn the_configuration_wins_and_what_is_gone_is_dropped() {
        let store = Arc::new(Store::new(1000));
        let book = NameBook::new("1", &configured(true), &store, None);
        book.publish();
        let sales = "liveperson_skill_info{account=\"1\",skill=\"4\",name=\"Sales\"} 1";
        assert_eq!(lines(&store), [sales]);
        book.learn(NameKind::Skills, names(&[(4, "Verkauf"), (5, "Fax")]));
        book.learn(NameKind::Users, names(&[(3, "a\"b\\c\nd\u{1F600}")]));
        let fax = "liveperson_skill_info{account=\"1\",skill=\"5\",name=\"Fax\"} 1";
        let odd =
            "liveperson_agent_info{account=\"1\",agent=\"3\",name=\"a\\\"b\\\\c\\nd\u{1F600}\"} 1";
        assert_eq!(lines(&store), [sales, fax, odd]);
        book.learn(NameKind::Skills, names(&[]));
        assert_eq!(lines(&store), [sales, odd]);
        let newer = NameBook::new("1", &configured(true), &store, Some(&book));
        newer.publish();
        assert_eq!(lines(&store), [sales, odd], "no gap at a reload");
        let newer = NameBook::new("1", &configured(false), &store, Some(&book));
        newer.publish();
        assert_eq!(lines(&store), [sales], "not wanted any more");
    }
}
