//! Circles: ways along arrows that end where they begin.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::modules::Module;

/// Arrows between the direct children of a module: who leads to whom, and where. The module's own
/// file declares them all and is left out, but a name that it passes on belongs to the child that
/// has it.
pub(crate) fn between_children<'a>(
    modules: &[Module<'a>],
    parent: &[&'a str],
) -> BTreeMap<(&'a str, &'a str), String> {
    let mut between = BTreeMap::new();
    let Some(top) = modules.iter().find(|module| module.path == parent) else {
        return between;
    };
    let (names, globs) = top.names();
    // The child that a path leads to.
    let child_of = |to: &[&'a str]| -> Option<&'a str> {
        let first = *to.strip_prefix(parent)?.first()?;
        if top.children.contains(first) {
            return Some(first);
        }
        let from_glob = || {
            let of_glob = |module: &&Module<'a>| globs.contains(&module.path);
            let mut sources = modules.iter().filter(of_glob);
            Some(&sources.find(|module| module.defines(first))?.path)
        };
        let source = names.get(first).or_else(from_glob)?;
        source.strip_prefix(parent)?.first().copied()
    };
    for module in modules {
        let Some(&from) = module.path.strip_prefix(parent).and_then(<[_]>::first) else {
            continue;
        };
        for arrow in module.arrows() {
            if let Some(to) = child_of(&arrow.to).filter(|to| *to != from) {
                between.entry((from, to)).or_insert(arrow.place);
            }
        }
    }
    between
}

/// A shortest way from somewhere back to itself, if there is one.
pub(crate) fn circle<'a>(
    arrows: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> Option<Vec<&'a str>> {
    let starts: BTreeSet<&str> = arrows.clone().map(|(from, _)| from).collect();
    let ways = starts.into_iter().filter_map(|start| {
        let mut came_from = BTreeMap::new();
        let mut front = vec![start];
        while !front.is_empty() {
            let mut next = Vec::new();
            for at in front {
                for (_, to) in arrows.clone().filter(|(from, _)| *from == at) {
                    if let Entry::Vacant(entry) = came_from.entry(to) {
                        entry.insert(at);
                        next.push(to);
                    }
                }
            }
            front = next;
        }
        let mut way = vec![start];
        let mut at = *came_from.get(start)?;
        while at != start {
            way.push(at);
            at = came_from[at];
        }
        way.push(start);
        way.reverse();
        Some(way)
    });
    ways.min_by_key(Vec::len)
}

#[cfg(test)]
mod tests {
    use super::super::modules::{modules, planted};
    use super::*;

    #[test]
    fn siblings_are_found_behind_names_that_are_passed_on() {
        let files = planted(&[
            ("lib.rs", "mod web; mod yaml;"),
            ("yaml.rs", "use crate::web::X;"),
            (
                "web/mod.rs",
                "mod body; mod router; mod tls; pub use tls::*; pub(crate) use body::Chunks as C;\n\
                 use crate::yaml::Y; pub struct Server; fn f() { router::go(); }",
            ),
            ("web/body.rs", "use super::{Server, Cert, Y};"),
            (
                "web/router.rs",
                "use super::C; use crate::web::tls; use super::router::own;",
            ),
            ("web/tls.rs", "pub struct Cert; use super::router::Reply;"),
        ]);
        let found = between_children(&modules(&files), &["web"]);
        let found: Vec<_> = found.into_keys().collect();
        let expected = [
            ("body", "tls"),
            ("router", "body"),
            ("router", "tls"),
            ("tls", "router"),
        ];
        assert_eq!(found, expected);
        let way = circle(found.into_iter()).unwrap();
        assert_eq!(way, ["router", "tls", "router"]);
    }

    #[test]
    fn a_circle_is_found_and_nothing_else() {
        let all = [("a", "b"), ("b", "c"), ("a", "c"), ("d", "a")];
        assert_eq!(circle(all.into_iter()), None);
        let with = all.into_iter().chain([("c", "d")]);
        assert_eq!(circle(with).unwrap(), ["a", "c", "d", "a"]);
    }
}
