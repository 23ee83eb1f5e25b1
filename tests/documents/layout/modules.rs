//! The modules of the library, as `lib.rs` and the files below it declare them.
//!
//! Only the product counts: what stands under `#[cfg(test)]`, and files that are declared there,
//! are left out.

use std::collections::{BTreeMap, BTreeSet};

use super::lexer::{Token, tokens};

/// Source files by their path below `src`.
pub(crate) type Files = BTreeMap<String, String>;

/// A module with its own tokens, without those of modules inside it.
#[derive(Debug)]
pub(crate) struct Module<'a> {
    /// `["web", "body"]`; empty for the crate itself.
    pub(crate) path: Vec<&'a str>,
    pub(crate) file: String,
    pub(super) tokens: Vec<Token<'a>>,
    pub(super) children: BTreeSet<&'a str>,
}

/// All modules that can be reached from `lib.rs`.
pub(crate) fn modules(files: &Files) -> Vec<Module<'_>> {
    let mut found = Vec::new();
    if let Some(text) = files.get("lib.rs") {
        let tokens = without_tests(&tokens(text));
        collect(
            files,
            Vec::new(),
            "lib.rs".to_owned(),
            "",
            tokens,
            &mut found,
        );
    }
    found
}

/// Takes a module apart: its own tokens, and the modules inside it or in files below `folder`.
fn collect<'a>(
    files: &'a Files,
    path: Vec<&'a str>,
    file: String,
    folder: &str,
    all: Vec<Token<'a>>,
    found: &mut Vec<Module<'a>>,
) {
    let mut own = Vec::new();
    let mut children = BTreeSet::new();
    let mut at = 0;
    while at < all.len() {
        let is_mod = all[at].text == "mod" && all.get(at + 1).is_some_and(Token::is_word);
        let next = all.get(at + 2).map(|token| token.text);
        if !is_mod || !matches!(next, Some(";" | "{")) {
            own.push(all[at]);
            at += 1;
            continue;
        }
        let name = all[at + 1].text;
        children.insert(name);
        let child: Vec<&str> = path.iter().copied().chain([name]).collect();
        let below = format!("{folder}{name}/");
        if next == Some("{") {
            let end = closing(&all, at + 2);
            let body = all[at + 3..end].to_vec();
            collect(files, child, file.clone(), &below, body, found);
            at = end + 1;
        } else {
            let candidates = [format!("{folder}{name}.rs"), format!("{below}mod.rs")];
            let source = candidates.into_iter().find(|name| files.contains_key(name));
            let source = source.unwrap_or_else(|| panic!("{file}: mod {name}; has no file"));
            let tokens = without_tests(&tokens(&files[&source]));
            collect(files, child, source, &below, tokens, found);
            at += 3;
        }
    }
    found.push(Module {
        path,
        file,
        tokens: own,
        children,
    });
}

/// The index of the bracket that closes the one at `open`, or the end.
fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// The tokens without what is compiled for tests only.
fn without_tests<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match attribute(tokens, at) {
            Some((end, true)) => at = end_of_item(tokens, end),
            Some((end, false)) => {
                kept.extend_from_slice(&tokens[at..end]);
                at = end;
            }
            None => {
                kept.push(tokens[at]);
                at += 1;
            }
        }
    }
    kept
}

/// Where the attribute that begins here ends, and whether it is `cfg(test)`.
fn attribute(tokens: &[Token<'_>], at: usize) -> Option<(usize, bool)> {
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.text == text);
    if !is(at, "#") || !is(at + 1, "[") {
        return None;
    }
    let end = (closing(tokens, at + 1) + 1).min(tokens.len());
    let inside = &tokens[at + 2..end];
    let has = |text: &str| inside.iter().any(|token| token.text == text);
    let test = is(at + 2, "cfg") && has("test") && !has("not") && !has("any");
    Some((end, test))
}

/// Where the item, statement or field ends that begins at `at` with attributes or without.
fn end_of_item(tokens: &[Token<'_>], mut at: usize) -> usize {
    while let Some((end, _)) = attribute(tokens, at) {
        at = end;
    }
    let mut keyword = at;
    if tokens.get(keyword).is_some_and(|token| token.text == "pub") {
        keyword += 1;
        if tokens.get(keyword).is_some_and(|token| token.text == "(") {
            keyword = closing(tokens, keyword) + 1;
        }
    }
    let is_function = tokens
        .get(keyword + 1)
        .is_some_and(|token| token.text == "fn");
    let keyword = tokens.get(keyword).map_or("", |token| token.text);
    // Braces do not end these, a semicolon does.
    let to_semicolon = !is_function && ["use", "const", "static", "type", "let"].contains(&keyword);
    let is_item = to_semicolon
        || is_function
        || [
            "mod",
            "fn",
            "struct",
            "enum",
            "union",
            "impl",
            "trait",
            "async",
            "unsafe",
            "extern",
            "macro_rules",
        ]
        .contains(&keyword);
    while let Some(token) = tokens.get(at) {
        match token.text {
            ";" => return at + 1,
            "," if !is_item => return at + 1,
            "}" if !is_item => return at,
            "(" | "[" => at = closing(tokens, at),
            "{" => {
                at = closing(tokens, at);
                if !to_semicolon {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    tokens.len()
}

/// Source files by their paths and texts.
#[cfg(test)]
pub(crate) fn planted(texts: &[(&str, &str)]) -> Files {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    texts.iter().map(owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_in_files_and_in_line_but_not_tests() {
        let files = planted(&[
            (
                "lib.rs",
                "pub mod a; mod b { pub mod c; } #[cfg(test)] mod tests;",
            ),
            ("a/mod.rs", "mod d; #[cfg(test)] mod d_tests;"),
            ("a/d.rs", "mod e;"),
            ("a/d/e.rs", "use super::super::x;"),
            ("a/d_tests.rs", "use crate::b;"),
            ("b/c.rs", ""),
            ("tests.rs", "use crate::b;"),
            ("orphan.rs", "use crate::b;"),
        ]);
        let modules = modules(&files);
        let mut paths: Vec<_> = modules
            .iter()
            .map(|module| module.path.join("::"))
            .collect();
        paths.sort();
        assert_eq!(paths, ["", "a", "a::d", "a::d::e", "b", "b::c"]);
        let arrows: Vec<_> = modules.iter().flat_map(Module::arrows).collect();
        assert_eq!(arrows.len(), 1);
        assert_eq!(arrows[0].to, ["a", "x", "x"]);
        assert_eq!(arrows[0].place, "src/a/d/e.rs:1");
    }
}
