//! No content of a file or a variable may cause a panic, a hang or a leaked secret.

use std::fmt::Write;
use std::path::Path;

use liveperson_exporter::collectors::Registry;
use liveperson_exporter::config::{Environment, known_keys, load_or_default, units};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::folder::{ACCOUNT, Folder};

const SCALARS: &[&str] = &[
    "",
    "~",
    "all",
    "none",
    "today",
    "5m",
    "1h30m",
    "0",
    "-1",
    "47",
    "9223372036854775808",
    "1e309",
    ".inf",
    "true",
    "\"\"",
    "'",
    "\"\\u0000\"",
    "http://[::1",
    "https://h",
    "64MiB",
    "*a",
    "&a x",
    "!!int x",
    "|",
    "> x",
    "[5m, 1h]",
    "{4: Sales}",
    "[[]]",
    "{{}: 1}",
    "é\u{feff}",
    "files",
];

fn key() -> impl Strategy<Value = String> {
    let known: Vec<String> = known_keys(&Registry::standard().sections())
        .iter()
        .filter_map(|path| path.rsplit('.').next().map(str::to_owned))
        .collect();
    prop_oneof![9 => select(known), 1 => ".{0,8}"]
}

/// Lines that look like a configuration: known keys, odd values, any indentation.
fn yamlish() -> impl Strategy<Value = String> {
    let value = prop_oneof![select(SCALARS).prop_map(str::to_owned), ".{0,12}"];
    let line = (0..5usize, any::<bool>(), key(), value);
    vec(line, 0..40).prop_map(|lines| {
        let mut text = String::new();
        for (indent, dash, key, value) in lines {
            let dash = if dash { "- " } else { "" };
            let _ = writeln!(text, "{}{dash}{key}: {value}", "  ".repeat(indent));
        }
        text
    })
}

/// A tree in flow style, always well formed.
fn tree() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        select(
            &[
                "5m", "all", "none", "4", "[]", "{}", "null", "true", "\"x y\""
            ][..]
        )
        .prop_map(str::to_owned),
        "[a-z0-9]{1,6}",
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(", "))),
            vec((key(), inner), 0..6).prop_map(|entries| {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(key, value)| format!("{key:?}: {value}"))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }),
        ]
    })
}

fn load_bytes(bytes: &[u8]) {
    if let Err(errors) = Folder::with(bytes).load(&[]) {
        assert!(!errors.to_string().is_empty());
        let longest = errors.to_string().lines().map(str::len).max();
        assert!(longest < Some(2000), "{errors}");
    }
}

proptest! {
    #[test]
    fn any_bytes_have_a_result(bytes in vec(any::<u8>(), 0..300)) {
        load_bytes(&bytes);
    }

    #[test]
    fn any_text_has_a_result(text in "\\PC{0,200}") {
        load_bytes(text.as_bytes());
    }

    #[test]
    fn any_punctuation_has_a_result(text in "[-\\[\\]{}:,?&*!|>'\"%@`#a \n\t]{0,120}") {
        load_bytes(text.as_bytes());
    }

    #[test]
    fn anything_like_a_configuration_has_a_result(text in yamlish()) {
        load_bytes(text.as_bytes());
    }

    #[test]
    fn any_tree_has_a_result(tree in tree()) {
        load_bytes(format!("accounts: [{tree}]\nsla: {tree}\nlimits: {tree}\n").as_bytes());
        load_bytes(tree.as_bytes());
    }

    #[test]
    fn any_variable_has_a_result(
        path in vec(prop_oneof![key(), "[0-9]{1,20}", ".{0,5}"], 0..6),
        value in ".{0,20}",
    ) {
        let name = format!("LIVEPERSON_EXPORTER__{}", path.join("__").to_uppercase());
        let account = [("LIVEPERSON_ACCOUNT_ID", "1"), ("LIVEPERSON_CLIENT_ID", "a"), ("LIVEPERSON_CLIENT_SECRET", "b")];
        let env = Environment::from_pairs(account.into_iter().chain([(name.as_str(), value.as_str())]));
        if let Err(errors) = load_or_default(None, Path::new("/nowhere/x.yml"), &env, &Registry::standard().sections()) {
            prop_assert!(!errors.mistakes.is_empty());
        }
    }

    #[test]
    fn a_secret_is_never_printed(text in yamlish(), at in any::<prop::sample::Index>()) {
        let lines: Vec<&str> = text.lines().collect();
        let at = if lines.is_empty() { 0 } else { at.index(lines.len()) };
        let (before, after) = lines.split_at(at);
        let text = format!("{ACCOUNT}{}\n{ACCOUNT}{}\n", before.join("\n"), after.join("\n"));
        let printed = format!("{:?}", Folder::with(text).load(&[]));
        prop_assert!(!printed.contains("hush-hush"), "{}", printed);
    }

    #[test]
    fn formatted_durations_can_be_parsed(millis in prop_oneof![0..200_000_000u64, any::<u64>()]) {
        let duration = std::time::Duration::from_millis(millis);
        let text = units::format_duration(duration);
        prop_assert_eq!(units::parse_duration(&text), Some(duration));
    }

    #[test]
    fn parsed_durations_survive_formatting(text in "([1-9]w)?([1-9]d)?([1-9][0-9]?h)?([1-9][0-9]{0,2}m)?([1-9]s)?([1-9]ms)?") {
        if let Some(duration) = units::parse_duration(&text) {
            prop_assert_eq!(units::parse_duration(&units::format_duration(duration)), Some(duration));
        } else {
            prop_assert_eq!(text, "");
        }
    }

    #[test]
    fn formatted_sizes_can_be_parsed(bytes in any::<u64>()) {
        prop_assert_eq!(units::parse_size(&units::format_size(bytes)), Some(bytes));
    }

    #[test]
    fn units_accept_any_text(text in ".{0,30}") {
        let _ = (units::parse_duration(&text), units::parse_size(&text));
    }
}
