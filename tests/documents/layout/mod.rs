//! The layout of the code: arrows between modules turn one way, and names and words are plain.
//!
//! The table `| module | may import |` in `docs/architecture.md` says which top-level module may
//! name which; a row with `everything` allows all. Names in the table stand in backticks.

mod arrows;
mod circles;
mod lexer;
mod modules;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::files::repository;
use crate::cases::check_each;
use arrows::Arrow;
use circles::{between_children, circle};
use modules::{Files, Module, modules};
use words::{LONGEST_NAME, forbidden, forbidden_words, test_names};

/// Where names and words are not checked: the list of the words itself, and what is made up.
const UNCHECKED: &[&str] = &["tests/documents/layout/", "fuzz/corpus/"];

/// What a module may name; `None` is everything.
type Allowed = BTreeMap<String, Option<BTreeSet<String>>>;

const HEADER: &str = "| module | may import |";

/// The rows of the table, without its header and line.
fn table(text: &str) -> Allowed {
    let rows = text.lines().skip_while(|line| !line.starts_with(HEADER));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let mut cells = line.split('|').skip(1);
        let module = quoted(cells.next()?).into_iter().next()?;
        let imports = cells.next()?;
        let everything = imports.contains("everything");
        Some((module, (!everything).then(|| quoted(imports))))
    };
    rows.filter_map(row).collect()
}

/// The names in backticks, without a slash at their end.
fn quoted(cell: &str) -> BTreeSet<String> {
    let names = cell.split('`').skip(1).step_by(2);
    names
        .map(|name| name.trim_end_matches('/').to_owned())
        .collect()
}

/// Each arrow between top-level modules that the table does not allow, and rows that are wrong.
fn violations(modules: &[Module<'_>], allowed: &Allowed) -> Vec<String> {
    let top: BTreeSet<&str> = modules
        .iter()
        .filter_map(|module| module.path.first().copied())
        .collect();
    let mut wrong = BTreeSet::new();
    for arrow in modules.iter().flat_map(Module::arrows) {
        let (Some(from), Some(to)) = (arrow.from.first(), arrow.to.first()) else {
            continue;
        };
        if !top.contains(to) && !is_root_item(modules, to) {
            // `use crate::*` or `use crate as root`: behind it stands anything.
            wrong.insert(format!("{}: {to} is no module: name modules", arrow.place));
        }
        if from == to || !top.contains(to) {
            continue;
        }
        match allowed.get(*from) {
            Some(None) => {}
            Some(Some(allowed)) if allowed.contains(*to) => {}
            _ => {
                wrong.insert(format!("{}: {from} may not import {to}", arrow.place));
            }
        }
    }
    for module in top.iter().filter(|name| !allowed.contains_key(**name)) {
        wrong.insert(format!("the table has no row for `{module}`"));
    }
    let named = allowed.values().flatten().flatten();
    for name in allowed.keys().chain(named) {
        if !top.contains(name.as_str()) {
            wrong.insert(format!("the table names `{name}`, which is not a module"));
        }
    }
    wrong.into_iter().collect()
}

/// Whether the crate's root has an item of this name besides modules: its own, or an exported macro.
fn is_root_item(modules: &[Module<'_>], name: &str) -> bool {
    let root = modules.iter().find(|module| module.path.is_empty());
    root.is_some_and(|root| root.defines(name))
        || modules.iter().any(|module| module.defines_macro(name))
}

/// What the table allows and nothing makes use of.
fn unused(modules: &[Module<'_>], allowed: &Allowed) -> Vec<String> {
    let arrows = modules.iter().flat_map(Module::arrows);
    let used: BTreeSet<(&str, &str)> = arrows
        .filter_map(|arrow| Some((*arrow.from.first()?, *arrow.to.first()?)))
        .collect();
    let rows = allowed.iter();
    let pairs = rows.flat_map(|(from, to)| to.iter().flatten().map(move |to| (from, to)));
    let unused = pairs.filter(|(from, to)| !used.contains(&(from.as_str(), to.as_str())));
    unused
        .map(|(from, to)| format!("{from} does not import {to}"))
        .collect()
}

/// Each arrow to the folder of one collector that begins outside it and outside the registry.
fn arrows_to_single_collectors(modules: &[Module<'_>]) -> Vec<String> {
    let folder = |file: &str| {
        let path = file.strip_prefix("collectors/")?;
        Some(path.strip_suffix("/mod.rs")?.to_owned())
    };
    let folders: BTreeSet<String> = modules
        .iter()
        .filter_map(|module| folder(&module.file))
        .collect();
    let is_wrong = |arrow: &Arrow<'_>| {
        let ["collectors", collector, ..] = arrow.to[..] else {
            return false;
        };
        let from_itself = arrow.from.starts_with(&["collectors", collector]);
        let from_registry = arrow.from == ["collectors", "registry"];
        folders.contains(collector) && !from_itself && !from_registry
    };
    let arrows = modules.iter().flat_map(Module::arrows).filter(is_wrong);
    let wrong = arrows.map(|arrow| format!("{}: {}", arrow.place, arrow.to.join("::")));
    wrong.collect()
}

/// A way through the table that ends where it begins.
fn circle_in_table(allowed: &Allowed) -> Option<Vec<&str>> {
    let arrows: Vec<(&str, &str)> = allowed
        .iter()
        .flat_map(|(from, to)| {
            let to = to.iter().flatten();
            to.map(move |to| (from.as_str(), to.as_str()))
        })
        .collect();
    circle(arrows.into_iter())
}

/// All Rust files below a folder of the repository, by their path in it.
fn sources(folder: &str) -> Files {
    let mut files = Files::new();
    let is_source = |name: &str| name.ends_with(".rs");
    collect(&repository(folder), "", &is_source, &mut files);
    files
}

/// Adds the files of a folder and of those below it, except what tools have written.
fn collect(folder: &Path, prefix: &str, wanted: &dyn Fn(&str) -> bool, files: &mut Files) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            let is_output = name == "target" || name.starts_with("mutants.out");
            if !is_output && !name.starts_with('.') {
                collect(&path, &format!("{prefix}{name}/"), wanted, files);
            }
        } else if wanted(name) {
            let text = std::fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&text).into_owned();
            files.insert(format!("{prefix}{name}"), text);
        }
    }
}

fn architecture() -> String {
    std::fs::read_to_string(repository("docs/architecture.md")).unwrap()
}

#[test]
fn only_the_registry_knows_single_collectors() {
    let files = sources("src");
    let found = arrows_to_single_collectors(&modules(&files));
    assert_eq!(found, Vec::<String>::new());
    let planted = modules::planted(&[
        ("lib.rs", "mod collectors; mod daemon;"),
        ("collectors/mod.rs", "mod registry; pub mod sla;"),
        ("collectors/registry.rs", "use super::sla::Sla;"),
        (
            "collectors/sla/mod.rs",
            "mod query; use self::query::Q; pub struct Sla;",
        ),
        ("collectors/sla/query.rs", "use super::Sla;"),
        ("daemon.rs", "use crate::collectors::sla::Sla;"),
    ]);
    let found = arrows_to_single_collectors(&modules::modules(&planted));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let files = sources("src");
    let modules = modules(&files);
    assert!(modules.len() > 50, "{} modules", modules.len());
    let table = table(&architecture());
    let mut wrong = violations(&modules, &table);
    wrong.extend(unused(&modules, &table));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_of_imports_has_no_circle() {
    let table = table(&architecture());
    assert_eq!(circle_in_table(&table), None);
}

#[test]
fn files_of_a_module_do_not_import_in_circles() {
    let files = sources("src");
    let modules = modules(&files);
    let top = modules.iter().filter(|module| module.path.len() == 1);
    let parents = top.filter(|module| !module.children.is_empty());
    let parents: Vec<_> = parents.map(|module| module.path[0]).collect();
    assert!(parents.len() > 10, "{parents:?}");
    check_each(parents, |parent| {
        let arrows = between_children(&modules, &[parent]);
        let Some(way) = circle(arrows.keys().copied()) else {
            return;
        };
        let steps = way.windows(2).map(|step| &arrows[&(step[0], step[1])]);
        let steps: Vec<_> = steps.map(String::as_str).collect();
        panic!("src/{parent}: {} by {}", way.join(" -> "), steps.join(", "));
    });
}

#[test]
fn test_names_have_at_most_60_characters() {
    check_each(checked_files(&["rs"]), |(file, text)| {
        let names = test_names(&text).into_iter();
        let long = names.filter(|(name, _)| name.chars().count() > LONGEST_NAME);
        let long: Vec<_> = long
            .map(|(name, line)| format!("{file}:{line}: {name}"))
            .collect();
        assert!(long.is_empty(), "{}", long.join("\n"));
    });
}

#[test]
fn names_and_prose_use_no_forbidden_words() {
    check_each(checked_files(&["rs"]), |(file, text)| {
        no_words(&file, forbidden(&text));
    });
}

#[test]
fn documents_use_no_forbidden_words() {
    let mut files = checked_files(&["md", "yml", "yaml", "service", "socket", "toml", "py"]);
    files.extend(scripts());
    for needed in [
        "README.md",
        "docs/security.md",
        "systemd/liveperson_exporter.service",
        "grafana/source/boards/wallboard.py",
        "fuzz/run",
        ".ci/run",
    ] {
        assert!(files.contains_key(needed), "{needed} is not checked");
    }
    check_each(files, |(file, text)| {
        no_words(&file, forbidden_words(&text))
    });
}

fn no_words(file: &str, found: BTreeSet<(usize, &str)>) {
    let places = found.into_iter();
    let places: Vec<_> = places
        .map(|(line, word)| format!("{file}:{line}: {word}"))
        .collect();
    assert!(places.is_empty(), "{}", places.join("\n"));
}

/// All files with these endings whose names and words are checked, by their path in the
/// repository.
fn checked_files(endings: &[&str]) -> Files {
    let ends = |name: &str| {
        endings
            .iter()
            .any(|ending| name.ends_with(&format!(".{ending}")))
    };
    let mut checked = Files::new();
    collect(&repository(""), "", &ends, &mut checked);
    checked.retain(|file, _| !UNCHECKED.iter().any(|path| file.starts_with(path)));
    checked
}

/// All scripts, by their path in the repository: files without an ending that a shell runs.
fn scripts() -> Files {
    let mut files = Files::new();
    for folder in ["", ".ci/"] {
        let names = |name: &str| !name.contains('.');
        collect(&repository(folder), folder, &names, &mut files);
    }
    files.retain(|_, text| text.starts_with("#!"));
    files
}

#[cfg(test)]
mod tests {
    use super::modules::planted;
    use super::*;

    const TABLE: &str = "words\n\n| module | may import | why |\n|---|---|---|\n\
        | `web/` | `yaml`, and `store` | x |\n| `yaml` | nothing | `web` |\n\
        | `store` | | |\n| `daemon` | everything | |\n\n| `x` | `y` |\n";

    #[test]
    fn a_table_is_read_whatever_words_stand_in_it() {
        let table = table(TABLE);
        let set = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(table.len(), 4);
        assert_eq!(table["web"], set(&["store", "yaml"]));
        assert_eq!(table["yaml"], set(&[]));
        assert_eq!(table["store"], set(&[]));
        assert_eq!(table["daemon"], None);
        assert_eq!(circle_in_table(&table), None);
    }

    #[test]
    fn a_planted_arrow_is_a_violation() {
        let files = planted(&[
            (
                "lib.rs",
                "mod web; mod yaml; mod store; mod daemon; pub const VERSION: u8 = 0;",
            ),
            (
                "web/mod.rs",
                "mod body; use crate::{yaml, store::S}; use crate::VERSION;",
            ),
            (
                "web/body.rs",
                "use std::fmt;\nuse super::{\n    super::{yaml::{Z},\n    daemon::D},\n};",
            ),
            (
                "yaml.rs",
                "fn f(x: crate::store::S) {}\n#[cfg(test)] mod t { use crate::web; }",
            ),
            (
                "store.rs",
                "// crate::web\nconst X: &str = \"crate::web\";\nuse crate::*;\nuse super as root;",
            ),
            ("daemon.rs", "use crate::{web, yaml, store};"),
        ]);
        let modules = modules(&files);
        assert_eq!(
            violations(&modules, &table(TABLE)),
            [
                "src/store.rs:3: * is no module: name modules",
                "src/store.rs:4: root is no module: name modules",
                "src/web/body.rs:4: web may not import daemon",
                "src/yaml.rs:1: yaml may not import store",
            ]
        );
        let wider = TABLE.replace("| `store` | |", "| `store` | `yaml` |");
        assert_eq!(
            unused(&modules, &table(&wider)),
            ["store does not import yaml"]
        );
        let short = TABLE.replace("| `store` | | |\n", "");
        let renamed = short.replace("`web/`", "`site`");
        let wrong = violations(&modules, &table(&renamed));
        assert!(wrong.contains(&"the table has no row for `store`".to_owned()));
        assert!(wrong.contains(&"the table names `site`, which is not a module".to_owned()));
        assert!(wrong.contains(&"src/web/mod.rs:1: web may not import yaml".to_owned()));
    }

    #[test]
    fn a_circle_in_the_table_is_found() {
        let table = table(&TABLE.replace("| `store` | |", "| `store` | `web` |"));
        assert_eq!(circle_in_table(&table).unwrap().len(), 3);
    }
}
