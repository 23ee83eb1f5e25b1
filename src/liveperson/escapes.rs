//! The forms in which a server may write one character: as it is, percent-encoded, as an escape of
//! JSON, of a programming language or of HTML, in quoted-printable, in full width.
//!
//! Every form is bounded in length, so that no text takes long to search.

/// The longest form of one character: `&amp;amp;#x000027;`, `\\\\u003d`, `%2525252F`.
pub(super) const MAX_ESCAPE_LENGTH: usize = 64;
/// How often an escape may have been escaped again.
const MAX_NESTING: usize = 8;
/// Longest tag of HTML that is skipped inside of a word.
const MAX_TAG_LENGTH: usize = 40;

/// What escapes begin with. The last byte begins characters of full width.
pub(super) const FIRST_BYTES: &[u8] = b"%\\&+=\xef";

/// Calls `found` with every character that `rest` may begin with, and the bytes it takes.
pub(super) fn characters(rest: &[u8], found: &mut dyn FnMut(char, usize)) {
    if let Some(&byte) = rest.first()
        && byte.is_ascii_alphanumeric()
    {
        return found(char::from(byte), 1);
    }
    let Some((c, length)) = utf8(rest.iter().copied()) else {
        return;
    };
    found(c, length);
    match c {
        '+' => found(' ', 1),
        '%' => percent(rest, found),
        '\\' => backslash(rest, found),
        '&' => entity(rest, found),
        '=' => bytes(rest, |rest| hex_byte(rest.strip_prefix(b"=")?, 1), found),
        // Doubled inside of quotes, as in SQL and CSV.
        '"' | '\'' if rest.get(1) == rest.first() => found(c, 2),
        '\u{ff01}'..='\u{ff5e}' => {
            let narrow = char::from_u32(u32::from(c) - 0xfee0);
            found(narrow.unwrap_or(c), length);
        }
        _ => {}
    }
}

/// Calls `found` with the length of everything at the beginning of `rest` that a reader would not
/// see, or would see through: white space, control characters, tags, soft line breaks.
pub(super) fn fillers(rest: &[u8], found: &mut dyn FnMut(usize)) {
    if rest.first().is_some_and(u8::is_ascii_alphanumeric) {
        return;
    }
    characters(rest, &mut |c, length| {
        if c == '\u{1b}' {
            found(length + csi(rest.get(length..).unwrap_or_default()));
        }
        if c.is_whitespace() || c.is_control() || is_format(c) {
            found(length);
        }
    });
    match rest {
        [b'=', b' ' | b'\r' | b'\n', ..] => found(1),
        [b'<', b'/' | b'!' | b'a'..=b'z' | b'A'..=b'Z', tag @ ..] => {
            let close = tag
                .iter()
                .take(MAX_TAG_LENGTH)
                .position(|byte| *byte == b'>');
            if let Some(close) = close {
                found(close + 3);
            }
        }
        _ => {}
    }
}

/// Zero-width and direction marks: they could make a log line read as something else.
pub(super) fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{e0000}'..='\u{e007f}')
}

/// The length of what follows the escape character in a terminal's code, such as `[1;31m`.
pub(super) fn csi(rest: &[u8]) -> usize {
    if rest.first() != Some(&b'[') {
        return 0;
    }
    let inside = |byte: &&u8| (0x20..0x40).contains(*byte);
    let end = 1 + rest
        .iter()
        .skip(1)
        .take(MAX_ESCAPE_LENGTH)
        .take_while(inside)
        .count();
    match rest.get(end) {
        Some(0x40..=0x7e) => end + 1,
        _ => 0,
    }
}

/// The first character of UTF-8, and its length.
fn utf8(bytes: impl Iterator<Item = u8>) -> Option<(char, usize)> {
    let mut buffer = [0; 4];
    for (index, byte) in bytes.take(buffer.len()).enumerate() {
        *buffer.get_mut(index)? = byte;
        if let Ok(text) = std::str::from_utf8(buffer.get(..=index)?) {
            return Some((text.chars().next()?, index + 1));
        }
    }
    None
}

/// A character whose bytes are each encoded as `unit` reads them: the byte and its length.
fn bytes(
    rest: &[u8],
    unit: impl Fn(&[u8]) -> Option<(u8, usize)>,
    found: &mut dyn FnMut(char, usize),
) {
    let mut at = 0;
    let decoded = std::iter::from_fn(|| {
        let (byte, length) = unit(rest.get(at..)?)?;
        at += length;
        Some(byte)
    });
    // One encoded byte may be a whole character of an older encoding.
    if let Some((byte, length)) = unit(rest)
        && !byte.is_ascii()
    {
        found(char::from(byte), length);
    }
    if let Some((c, _)) = utf8(decoded) {
        found(c, at);
    }
}

/// `%2F`, `%u002f`, and `%252F` with any number of further encodings.
fn percent(rest: &[u8], found: &mut dyn FnMut(char, usize)) {
    let length = encoded_percent(rest);
    (3..=length).step_by(2).for_each(|end| found('%', end));
    bytes(rest, percent_byte, &mut |c, length| {
        found(c, length);
        if c == '+' {
            found(' ', length);
        }
    });
    if let Some(b'u' | b'U') = rest.get(length) {
        utf16(rest, length + 1, b'%', found);
    }
}

/// The length of a percent sign with any number of further encodings: `%`, `%25`, `%2525`.
fn encoded_percent(rest: &[u8]) -> usize {
    let pairs = rest.get(1..).unwrap_or_default().chunks(2);
    let again = pairs.take(MAX_NESTING).take_while(|pair| *pair == b"25");
    1 + 2 * again.count()
}

fn percent_byte(rest: &[u8]) -> Option<(u8, usize)> {
    let length = encoded_percent(rest);
    let digits = rest.strip_prefix(b"%").and(rest.get(length..))?;
    hex_byte(digits, length)
}

/// `\/`, `\"`, `\n`, `\x3d`, `\075`, `\u003d`, `\u{3d}`, with any number of backslashes for text
/// inside of text.
fn backslash(rest: &[u8], found: &mut dyn FnMut(char, usize)) {
    let slashes = backslashes(rest);
    (2..=slashes).for_each(|end| found('\\', end));
    let plain = match rest.get(slashes) {
        Some(b'u' | b'U') => return unicode_escape(rest, slashes + 1, found),
        Some(b'x' | b'X') => return hex_escape(rest, slashes + 1, found),
        Some(b'0'..=b'7') => return bytes(rest, octal_escape_byte, found),
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        // Shells and regular expressions escape any punctuation.
        Some(&byte) if byte.is_ascii_punctuation() => char::from(byte),
        _ => return,
    };
    found(plain, slashes + 1);
}

fn backslashes(rest: &[u8]) -> usize {
    let bytes = rest.iter().take(2 * MAX_NESTING);
    bytes.take_while(|byte| **byte == b'\\').count()
}

/// The digits behind `\u`.
fn unicode_escape(rest: &[u8], at: usize, found: &mut dyn FnMut(char, usize)) {
    utf16(rest, at, b'\\', found);
    number(rest, at, 8, 16, found);
    if rest.get(at) == Some(&b'{') {
        braced(rest, at + 1, found);
    }
}

/// The digits behind `\x`.
fn hex_escape(rest: &[u8], at: usize, found: &mut dyn FnMut(char, usize)) {
    if rest.get(at) == Some(&b'{') {
        braced(rest, at + 1, found);
    }
    bytes(rest, hex_escape_byte, found);
}

fn hex_escape_byte(rest: &[u8]) -> Option<(u8, usize)> {
    let slashes = backslashes(rest);
    let marked = slashes > 0 && matches!(rest.get(slashes), Some(b'x' | b'X'));
    let at = marked.then_some(slashes + 1)?;
    hex_byte(rest.get(at..)?, at)
}

fn octal_escape_byte(rest: &[u8]) -> Option<(u8, usize)> {
    let slashes = backslashes(rest);
    octal_byte(rest, (slashes > 0).then_some(slashes)?)
}

/// `{3d}`, behind its opening brace.
fn braced(rest: &[u8], at: usize, found: &mut dyn FnMut(char, usize)) {
    let digits = digits(rest, at, 16);
    if rest.get(at + digits) == Some(&b'}') {
        number(rest, at, digits, 16, &mut |c, end| found(c, end + 1));
    }
}

/// Four digits behind `\u` or `%u`, or two times four for a character beyond them.
fn utf16(rest: &[u8], at: usize, mark: u8, found: &mut dyn FnMut(char, usize)) {
    let Some(first) = value(rest, at, 4, 16).and_then(|unit| u16::try_from(unit).ok()) else {
        return;
    };
    let at = at + 4;
    let tail = rest.get(at..).unwrap_or_default();
    let again = tail.iter().take(2 * MAX_NESTING);
    let marks = again.take_while(|byte| **byte == mark).count();
    let second = || {
        let unit = value(tail, marks + 1, 4, 16)?;
        let marked = marks > 0 && matches!(tail.get(marks), Some(b'u' | b'U'));
        u16::try_from(unit).ok().filter(|_| marked)
    };
    let units = std::iter::once(first).chain(second());
    if let Some(Ok(c)) = char::decode_utf16(units).next() {
        let pair = if c.len_utf16() == 2 { marks + 5 } else { 0 };
        found(c, at + pair);
    }
}

/// The names of HTML for what is not a letter or digit of ASCII.
const NAMES: [(&str, char); 42] = [
    ("excl;", '!'),
    ("quot;", '"'),
    ("quot", '"'),
    ("num;", '#'),
    ("dollar;", '$'),
    ("percnt;", '%'),
    ("apos;", '\''),
    ("lpar;", '('),
    ("rpar;", ')'),
    ("ast;", '*'),
    ("midast;", '*'),
    ("plus;", '+'),
    ("comma;", ','),
    ("hyphen;", '-'),
    ("dash;", '-'),
    ("period;", '.'),
    ("sol;", '/'),
    ("colon;", ':'),
    ("semi;", ';'),
    ("lt;", '<'),
    ("lt", '<'),
    ("equals;", '='),
    ("gt;", '>'),
    ("gt", '>'),
    ("quest;", '?'),
    ("commat;", '@'),
    ("lsqb;", '['),
    ("lbrack;", '['),
    ("bsol;", '\\'),
    ("rsqb;", ']'),
    ("rbrack;", ']'),
    ("hat;", '^'),
    ("lowbar;", '_'),
    ("underbar;", '_'),
    ("grave;", '`'),
    ("lcub;", '{'),
    ("lbrace;", '{'),
    ("verbar;", '|'),
    ("vert;", '|'),
    ("rcub;", '}'),
    ("rbrace;", '}'),
    ("tilde;", '~'),
];
/// The names of characters that a reader does not see.
const INVISIBLE: [(&str, char); 6] = [
    ("nbsp;", ' '),
    ("tab;", '\t'),
    ("newline;", '\n'),
    ("shy;", '\u{ad}'),
    ("zwnj;", '\u{200c}'),
    ("zerowidthspace;", '\u{200b}'),
];
/// The forms of the `&` of an entity that was escaped again.
const AMPERSANDS: [&str; 4] = ["amp;", "#38;", "#x26;", "#x026;"];

/// `&#61;`, `&#x3D;`, `&equals;`, and `&amp;equals;` with any number of further escapes.
fn entity(rest: &[u8], found: &mut dyn FnMut(char, usize)) {
    let named = |at: usize, name: &str| {
        let begin = rest.get(at..at + name.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(name.as_bytes()))
    };
    let mut at = 1;
    for _ in 0..MAX_NESTING {
        let Some(again) = AMPERSANDS.into_iter().find(|name| named(at, name)) else {
            break;
        };
        at += again.len();
        found('&', at);
    }
    for (name, meant) in NAMES.into_iter().chain(INVISIBLE) {
        if named(at, name) {
            found(meant, at + name.len());
        }
    }
    let (at, radix) = match rest.get(at..).unwrap_or_default() {
        [b'#', b'x' | b'X', ..] => (at + 2, 16),
        [b'#', ..] => (at + 1, 10),
        _ => return,
    };
    number(rest, at, digits(rest, at, radix), radix, &mut |c, end| {
        found(c, end + usize::from(rest.get(end) == Some(&b';')));
    });
}

/// How many digits stand there; no character has more than eight.
fn digits(rest: &[u8], at: usize, radix: u32) -> usize {
    let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
    let rest = rest.get(at..).unwrap_or_default();
    rest.iter().take(8).take_while(is_digit).count()
}

/// The character of this number.
fn number(rest: &[u8], at: usize, count: usize, radix: u32, found: &mut dyn FnMut(char, usize)) {
    if let Some(c) = value(rest, at, count, radix).and_then(char::from_u32) {
        found(c, at + count);
    }
}

/// The number that these digits make.
fn value(rest: &[u8], at: usize, count: usize, radix: u32) -> Option<u32> {
    let text = std::str::from_utf8(rest.get(at..at + count)?).ok()?;
    // `from_str_radix` would take a sign.
    let plain = text.chars().all(|c| c.is_digit(radix));
    plain.then(|| u32::from_str_radix(text, radix).ok())?
}

/// The byte of two digits, which stand behind `before` others.
fn hex_byte(digits: &[u8], before: usize) -> Option<(u8, usize)> {
    let byte = u8::try_from(value(digits, 0, 2, 16)?).ok()?;
    Some((byte, before + 2))
}

/// The byte of one to three digits at `at`.
fn octal_byte(rest: &[u8], at: usize) -> Option<(u8, usize)> {
    let count = digits(rest, at, 8).min(3);
    let byte = u8::try_from(value(rest, at, count, 8)?).ok()?;
    Some((byte, at + count))
}
