use super::super::collector_section;
use super::super::environment::OVERRIDE_PREFIX;
use super::*;
use crate::cases::check_each;
use crate::collectors::Registry;

/// The overrides of these variables, given without their prefix, over a file.
fn overrides_over(file: &str, variables: &[(String, &str)]) -> Result<Vec<Override>, String> {
    let env = Environment::from_pairs(
        variables
            .iter()
            .map(|(name, text)| (format!("{OVERRIDE_PREFIX}{name}"), *text)),
    );
    let tree = crate::yaml::parse(file).unwrap().root;
    let diagnostics = Diagnostics::default();
    let schema = collector_section::schema(&Registry::standard().sections());
    let overrides = applicable(read(&env, &schema, &diagnostics), &tree, &diagnostics);
    match diagnostics.finish("environment") {
        Ok(_) => Ok(overrides),
        Err(errors) => Err(errors.to_string()),
    }
}

fn one(name: &str, text: &str) -> Result<String, String> {
    let file = "accounts: [{id: 1}]\nsla: {buckets: [15]}";
    let overrides = overrides_over(file, &[(name.to_owned(), text)])?;
    Ok(format!("{:?} = {}", overrides[0].path, overrides[0].value))
}

#[test]
fn names_lead_into_the_schema() {
    let cases = [
        ("STALE_AFTER", r#"[Key("stale_after")] = v"#),
        (
            "ACCOUNTS__0__HOSTS__LEDATAREPORTING",
            r#"[Key("accounts"), Index(0), Key("hosts"), Key("leDataReporting")] = v"#,
        ),
        (
            "NAMES__SKILLS__-1",
            r#"[Key("names"), Key("skills"), Key("-1")] = v"#,
        ),
        (
            "SLA__BUCKETS__1",
            r#"[Key("sla"), Key("buckets"), Index(1)] = v"#,
        ),
    ];
    check_each(cases, |(name, want)| {
        assert_eq!(one(name, "v").as_deref(), Ok(want));
    });
}

#[test]
fn names_that_lead_nowhere_are_mistakes() {
    let sections = Registry::standard().sections();
    let sections: Vec<_> = sections.iter().map(|s| s.name()).collect();
    let no_key = format!(
        "\"\": unknown key; expected one of accounts, {}, limits, stale_after, timezone, names, domain_api, allowed_domains, accounts_files, tls",
        sections.join(", ")
    );
    let cases = [
        ("", no_key.as_str()),
        (
            "LIMITS",
            "expected the name of a value, found that of a section",
        ),
        (
            "LIMITS__MIN_SPACNG",
            "MIN_SPACNG: unknown key; did you mean min_spacing?",
        ),
        (
            "STALE_AFTER__X",
            "X is below a single value, which has no parts",
        ),
        (
            "ACCOUNTS__X__ID",
            "expected the index of a list item, counted from 0, found X",
        ),
        (
            "ACCOUNTS__99999999999__ID",
            "expected the index of a list item, counted from 0, found 99999999999",
        ),
        (
            "ACCOUNTS__2__ID",
            "expected an index of at most 1, found 2: list items have no gaps",
        ),
        ("NAMES__SKILLS__SALES", "expected an id, found SALES"),
    ];
    check_each(cases, |(name, want)| {
        let want = format!("{OVERRIDE_PREFIX}{name}: {want}");
        assert_eq!(one(name, "v"), Err(want));
    });
}

#[test]
fn lists_can_be_given_whole() {
    assert_eq!(
        one("SLA__SKILLS", "all").unwrap(),
        r#"[Key("sla"), Key("skills")] = all"#
    );
    let list = one("SLA__WINDOWS", "5m, 1h").unwrap();
    assert!(list.ends_with(r#"= "5m, 1h, ""#), "{list}");
}

#[test]
fn items_are_set_after_their_list_and_by_index() {
    let mut variables = vec![("SLA__BUCKETS".to_owned(), "5")];
    variables.extend((0..12).map(|index| (format!("SLA__BUCKETS__{index}"), "5")));
    let overrides = overrides_over("", &variables).unwrap();
    let last: Vec<_> = overrides.iter().map(|set| set.path.last()).collect();
    assert_eq!(last[0], Some(&Segment::Key("buckets".into())));
    assert_eq!(last[12], Some(&Segment::Index(11)));
}

#[test]
fn one_value_set_by_two_spellings_is_a_mistake() {
    let variables = [("sla__INTERVAL", "1m"), ("SLA__INTERVAL", "2m")]
        .map(|(name, text)| (name.to_owned(), text));
    let want = format!(
        "{OVERRIDE_PREFIX}sla__INTERVAL: sets the same value as {OVERRIDE_PREFIX}SLA__INTERVAL; keep one"
    );
    assert_eq!(overrides_over("", &variables).err(), Some(want));
}
