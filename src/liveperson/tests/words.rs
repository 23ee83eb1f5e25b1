use super::super::excerpt::*;
use super::super::paths;

fn none() -> Scrubber {
    Scrubber::new([])
}

#[test]
fn json_messages_are_found() {
    for (body, expected) in [
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
    ] {
        assert_eq!(none().message(body.as_bytes(), false), expected, "{body}");
    }
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

#[test]
fn secrets_are_hidden_in_every_spelling() {
    let secret = "p/w+ä\"<x>&  y";
    let scrubber = Scrubber::new([secret, "p/w"]);
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let percent = paths::percent_encode(secret);
    let json = serde_json::json!({ "message": format!("bad {secret}!") }).to_string();
    for body in [
        secret.to_owned(),
        form.to_lowercase(),
        form,
        percent.to_lowercase(),
        percent,
        json,
        format!("<html><p>{secret}</p>"),
        "<p>p/w+ä&quot;&lt;x&gt;&amp;  y</p>".to_owned(),
    ] {
        let message = scrubber.message(body.as_bytes(), false);
        assert!(message.contains("[secret]"), "{body} gave {message}");
        for part in ["w+", "w%2", "ä", "x>", "%c3", "%C3", "quot"] {
            assert!(!message.contains(part), "{body} gave {message}");
        }
    }
    assert_eq!(
        scrubber.message(b"only p/w here", false),
        "only [secret] here"
    );
}

#[test]
fn a_secret_cut_in_two_is_dropped() {
    let scrubber = Scrubber::new(["abcdefgh"]);
    assert_eq!(scrubber.message(b"token abcde", true).trim_end(), "token");
    assert_eq!(scrubber.message(b"token abcde", false), "token abcde");
    let mut body = vec![b' '; 16 * 1024 - 4];
    body.extend_from_slice(b"abcdefgh");
    assert_eq!(scrubber.excerpt(&body), "\"\"");
}

#[test]
fn one_letter_secrets_do_not_make_texts_explode() {
    let scrubber = Scrubber::new(["s", "e", "c", "r"]);
    let body = "secret".repeat(10_000);
    assert_eq!(scrubber.message(body.as_bytes(), true).chars().count(), 201);
}
