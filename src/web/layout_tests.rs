//! The files of this module import each other in one direction.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The first names of all `super::` paths in the code of a file, without tests and comments.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod").next().unwrap_or_default();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.collect();
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let paths = code.split("super::").skip(1);
    let names = paths.map(|rest| rest.split(|c| !is_name(c)).next().unwrap_or_default());
    names.map(str::to_owned).collect()
}

#[test]
fn files_of_this_module_do_not_import_in_circles() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_file() && name != "mod" && !name.ends_with("_tests") {
            files.insert(name, imports(&std::fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(files["router"].contains("body"), "{files:#?}");
    let mut errors = Vec::new();
    for (name, imports) in &files {
        // Names that the parent re-exports would hide an import of the file they come from, and a
        // group in braces hides all of them.
        for import in imports.iter().filter(|name| !files.contains_key(*name)) {
            errors.push(format!("{name} imports {import:?}, which is not a file"));
        }
        let mut reached = BTreeSet::new();
        let mut next: Vec<&String> = imports.iter().collect();
        while let Some(import) = next.pop() {
            if reached.insert(import) {
                next.extend(files.get(import).into_iter().flatten());
            }
        }
        if reached.contains(name) {
            errors.push(format!("{name} imports itself through other files"));
        }
    }
    assert!(errors.is_empty(), "{errors:#?}");
}
