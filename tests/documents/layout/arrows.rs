//! The arrows of a module: every path by which it names something of this crate, in a `use` or in
//! line, with `crate`, `self`, `super` or the name of a child at its beginning.

use std::collections::BTreeMap;

use super::modules::Module;

/// One path that a module names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arrow<'a> {
    /// The module that it stands in.
    pub(crate) from: Vec<&'a str>,
    /// What it leads to, from the crate's root.
    pub(crate) to: Vec<&'a str>,
    /// File and line.
    pub(crate) place: String,
}

impl<'a> Module<'a> {
    /// Every path in the module that leads to something of this crate.
    pub(crate) fn arrows(&self) -> Vec<Arrow<'a>> {
        let mut arrows = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            let before = at.checked_sub(1).map_or("", |at| self.tokens[at].text);
            if self.tokens[at].text == "use" {
                for (path, line) in self.import(&mut at) {
                    arrows.extend(self.arrow(&path, line));
                }
            } else if self.starts_a_path(at) && !matches!(before, "::" | "in" | ".") {
                let line = self.tokens[at].line;
                let path = self.inline(&mut at);
                arrows.extend(self.arrow(&path, line));
            } else {
                at += 1;
            }
        }
        arrows
    }

    /// Where this module's names come from that it has by `use`.
    pub(super) fn names(&self) -> (BTreeMap<&'a str, Vec<&'a str>>, Vec<Vec<&'a str>>) {
        let (mut names, mut globs) = (BTreeMap::new(), Vec::new());
        let mut at = 0;
        while at < self.tokens.len() {
            if self.tokens[at].text != "use" {
                at += 1;
                continue;
            }
            for (mut path, _) in self.import(&mut at) {
                let name = path.pop().unwrap_or_default();
                let source = path.pop().unwrap_or_default();
                match (name, source) {
                    ("*", _) => {
                        path.push(source);
                        globs.extend(self.resolved(&path));
                    }
                    (name, source) => {
                        path.push(source);
                        names.extend(self.resolved(&path).map(|path| (name, path)));
                    }
                }
            }
        }
        (names, globs)
    }

    fn starts_a_path(&self, at: usize) -> bool {
        let word = self.tokens[at].text;
        let leads_on = self
            .tokens
            .get(at + 1)
            .is_some_and(|token| token.text == "::");
        leads_on && (["crate", "self", "super"].contains(&word) || self.children.contains(word))
    }

    /// The path that begins at `at`, which moves behind it.
    fn inline(&self, at: &mut usize) -> Vec<&'a str> {
        let mut path = vec![self.tokens[*at].text];
        *at += 1;
        while let [separator, word, ..] = &self.tokens[*at..] {
            if separator.text != "::" || !word.is_word() {
                break;
            }
            path.push(word.text);
            *at += 2;
        }
        path
    }

    /// The paths of the `use` at `at`, which moves behind it. The last element is the name that the
    /// item has here, the one before it the item itself: `a::b as c` is `a, b, c` and `a::b` is
    /// `a, b, b`; a glob is `a, *`.
    fn import(&self, at: &mut usize) -> Vec<(Vec<&'a str>, usize)> {
        let mut paths = Vec::new();
        *at += 1;
        self.tree(at, &[], &mut paths);
        paths
    }

    fn tree(&self, at: &mut usize, prefix: &[&'a str], paths: &mut Vec<(Vec<&'a str>, usize)>) {
        let mut path = prefix.to_vec();
        while let Some(token) = self.tokens.get(*at) {
            match token.text {
                "::" => {}
                "{" => {
                    *at += 1;
                    while self.tokens.get(*at).is_some_and(|token| token.text != "}") {
                        self.tree(at, &path, paths);
                        if self.tokens.get(*at).is_some_and(|token| token.text == ",") {
                            *at += 1;
                        } else if self.tokens.get(*at).is_some_and(|token| token.text != "}") {
                            // Not Rust; the compiler says so.
                            return;
                        }
                    }
                    *at += 1;
                    return;
                }
                "*" => {
                    *at += 1;
                    path.push("*");
                    paths.push((path, token.line));
                    return;
                }
                _ if token.is_word() => {
                    path.push(token.text);
                    let next = self.tokens.get(*at + 1).map_or("", |token| token.text);
                    if next == "::" {
                        *at += 1;
                        continue;
                    }
                    *at += 1;
                    if path.last() == Some(&"self") && path.len() > 1 {
                        path.pop();
                    }
                    let mut name = path.last().copied().unwrap_or_default();
                    if next == "as" {
                        name = self.tokens.get(*at + 1).map_or("", |token| token.text);
                        *at += 2;
                    }
                    path.push(name);
                    paths.push((path, token.line));
                    return;
                }
                _ => return,
            }
            *at += 1;
        }
    }

    fn arrow(&self, path: &[&'a str], line: usize) -> Option<Arrow<'a>> {
        Some(Arrow {
            from: self.path.clone(),
            to: self.resolved(path)?,
            place: format!("src/{}:{line}", self.file),
        })
    }

    /// A path from the crate's root; `None` for what is not of this crate.
    fn resolved(&self, path: &[&'a str]) -> Option<Vec<&'a str>> {
        let (first, mut rest) = path.split_first()?;
        let mut resolved = match *first {
            "crate" => Vec::new(),
            "self" => self.path.clone(),
            "super" => self.path[..self.path.len().checked_sub(1)?].to_vec(),
            child if self.children.contains(child) => {
                let mut path = self.path.clone();
                path.push(child);
                path
            }
            _ => return None,
        };
        while let Some((&"super", after)) = rest.split_first() {
            resolved.pop();
            rest = after;
        }
        resolved.extend(rest);
        Some(resolved)
    }

    pub(super) fn defines_macro(&self, name: &str) -> bool {
        self.tokens.windows(3).any(|words| {
            words[0].text == "macro_rules" && words[1].text == "!" && words[2].text == name
        })
    }

    pub(super) fn defines(&self, name: &str) -> bool {
        let kinds = [
            "struct", "enum", "fn", "trait", "type", "const", "static", "union",
        ];
        self.tokens
            .windows(2)
            .any(|pair| kinds.contains(&pair[0].text) && pair[1].text == name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::modules::{modules, planted};
    use super::*;
    use crate::cases::check_each;

    /// The arrows of one file `a.rs`, as `x::y`.
    fn arrows_of(text: &str) -> Vec<String> {
        let files = planted(&[("lib.rs", "mod a; mod b;"), ("a.rs", text), ("b.rs", "")]);
        let modules = modules(&files);
        let inside = modules.iter().filter(|module| module.file == "a.rs");
        let arrows = inside.flat_map(Module::arrows);
        let mut found: Vec<String> = arrows
            .map(|arrow| arrow.to.join("::").replace("::*", ""))
            .collect();
        found.sort();
        found
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn every_way_to_name_a_path_is_found() {
        let cases = [
            ("use crate::b::X;", &["b::X::X"][..]),
            ("pub(crate) use crate::b;", &["b::b"]),
            (
                "use crate::b::{self as c, d::{E, F as G}, h::*};",
                &["b::c", "b::d::E::E", "b::d::F::G", "b::h"],
            ),
            (
                "use crate::{\n    b::X,\n    c::{\n        d,\n    },\n};",
                &["b::X::X", "c::d::d"],
            ),
            ("use super::b::X;", &["b::X::X"]),
            ("use super::{b, c};", &["b::b", "c::c"]),
            ("mod inner { use super::super::b::X; }", &["b::X::X"]),
            ("mod inner { use super::X; }", &["a::X::X"]),
            (
                "fn f() { crate::b::g::<u8>(crate::c::D); }",
                &["b::g", "c::D"],
            ),
            (
                "fn f(x: &crate::b::X) -> super::c::Y { todo!() }",
                &["b::X", "c::Y"],
            ),
            ("fn f() { $crate::b::x!() }", &["b::x"]),
            ("use std::crate_x; use ::serde::x;", &[]),
            ("pub(in crate::b) fn f() {}", &[]),
            (
                "// use crate::b;\n/* crate::b */ const X: &str = \"crate::b::X\";",
                &[],
            ),
            ("use std::{fmt, io::{self, Read}}; use serde::de;", &[]),
            ("#[cfg(test)] mod tests { use crate::b; }", &[]),
            (
                "#[cfg(test)]\n#[allow(x)]\npub(crate) use crate::b::{X, Y};\nuse crate::c;",
                &["c::c"],
            ),
            (
                "#[cfg(all(test, unix))] fn f() { crate::b::x(); } use crate::c;",
                &["c::c"],
            ),
            ("#[cfg(not(test))] use crate::b;", &["b::b"]),
            (
                "#[cfg(test)] const X: B = B { x: crate::b::X }; use crate::c;",
                &["c::c"],
            ),
            ("#[cfg(test)] pub const fn f() {} use crate::c;", &["c::c"]),
            (
                "struct S { #[cfg(test)] x: crate::b::X, y: crate::c::Y }",
                &["c::Y"],
            ),
            (
                "struct S { #[cfg(test)] x: crate::b::X } use crate::c;",
                &["c::c"],
            ),
            (
                "#[derive(Debug)] struct S; impl crate::b::T for S {}",
                &["b::T"],
            ),
        ];
        check_each(cases, |(source, expected)| {
            assert_eq!(arrows_of(source), expected);
        });
    }
}
