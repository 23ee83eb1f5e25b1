//! Takes the secrets of an account out of texts, however a server has spelt them.
//!
//! A server may echo a secret as it was, percent-encoded, as JSON, HTML or base64, twice over or in
//! part. Instead of listing spellings, which misses the next one, the text is compared character
//! by character with every way to write each.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use secrecy::zeroize::Zeroizing;

use super::excerpt::clean;

/// Stands where a secret stood.
const HIDDEN: &str = "[secret]";
/// A secret of fewer characters is not replaced: what is missing from the words around it would
/// give it away. All words are withheld instead.
const FEWEST: usize = 4;
/// Fewer characters of base64 would be found in every other text.
const FEWEST_OF_BASE64: usize = 8;
/// The longest spelling of one character: `&amp;amp;#x000027;`, `\\\\u003d`, `%2525252F`.
const LONGEST_UNIT: usize = 24;

/// The secrets that must not get out. It shares them with their owner and copies none; whatever it
/// derives from them lives for one text and is wiped.
#[derive(Clone, Default)]
pub(super) struct Redactor {
    secrets: Vec<Bytes>,
}

impl Redactor {
    /// Hides these.
    pub(super) fn new<S: Into<Bytes>>(secrets: impl IntoIterator<Item = S>) -> Self {
        let mut secrets: Vec<Bytes> = secrets.into_iter().map(Into::into).collect();
        secrets.retain(|secret| !secret.is_empty());
        Self { secrets }
    }

    /// Whether no word of a server can be shown.
    pub(super) fn withholds(&self) -> bool {
        self.texts().any(|text| text.chars().count() < FEWEST)
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.secrets
            .iter()
            .filter_map(|secret| std::str::from_utf8(secret).ok())
    }

    /// The text with every secret replaced. One pass: what was put in is never looked at again.
    pub(super) fn hide(&self, text: &str) -> String {
        let needles = self.needles();
        let begins = first_bytes(&needles);
        let mut out = String::with_capacity(text.len());
        let (mut at, mut kept) = (0, 0);
        while let Some(byte) = text.as_bytes().get(at) {
            let found = begins[usize::from(*byte)].then(|| longest(text, at, &needles));
            if let Some(end) = found.flatten() {
                out.push_str(text.get(kept..at).unwrap_or_default());
                out.push_str(HIDDEN);
                (at, kept) = (end, end);
            } else {
                at += 1;
            }
        }
        out.push_str(text.get(kept..).unwrap_or_default());
        out
    }

    /// Takes the beginning of a secret off the end of a text that was cut off.
    pub(super) fn drop_split_secret(&self, text: &str) -> String {
        let needles = self.needles();
        let begins = first_bytes(&needles);
        let begins_secret = |at: &usize| {
            let byte = text.as_bytes().get(*at).copied().unwrap_or_default();
            begins[usize::from(byte)]
                && needles.iter().any(|needle| {
                    // A few characters are no secret, and every text ends with the beginning of
                    // something.
                    matches!(compare(text, *at, needle), Found::RunsOff(seen) if seen >= FEWEST)
                })
        };
        let boundaries = text.char_indices().map(|(at, _)| at);
        let end = boundaries.into_iter().find(begins_secret);
        text.get(..end.unwrap_or(text.len()))
            .unwrap_or_default()
            .to_owned()
    }

    /// What is looked for: the secrets, as [`clean`] would leave them, and inside of base64.
    fn needles(&self) -> Vec<Zeroizing<String>> {
        let mut needles = Vec::new();
        for text in self.texts() {
            let cleaned = Zeroizing::new(clean(text));
            if cleaned.as_str() != text && !cleaned.is_empty() {
                needles.push(cleaned);
            }
            needles.extend(inside_base64(text.as_bytes()));
            needles.push(Zeroizing::new(text.to_owned()));
        }
        needles
    }
}

/// The characters of base64 that depend on nothing but the secret, for each of the three places it
/// may have among others, as in `user:secret`.
fn inside_base64(secret: &[u8]) -> Vec<Zeroizing<String>> {
    let mut cores = Vec::new();
    for before in 0..3 {
        let mut bytes = Zeroizing::new(Vec::with_capacity(before + secret.len()));
        bytes.resize(before, 0);
        bytes.extend_from_slice(secret);
        for alphabet in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let whole = Zeroizing::new(alphabet.encode(bytes.as_slice()));
            // The first characters hold bits of what stands before, the last one of what follows.
            let first = [0, 2, 3][before];
            let last = whole.len() - usize::from(bytes.len() % 3 != 0);
            let core = whole.get(first..last).unwrap_or_default();
            if core.len() >= FEWEST_OF_BASE64 {
                cores.push(Zeroizing::new(core.to_owned()));
            }
        }
    }
    cores
}

/// Which bytes a spelling of a needle may begin with.
fn first_bytes(needles: &[Zeroizing<String>]) -> [bool; 256] {
    let mut begins = [false; 256];
    if needles.is_empty() {
        return begins;
    }
    let firsts = needles
        .iter()
        .filter_map(|needle| needle.as_bytes().first());
    for byte in firsts.chain(b"%\\&+") {
        begins[usize::from(byte.to_ascii_lowercase())] = true;
        begins[usize::from(byte.to_ascii_uppercase())] = true;
    }
    begins
}

/// The end of the longest needle that stands at `at`.
fn longest(text: &str, at: usize, needles: &[Zeroizing<String>]) -> Option<usize> {
    let ends = needles
        .iter()
        .filter_map(|needle| match compare(text, at, needle) {
            Found::Whole(end) => Some(end),
            Found::RunsOff(_) | Found::Nothing => None,
        });
    ends.max()
}

/// What stands at some place of a text.
enum Found {
    /// The needle, up to here.
    Whole(usize),
    /// So many characters of the needle, and then the text ends.
    RunsOff(usize),
    Nothing,
}

fn compare(text: &str, at: usize, needle: &str) -> Found {
    let text = text.as_bytes();
    // Mostly one; a spelling can be read in more than one way (`\\` is one backslash or two).
    let mut places = vec![at];
    let mut next = Vec::new();
    let mut runs_off = None;
    for (seen, wanted) in needle.chars().enumerate() {
        for &place in &places {
            let rest = text.get(place..).unwrap_or_default();
            if rest.is_empty() || is_partial_unit(rest) {
                runs_off = Some(seen);
            }
            push_ends(rest, place, wanted, &mut next);
        }
        next.sort_unstable();
        next.dedup();
        std::mem::swap(&mut places, &mut next);
        next.clear();
        if places.is_empty() {
            return runs_off.map_or(Found::Nothing, Found::RunsOff);
        }
    }
    places
        .last()
        .map_or(Found::Nothing, |end| Found::Whole(*end))
}

/// Whether the end of a text may be half of a spelling.
fn is_partial_unit(rest: &[u8]) -> bool {
    rest.len() < LONGEST_UNIT
        && matches!(rest.first(), Some(b'%' | b'\\' | b'&'))
        && !rest.contains(&b' ')
}

/// Adds the end of every spelling of a character that `rest` begins with; `rest` begins at `at`.
fn push_ends(rest: &[u8], at: usize, wanted: char, ends: &mut Vec<usize>) {
    let mut bytes = [0; 4];
    let raw = wanted.encode_utf8(&mut bytes).as_bytes();
    // Some gateways write everything small.
    let same = |begin: &[u8]| begin.eq_ignore_ascii_case(raw);
    if rest.get(..raw.len()).is_some_and(same) {
        ends.push(at + raw.len());
    }
    match rest.first() {
        Some(b'+') if wanted == ' ' => ends.push(at + 1),
        Some(b'%') => {
            let mut found = |length| ends.push(at + length);
            percent(rest, raw, &mut found);
            if wanted == ' ' {
                percent(rest, b"+", &mut found);
            }
        }
        Some(b'\\') => backslash(rest, wanted, &mut |length| ends.push(at + length)),
        Some(b'&') => entity(rest, wanted, &mut |length| ends.push(at + length)),
        _ => {}
    }
}

/// `%2F`, and `%252F` as often as somebody has encoded it again.
fn percent(rest: &[u8], raw: &[u8], found: &mut dyn FnMut(usize)) {
    let mut at = 0;
    for (index, &byte) in raw.iter().enumerate() {
        if rest.get(at) != Some(&b'%') {
            return;
        }
        at += 1;
        while rest.get(at..).is_some_and(|rest| rest.starts_with(b"25")) {
            at += 2;
            if byte == b'%' && index + 1 == raw.len() {
                found(at);
            }
        }
        if byte == b'%' || hex(rest, at, 2) != Some(u32::from(byte)) {
            return;
        }
        at += 2;
    }
    found(at);
}

/// `\/`, `\"`, `\n`, `\u003d`, with any number of backslashes for text inside of text.
fn backslash(rest: &[u8], wanted: char, found: &mut dyn FnMut(usize)) {
    let slashes = rest.iter().take_while(|byte| **byte == b'\\').count();
    if wanted == '\\' {
        (2..=slashes).for_each(&mut *found);
    }
    let plain = match rest.get(slashes) {
        Some(b'u') => return unicode(rest, slashes + 1, wanted, found),
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(&byte @ (b'/' | b'"' | b'\'')) => char::from(byte),
        _ => return,
    };
    if plain == wanted {
        found(slashes + 1);
    }
}

/// The digits of `\u003d`, or of the two halves of a character beyond them.
fn unicode(rest: &[u8], at: usize, wanted: char, found: &mut dyn FnMut(usize)) {
    let mut units = [0; 2];
    let mut at = at;
    for (index, unit) in wanted.encode_utf16(&mut units).iter().enumerate() {
        if index > 0 {
            let tail = rest.get(at..).unwrap_or_default();
            let slashes = tail.iter().take_while(|byte| **byte == b'\\').count();
            if slashes == 0 || tail.get(slashes) != Some(&b'u') {
                return;
            }
            at += slashes + 1;
        }
        if hex(rest, at, 4) != Some(u32::from(*unit)) {
            return;
        }
        at += 4;
    }
    found(at);
}

/// `&#61;`, `&#x3D;`, `&quot;`, and `&amp;quot;` as often as somebody has escaped it again.
fn entity(rest: &[u8], wanted: char, found: &mut dyn FnMut(usize)) {
    const NAMES: [(&str, char); 6] = [
        ("lt;", '<'),
        ("gt;", '>'),
        ("quot;", '"'),
        ("apos;", '\''),
        ("sol;", '/'),
        ("equals;", '='),
    ];
    let mut at = 1;
    while rest.get(at..).is_some_and(|rest| rest.starts_with(b"amp;")) {
        at += 4;
        if wanted == '&' {
            found(at);
        }
    }
    let tail = rest.get(at..).unwrap_or_default();
    for (name, meant) in NAMES {
        if meant == wanted && tail.starts_with(name.as_bytes()) {
            found(at + name.len());
        }
    }
    let (digits, radix) = match tail {
        [b'#', b'x' | b'X', digits @ ..] => (digits, 16),
        [b'#', digits @ ..] => (digits, 10),
        _ => return,
    };
    let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
    let count = digits.iter().take(8).take_while(is_digit).count();
    let text = digits
        .get(..count)
        .and_then(|d| std::str::from_utf8(d).ok());
    let number = text.and_then(|text| u32::from_str_radix(text, radix).ok());
    if number == Some(u32::from(wanted)) {
        let mark = usize::from(radix == 16) + 1;
        let semicolon = usize::from(digits.get(count) == Some(&b';'));
        found(at + mark + count + semicolon);
    }
}

fn hex(rest: &[u8], at: usize, digits: usize) -> Option<u32> {
    let text = std::str::from_utf8(rest.get(at..at + digits)?).ok()?;
    // `from_str_radix` would take a sign.
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(text, 16).ok()
}
