//! Which series a PromQL expression selects: enough of a reader for our own documents.

/// One selector: `name{matchers}[range]`.
#[derive(Debug, PartialEq)]
pub(crate) struct Selector {
    /// The series; empty for `{__name__=~"..."}`.
    pub(crate) name: String,
    pub(crate) matchers: Vec<Matcher>,
    /// Whether a range follows.
    pub(crate) range: bool,
    /// The last function before it; empty when there is none.
    pub(crate) function: String,
}

/// One matcher: label, operator, value without quotes.
#[derive(Debug, PartialEq)]
pub(crate) struct Matcher {
    pub(crate) label: String,
    pub(crate) operator: String,
    pub(crate) value: String,
}

/// Words that a list of labels follows.
const LISTS: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];
const KEYWORDS: [&str; 7] = ["and", "or", "unless", "offset", "bool", "inf", "nan"];

/// All selectors of an expression, in which Grafana's variables may stand.
pub(crate) fn selectors(expression: &str) -> Vec<Selector> {
    let mut found = Vec::new();
    let mut rest = expression;
    let mut function = "";
    while let Some(next) = rest.chars().next() {
        match next {
            '"' => rest = string(rest).1,
            '[' => rest = after(rest, ']'),
            '$' if rest.starts_with("${") => rest = after(rest, '}'),
            '$' => rest = word(&rest[1..]).1,
            '{' => {
                let (matchers, after) = braces(rest);
                found.push(selector("", matchers, after, function));
                rest = after;
            }
            // A number or a duration.
            _ if next.is_ascii_digit() => rest = word(rest).1,
            _ if is_word(next) => {
                let (name, after_name) = word(rest);
                rest = after_name.trim_start();
                if LISTS.contains(&name) {
                    if rest.starts_with('(') {
                        rest = after(rest, ')');
                    }
                } else if !is_function(rest) && !KEYWORDS.contains(&name.to_lowercase().as_str()) {
                    let (matchers, after) = braces(rest);
                    found.push(selector(name, matchers, after, function));
                    rest = after;
                } else if !KEYWORDS.contains(&name) {
                    function = name;
                }
            }
            _ => rest = &rest[next.len_utf8()..],
        }
    }
    found
}

fn selector(name: &str, matchers: Vec<Matcher>, after: &str, function: &str) -> Selector {
    Selector {
        name: name.to_owned(),
        matchers,
        range: after.trim_start().starts_with('['),
        function: function.to_owned(),
    }
}

/// Whether this is what follows the name of a function: `(`, or `by (labels) (`.
fn is_function(rest: &str) -> bool {
    rest.starts_with('(') || ["by", "without"].contains(&word(rest).0)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c| !is_word(c)).unwrap_or(text.len()))
}

fn after(text: &str, end: char) -> &str {
    let at = text.find(end);
    &text[at.unwrap_or_else(|| panic!("no {end} in {text}")) + end.len_utf8()..]
}

/// A quoted string without its quotes, and what follows it.
fn string(text: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return (&text[1..at], &text[at + 1..]),
            _ => escaped = c == '\\' && !escaped,
        }
    }
    panic!("a string without an end: {text}");
}

/// The matchers in braces, if the text begins with them.
fn braces(text: &str) -> (Vec<Matcher>, &str) {
    let mut matchers = Vec::new();
    let Some(mut rest) = text.strip_prefix('{') else {
        return (matchers, text);
    };
    loop {
        rest = rest.trim_start_matches([',', ' ', '\n']);
        if let Some(rest) = rest.strip_prefix('}') {
            return (matchers, rest);
        }
        let (label, after_label) = word(rest);
        let quote = after_label.find('"');
        let quote = quote.unwrap_or_else(|| panic!("a matcher without a value: {rest}"));
        let (value, after_value) = string(&after_label[quote..]);
        matchers.push(Matcher {
            label: label.to_owned(),
            operator: after_label[..quote].trim().to_owned(),
            value: value.to_owned(),
        });
        rest = after_value;
    }
}

#[test]
fn selectors_are_found_in_any_expression() {
    let expression = r#"histogram_quantile(0.9, sum by (le, api) (rate(a_bucket{job=~"$job", x!="}\"{"}[$__rate_interval])))
        * on (account) group_left (name) b:c{} or label_replace(d offset 5m, "name", "$1", "e", "(.+)") > ${f} and {__name__=~"g_(h|i)"}"#;
    let found = selectors(expression);
    let names: Vec<_> = found.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["a_bucket", "b:c", "d", ""]);
    assert_eq!(
        found.iter().map(|s| s.range).collect::<Vec<_>>(),
        [true, false, false, false]
    );
    let matcher = |label: &str, operator: &str, value: &str| Matcher {
        label: label.to_owned(),
        operator: operator.to_owned(),
        value: value.to_owned(),
    };
    assert_eq!(
        found[0].matchers,
        [matcher("job", "=~", "$job"), matcher("x", "!=", r#"}\"{"#)]
    );
    assert_eq!(found[3].matchers, [matcher("__name__", "=~", "g_(h|i)")]);
}
