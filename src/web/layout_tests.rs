//! The files of this module know each other in one direction.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The siblings that a file names in its `use` lines, tests apart.
fn siblings(text: &str, names: &BTreeSet<String>) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let statements = code.split("\nuse super::").skip(1);
    let imports = statements.filter_map(|rest| rest.split(';').next());
    let words = imports.flat_map(|import| import.split(|c: char| !c.is_alphanumeric() && c != '_'));
    let found = words.filter(|word| names.contains(*word));
    found.map(str::to_owned).collect()
}

#[test]
fn no_file_leads_back_to_itself() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
    let mut texts = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let is_code = path.is_file() && name != "mod" && !name.ends_with("_tests");
        if is_code {
            texts.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
    let names: BTreeSet<String> = texts.keys().cloned().collect();
    let uses: BTreeMap<_, _> = texts
        .iter()
        .map(|(name, text)| (name, siblings(text, &names)))
        .collect();
    assert!(uses[&"router".to_owned()].contains("body"), "{uses:#?}");
    let mut circles = Vec::new();
    for start in &names {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&String> = uses[start].iter().collect();
        while let Some(name) = next.pop() {
            if reached.insert(name) {
                next.extend(&uses[name]);
            }
        }
        if reached.contains(start) {
            circles.push(start);
        }
    }
    assert!(circles.is_empty(), "{circles:?} are in a circle: {uses:#?}");
}
