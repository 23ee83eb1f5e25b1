//! Error messages and excerpts of bodies, and secrets in them.

use base64::Engine as _;

use super::super::paths;
use super::super::redactor::Redactor;
use crate::cases::check_each;

fn none() -> Redactor {
    Redactor::default()
}

#[test]
fn json_messages_are_found() {
    let cases = [
        (r#"{"message":"bad timeframe"}"#, "bad timeframe"),
        (r#"{"error":"invalid_client"}"#, "invalid_client"),
        (r#"{"error_description":"unknown key"}"#, "unknown key"),
        (
            r#"{"error":"invalid_client","error_description":"unknown key"}"#,
            "invalid_client: unknown key",
        ),
        (r#"{"error":{"message":"no such site"}}"#, "no such site"),
        (
            r#"{"meta":{"responseCode":500,"message":"broken"}}"#,
            "broken",
        ),
        (r#"{"meta":{},"body":{"message":"inside"}}"#, "inside"),
        (r#"{"errors":[{"message":"first"}]}"#, "first"),
        (r#"{"code":17}"#, r#"{"code":17}"#),
        ("", "no message"),
        ("  \n\t ", "no message"),
        ("plain\n  words\u{7}\u{202e}", "plain words"),
    ];
    check_each(cases, |(body, expected)| {
        assert_eq!(none().message(body.as_bytes(), false), expected, "{body}");
    });
}

#[test]
fn html_becomes_its_title_or_text() {
    let page = "<!DOCTYPE html><html><head><TITLE>502 Bad\nGateway</TITLE></head><body>x</body>";
    assert_eq!(none().message(page.as_bytes(), false), "502 Bad Gateway");
    let page =
        "<html><style>p {}</style><script>if (a<b) c()</script><p>Try <b>later</b></p></html>";
    assert_eq!(none().message(page.as_bytes(), false), "Try later");
    for broken in ["<", "<title", "<title>", "<script", "<p>a</p", "<İ<title>ß"] {
        none().message(broken.as_bytes(), false);
    }
}

#[test]
fn texts_are_short() {
    let long = "ä".repeat(1000);
    assert_eq!(none().message(long.as_bytes(), false).chars().count(), 201);
    assert_eq!(none().excerpt(long.as_bytes()).chars().count(), 123);
    assert_eq!(none().excerpt(b"a\x00b\xff"), "\"ab\u{fffd}\"");
}

/// The encodings of a secret that a server may send, each with its name.
fn encodings(secret: &str) -> Vec<(&'static str, String)> {
    [
        vec![("raw", secret.to_owned())],
        encodings_of_urls(secret),
        encodings_of_json(secret),
        encodings_of_html(secret),
        encodings_as_base64(secret),
        encodings_of_bytes(secret),
        insertions(secret),
    ]
    .concat()
}

/// Every character spelt in some way.
fn every(secret: &str, spell: impl Fn(char) -> String) -> String {
    secret.chars().map(spell).collect()
}

fn encodings_of_urls(secret: &str) -> Vec<(&'static str, String)> {
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let percent = paths::percent_encode(secret);
    let twice = paths::percent_encode(&percent);
    vec![
        ("percent, small", percent.to_lowercase()),
        ("percent", percent),
        ("percent thrice", paths::percent_encode(&twice)),
        ("percent twice", twice),
        ("form, percent", paths::percent_encode(&form)),
        ("form", form),
    ]
}

fn encodings_of_json(secret: &str) -> Vec<(&'static str, String)> {
    let json = serde_json::to_string(secret).unwrap();
    let json = json.trim_matches('"').to_owned();
    let unicode = every(secret, |c| {
        let mut units = [0; 2];
        let units = c.encode_utf16(&mut units).iter();
        units.map(|unit| format!("\\u{unit:04x}")).collect()
    });
    let large = unicode.to_uppercase().replace("\\U", "\\u");
    vec![
        ("json with \\/", json.replace('/', "\\/")),
        ("json in json", serde_json::to_string(&json).unwrap()),
        ("json", json),
        ("json \\u, large", large),
        ("percent \\u", unicode.replace('\\', "%")),
        ("json \\u", unicode),
        (
            "\\u{}",
            every(secret, |c| format!("\\u{{{:x}}}", u32::from(c))),
        ),
    ]
}

fn encodings_of_html(secret: &str) -> Vec<(&'static str, String)> {
    let html = every(secret, |c| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#x27;".to_owned(),
        c => c.to_string(),
    });
    let decimal = every(secret, |c| format!("&#{};", u32::from(c)));
    let hexadecimal = every(secret, |c| format!("&#X{:X};", u32::from(c)));
    vec![
        ("html twice", html.replace('&', "&amp;")),
        ("html", html),
        ("html decimal", decimal),
        ("html hexadecimal", hexadecimal),
        ("html names", every(secret, html_name)),
        ("html names, large", every(secret, html_name).to_uppercase()),
    ]
}

fn encodings_as_base64(secret: &str) -> Vec<(&'static str, String)> {
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let once = base64(secret);
    let url_safe = base64::engine::general_purpose::URL_SAFE.encode(secret);
    vec![
        ("base64 as user:secret", base64(&format!("u:{secret}"))),
        ("base64 as id:secret", base64(&format!("id:{secret}:x"))),
        ("base64, percent", paths::percent_encode(&once)),
        ("base64, url", url_safe),
        ("base64 of base64", base64(&once)),
        ("base64 of id:base64", base64(&format!("id:{once}"))),
        ("base64, folded", folded(&once, "\r\n")),
        ("base64", once),
    ]
}

fn encodings_of_bytes(secret: &str) -> Vec<(&'static str, String)> {
    let bytes = |spell: &dyn Fn(u8) -> String| secret.bytes().map(spell).collect::<String>();
    vec![
        ("\\x", bytes(&|byte| format!("\\x{byte:02x}"))),
        ("\\\\x", bytes(&|byte| format!("\\\\x{byte:02X}"))),
        ("octal", bytes(&|byte| format!("\\{byte:03o}"))),
        ("quoted-printable", bytes(&|byte| format!("={byte:02X}"))),
        ("quoted-printable, folded", folded(secret, "=\r\n")),
        ("hexadecimal", bytes(&|byte| format!("{byte:02x}"))),
        ("hexadecimal, large", bytes(&|byte| format!("{byte:02X}"))),
        ("hexadecimal, apart", bytes(&|byte| format!("{byte:02x} "))),
    ]
}

/// Something between the characters, and characters that only look the same.
fn insertions(secret: &str) -> Vec<(&'static str, String)> {
    let doubled = secret.replace('"', "\"\"").replace('\'', "\'\'");
    vec![
        ("with spaces", between(secret, " ")),
        ("with NUL", between(secret, "\0")),
        ("with \\n", between(secret, "\\n")),
        ("with invisible spaces", between(secret, "\u{200b}")),
        ("with &shy;", between(secret, "&shy;")),
        ("with colours", between(secret, "\u{1b}[1;31m")),
        ("with colours as JSON", between(secret, "\\u001b[0m")),
        ("with tags", between(secret, "<wbr>")),
        ("doubled quotes", doubled),
        ("full width", every(secret, wide)),
    ]
}

fn html_name(c: char) -> String {
    let name = match c {
        '/' => "sol",
        '+' => "plus",
        '"' => "quot",
        '<' => "lt",
        '>' => "gt",
        '&' => "amp",
        '=' => "equals",
        '%' => "percnt",
        '\\' => "bsol",
        '\'' => "apos",
        _ => return c.to_string(),
    };
    format!("&{name};")
}

fn wide(c: char) -> String {
    let wide = match u32::from(c) {
        code @ 0x21..0x7f => char::from_u32(code + 0xfee0),
        _ => Some(c),
    };
    wide.into_iter().collect()
}

fn folded(text: &str, fold: &str) -> String {
    let characters = text.chars().enumerate();
    let fold = |(index, c): (usize, char)| match index {
        5 => format!("{fold}{c}"),
        _ => c.to_string(),
    };
    characters.map(fold).collect()
}

fn between(text: &str, filler: &str) -> String {
    let characters: Vec<String> = text.chars().map(String::from).collect();
    characters.join(filler)
}

#[test]
fn secrets_are_hidden_in_every_encoding() {
    let mut leaks = Vec::new();
    for secret in [
        "p/w+ä\"<x>&  y=%\\z'",
        "The/Client&Secret",
        "hunter2hunter2",
        "😀😀😀😀",
    ] {
        let redactor = Redactor::new([secret, "p/w+"]);
        for (name, spelt) in encodings(secret) {
            // In front and behind stands what could be a part of it.
            for body in [
                format!("bad {spelt} there"),
                format!("<p>{spelt}</p>"),
                spelt.clone(),
            ] {
                for text in [
                    redactor.message(body.as_bytes(), false),
                    redactor.line(&body, 10_000),
                    redactor.excerpt(body.as_bytes()),
                ] {
                    // What base64 leaves at both ends depends on more than the secret.
                    let plain = ["bad", "there", "<p>", "</p>", "[secret]", " "];
                    let left = plain
                        .iter()
                        .fold(text.clone(), |text, word| text.replace(word, ""));
                    if !text.contains("[secret]") || left.trim_matches('"').len() > 12 {
                        leaks.push(format!("{name}: {body} gave {text}"));
                    }
                }
            }
        }
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    assert_eq!(
        Redactor::new(["p/w+"]).message(b"only p/w+ here", false),
        "only [secret] here"
    );
}

#[test]
fn texts_without_secrets_are_unchanged() {
    let redactor = Redactor::new(["hunter2hunter2", "a/b=c&d"]);
    let cases = [
        "100% of &amp; c:\\x + %2 &#x27;",
        "hunter2hunter",
        "a/b=c",
        "%",
        "\\",
        "&",
        "&#",
        "\\u00",
    ];
    check_each(cases, |text| {
        assert_eq!(redactor.hide(text), text);
    });
    assert!(!redactor.withholds());
}

#[test]
fn a_secret_cut_in_two_is_dropped() {
    let redactor = Redactor::new(["abcdefgh"]);
    assert_eq!(redactor.message(b"token abcde", true).trim_end(), "token");
    assert_eq!(redactor.message(b"token abcde", false), "token abcde");
    let mut body = vec![b' '; 16 * 1024 - 4];
    body.extend_from_slice(b"abcdefgh");
    assert_eq!(redactor.excerpt(&body), "\"\"");
}

/// A server that knows what is searched for must not be able to make the search long.
#[test]
fn no_text_takes_long_to_search() {
    let redactor = Redactor::new(["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "%\\&=<>", "&&&&&&&&"]);
    for unit in [
        "\\", "%25", "&amp;", "a ", "=\n", "<a>", "\\u001b[", "\u{1b}[",
    ] {
        let body = unit.repeat(16 * 1024 / unit.len());
        redactor.message(body.as_bytes(), true);
    }
}

/// The gap in the text around it would give it away.
#[test]
fn a_secret_too_short_to_be_hidden_withholds_the_text() {
    check_each(["s", "pw", "pw1"], |secret| {
        let redactor = Redactor::new([secret, "a-long-enough-secret"]);
        let body = "secret passwords pw1".repeat(1_000);
        assert_eq!(redactor.message(body.as_bytes(), true), "[withheld]");
        assert_eq!(
            redactor.message(br#"{"message":"spw1"}"#, false),
            "[withheld]"
        );
        assert_eq!(redactor.excerpt(body.as_bytes()), "[withheld]");
        assert_eq!(redactor.line(&body, 100), "[withheld]");
    });
}
