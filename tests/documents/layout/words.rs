//! Names and words: how long a test's name may be, and words that have a plainer one.

use std::collections::{BTreeMap, BTreeSet};

use super::lexer::tokens;

/// Longest name of a test, in characters.
pub(crate) const LONGEST_NAME: usize = 60;

/// Words and phrases with a plainer one in their place, in small letters; not in names and not in
/// prose. A name counts as its parts: `tell_heirs` and `TellHeirs` are `tell heirs`.
pub(crate) const WORDS: &[&str] = &[
    "absurd",
    "afresh",
    "alike",
    "anew",
    "anybody",
    "aside",
    "at odds",
    "concealed",
    "dear",
    "everybody",
    "falls to shard",
    "fares",
    "go on",
    "goes on",
    "going on",
    "heir",
    "heirs",
    "house",
    "in vain",
    "lone",
    "loosely",
    "mend",
    "mended",
    "mending",
    "mends",
    "nasty",
    "nobody",
    "reckon",
    "reckoned",
    "room",
    "rootless",
    "scrubber",
    "sign of life",
    "somebody",
    "surroundings",
    "telling",
    "the person",
    "told",
    "trouble",
    "troubles",
    "want of memory",
    "wedged",
    "went on",
];

/// Names that say too little or something else, and what is clear instead. In prose their words
/// are welcome.
pub(crate) const NAMES: &[(&str, &str)] = &[
    ("AccountMachine", "AccountScheduler"),
    ("Asked", "Step"),
    ("BegunPoll", "StartedPoll"),
    ("Building", "FamilyBuilder"),
    ("Carried", "BookState"),
    ("Cutter", "Segmenter"),
    ("Episodes", "AcceptLog"),
    ("Fate", "EventChange"),
    ("Floor", "QueueSimulation"),
    ("Held", "Lease"),
    ("Hold", "ResponseGuard"),
    ("Keyed", "NumericMap"),
    ("Landing", "StatusPage"),
    ("Legacy", "Carryover"),
    ("Look", "FileStamp"),
    ("Mapped", "CallOutput"),
    ("NameBook", "NameCache"),
    ("Outlook", "NextCalls"),
    ("Packer", "Compressor"),
    ("Permit", "Authorization"),
    ("Piece", "PageEntry"),
    ("Plans", "PlanSource"),
    ("Prerequisite", "Refreshable"),
    ("Say", "LogDecision"),
    ("Site", "Handler"),
    ("Sometime", "Eventually"),
    ("Tally", "Summary"),
    ("Tap", "ActivityStream"),
    ("TaskOutlook", "TaskNextCall"),
    ("Trail", "JsonPath"),
    ("Wanted", "ScrapeRequest"),
    ("Way", "AuthMethod"),
    ("begins_when_through", "next_poll_chained"),
    ("carry_out", "execute"),
    ("complain", "print_error"),
    ("converse", "serve_http"),
    ("doubt", "mark_stale"),
    ("gate", "bcrypt_permits"),
    ("greater", "max"),
    ("is_old", "past_min_age"),
    ("landing", "status_page"),
    ("lesser", "min"),
    ("make_room", "check_contiguous"),
    ("meet", "apply_faults"),
    ("one_more", "count_entry"),
    ("packed", "compressed"),
    ("people", "sample_names"),
    ("prove_quiet", "confirm_zero"),
    ("put_back", "requeue"),
    ("read_again", "reload_secrets"),
    ("said", "printed"),
    ("still_quiet", "confirm_zero"),
    ("way", "method"),
    ("ways", "methods"),
];

/// The names of all tests in a source file, with their lines.
pub(crate) fn test_names(source: &str) -> Vec<(&str, usize)> {
    let tokens = tokens(source);
    let mut names = Vec::new();
    let mut is_test = false;
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].text {
            "#" if tokens.get(at + 1).is_some_and(|token| token.text == "[") => {
                // `#[test]`, `#[tokio::test]`, `#[tokio::test(start_paused = true)]`
                let mut last = at + 2;
                while tokens.get(last + 1).is_some_and(|token| token.text == "::") {
                    last += 2;
                }
                is_test |= tokens.get(last).is_some_and(|token| token.text == "test");
                at = last;
            }
            "fn" => {
                if let Some(name) = tokens.get(at + 1).filter(|_| is_test) {
                    names.push((name.text, name.line));
                }
                is_test = false;
            }
            "mod" | "struct" | "const" | "static" | "use" => is_test = false,
            _ => {}
        }
        at += 1;
    }
    names
}

/// Every word of [`WORDS`] in a source file, comments and strings included, and every name of
/// [`NAMES`], with their lines.
pub(crate) fn forbidden(source: &str) -> BTreeSet<(usize, &'static str)> {
    let mut found = forbidden_words(source);
    for token in tokens(source) {
        let name = NAMES.iter().find(|(name, _)| *name == token.text);
        found.extend(name.map(|(name, _)| (token.line, *name)));
    }
    found
}

/// Every word of [`WORDS`] in a document, with their lines.
pub(crate) fn forbidden_words(text: &str) -> BTreeSet<(usize, &'static str)> {
    let mut found = BTreeSet::new();
    let mut by_first: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
    for phrase in WORDS {
        let first = phrase.split(' ').next().unwrap_or_default();
        by_first.entry(first).or_default().push(phrase);
    }
    let parts = parts(text);
    for (at, (word, line)) in parts.iter().enumerate() {
        for phrase in by_first.get(word.as_str()).into_iter().flatten() {
            let mut words = parts[at..].iter().map(|(word, _)| word.as_str());
            if phrase.split(' ').all(|word| words.next() == Some(word)) {
                found.insert((*line, *phrase));
            }
        }
    }
    found
}

/// The words of a text in small letters, names taken apart, with their lines.
fn parts(text: &str) -> Vec<(String, usize)> {
    let mut parts: Vec<(String, usize)> = Vec::new();
    for (line, text) in text.lines().enumerate() {
        let mut word = String::new();
        let mut before_is_small = false;
        for c in text.chars().chain([' ']) {
            let ends = !c.is_alphanumeric() || (c.is_uppercase() && before_is_small);
            if ends && !word.is_empty() {
                parts.push((std::mem::take(&mut word), line + 1));
            }
            if c.is_alphanumeric() {
                word.extend(c.to_lowercase());
            }
            before_is_small = c.is_lowercase();
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn names_of_tests_are_found_whatever_their_attributes() {
        let source = "
            #[test] fn a() {}
            #[tokio::test]
            async fn b() {}
            #[tokio::test(start_paused = true)]
            #[ignore]
            pub async fn c() {}
            #[cfg(test)] mod tests { fn helper() {} }
            proptest! { #[test] fn d(x in 0..1) {} }
            // #[test] fn e() {}
            fn f() { \"#[test] fn g() {}\" }
        ";
        let names: Vec<_> = test_names(source).into_iter().collect();
        assert_eq!(names, [("a", 2), ("b", 4), ("c", 7), ("d", 9)]);
    }

    #[test]
    fn forbidden_words_are_found_in_names_and_prose() {
        let cases = [
            ("struct Heirs;", &["heirs"][..]),
            ("fn tell_heir() {}", &["heir"]),
            ("let NameBook = one_more();", &["NameBook", "one_more"]),
            ("// one more NameBook", &[]),
            ("// in\n// vain", &["in vain"]),
            ("/// Nobody asks.", &["nobody"]),
            ("TROUBLE", &["trouble"]),
            ("fn their_mushroom() { roommate() }", &[]),
            ("// in front, in vein", &[]),
        ];
        check_each(cases, |(text, expected)| {
            let found: Vec<_> = forbidden(text)
                .into_iter()
                .map(|(_, phrase)| phrase)
                .collect();
            assert_eq!(found, expected, "{text}");
        });
        let found = forbidden_words("Nobody is\ntold to Say it.");
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [(1, "nobody"), (2, "told")]
        );
    }
}
