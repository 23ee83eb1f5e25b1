//! Takes the secrets of an account out of texts, however a server has encoded them.
//!
//! A server may echo a secret as it was, percent-encoded, as JSON, HTML or base64, encoded twice,
//! with tags or line breaks inside. Instead of listing encodings of whole secrets, which misses the
//! next one, the text is compared character by character with every form of each, which [`escapes`]
//! knows. What is neither such a form nor hexadecimal or base64 is not recognised: a server that
//! wants to publish a secret can always find a way, and knows the secret already.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use secrecy::zeroize::Zeroizing;

use super::escapes;
use super::one_line::one_line;

/// The replacement of a secret.
const HIDDEN: &str = "[secret]";
/// A shorter secret is not replaced: the gap in the text around it would give it away. The whole text
/// is withheld instead.
const MIN_SECRET_CHARS: usize = 4;
/// Fewer characters of base64 would match by chance in ordinary texts.
const MIN_BASE64_CHARS: usize = 8;
/// Most invisible pieces between two characters of a secret that are skipped.
const MAX_FILLERS: usize = 16;

/// The secrets that must not be shown. It shares their memory with their owner; what it derives from
/// them is wiped after each text.
#[derive(Clone, Default)]
pub(super) struct Redactor {
    secrets: Vec<Bytes>,
}

impl Redactor {
    /// A redactor of these secrets.
    pub(super) fn new<S: Into<Bytes>>(secrets: impl IntoIterator<Item = S>) -> Self {
        let mut secrets: Vec<Bytes> = secrets.into_iter().map(Into::into).collect();
        secrets.retain(|secret| !secret.is_empty());
        Self { secrets }
    }

    /// Whether no text of a server can be shown.
    pub(super) fn withholds(&self) -> bool {
        self.texts()
            .any(|text| text.chars().count() < MIN_SECRET_CHARS)
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.secrets
            .iter()
            .filter_map(|secret| std::str::from_utf8(secret).ok())
    }

    /// The text with every secret replaced. One pass: replacements are not searched again.
    pub(super) fn hide(&self, text: &str) -> String {
        let needles = self.needles();
        let begins = first_bytes(&needles);
        let mut out = String::with_capacity(text.len());
        let (mut at, mut kept) = (0, 0);
        while let Some(byte) = text.as_bytes().get(at) {
            let found = begins[usize::from(*byte)].then(|| longest_match(text, at, &needles));
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

    /// Removes the beginning of a secret from the end of text that was cut off.
    pub(super) fn drop_split_secret(&self, text: &str) -> String {
        let needles = self.needles();
        let begins = first_bytes(&needles);
        let begins_secret = |at: &usize| {
            let byte = text.as_bytes().get(*at).copied().unwrap_or_default();
            begins[usize::from(byte)]
                && candidates(text, *at, &needles).any(|needle| {
                    // A few characters give nothing away, and by chance many texts end with the first
                    // ones of a secret.
                    matches!(compare(text, *at, needle), Match::Truncated(seen) if seen >= MIN_SECRET_CHARS)
                })
        };
        let boundaries = text.char_indices().map(|(at, _)| at);
        let end = boundaries.into_iter().find(begins_secret);
        text.get(..end.unwrap_or(text.len()))
            .unwrap_or_default()
            .to_owned()
    }

    /// What is searched for: the secrets, as [`clean`] would leave them, as hexadecimal digits, and
    /// inside of base64, also twice.
    fn needles(&self) -> Vec<Zeroizing<String>> {
        let mut needles = Vec::new();
        for text in self.texts() {
            let cleaned = Zeroizing::new(one_line(text));
            if cleaned.as_str() != text && !cleaned.is_empty() {
                needles.push(cleaned);
            }
            let cores = inside_base64(text.as_bytes());
            for core in &cores {
                needles.extend(inside_base64(core.as_bytes()));
            }
            needles.extend(cores);
            needles.push(hexadecimal(text.as_bytes()));
            needles.push(Zeroizing::new(text.to_owned()));
        }
        needles.sort_unstable_by(|one, other| one.as_str().cmp(other));
        needles.dedup_by(|one, other| one.as_str() == other.as_str());
        needles
    }
}

/// The characters of base64 that depend on nothing but the secret, for each of the three positions it
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
            if core.len() >= MIN_BASE64_CHARS {
                cores.push(Zeroizing::new(core.to_owned()));
            }
        }
    }
    cores
}

/// The digits of every byte.
fn hexadecimal(secret: &[u8]) -> Zeroizing<String> {
    let mut digits = Zeroizing::new(String::with_capacity(2 * secret.len()));
    let nibbles = secret.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.extend(nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)));
    digits
}

/// Which bytes an escaped or plain needle may begin with.
fn first_bytes(needles: &[Zeroizing<String>]) -> [bool; 256] {
    let mut begins = [false; 256];
    if needles.is_empty() {
        return begins;
    }
    let mut mark = |byte: u8| begins[usize::from(byte)] = true;
    escapes::FIRST_BYTES.iter().copied().for_each(&mut mark);
    let firsts = needles.iter().filter_map(|needle| needle.chars().next());
    for c in firsts.flat_map(|c| c.to_lowercase().chain(c.to_uppercase())) {
        c.encode_utf8(&mut [0; 4])
            .bytes()
            .take(1)
            .for_each(&mut mark);
    }
    begins
}

/// Whether it is the same letter: some gateways change all letters to one case.
fn same(one: char, other: char) -> bool {
    one.eq_ignore_ascii_case(&other)
        || !one.is_ascii() && one.to_lowercase().eq(other.to_lowercase())
}

/// The needles that may stand at `at`, by their first characters.
fn candidates<'a>(
    text: &str,
    at: usize,
    needles: &'a [Zeroizing<String>],
) -> impl Iterator<Item = &'a str> {
    let mut firsts = Vec::new();
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    escapes::characters(rest, &mut |c, _| firsts.push(c));
    let begins = move |needle: &&str| {
        let first = needle.chars().next();
        first.is_some_and(|first| firsts.iter().any(|c| same(*c, first)))
    };
    needles.iter().map(|needle| needle.as_str()).filter(begins)
}

/// The end of the longest needle that stands at `at`.
fn longest_match(text: &str, at: usize, needles: &[Zeroizing<String>]) -> Option<usize> {
    let ends = candidates(text, at, needles).filter_map(|needle| match compare(text, at, needle) {
        Match::Full(end) => Some(end),
        Match::Truncated(_) | Match::None => None,
    });
    ends.max()
}

/// How a needle compares with text at some position.
enum Match {
    /// It is there, up to this position.
    Full(usize),
    /// The text ends after so many characters of it.
    Truncated(usize),
    None,
}

fn compare(text: &str, at: usize, needle: &str) -> Match {
    let text = text.as_bytes();
    // Mostly one; an escape can be read in more than one way (`\\\\` is one backslash or two).
    let mut positions = vec![at];
    let mut next = Vec::new();
    let mut truncated = None;
    for (seen, wanted) in needle.chars().enumerate() {
        if seen > 0 {
            skip_fillers(text, &mut positions);
        }
        for &position in &positions {
            let rest = text.get(position..).unwrap_or_default();
            if rest.is_empty() || is_partial_unit(rest) {
                truncated = Some(seen);
            }
            escapes::characters(rest, &mut |c, length| {
                if same(c, wanted) {
                    next.push(position + length);
                }
            });
        }
        next.sort_unstable();
        next.dedup();
        std::mem::swap(&mut positions, &mut next);
        next.clear();
        if positions.is_empty() {
            return truncated.map_or(Match::None, Match::Truncated);
        }
    }
    positions
        .last()
        .map_or(Match::None, |end| Match::Full(*end))
}

/// Adds the positions behind what a reader does not see between two characters.
fn skip_fillers(text: &[u8], positions: &mut Vec<usize>) {
    let most = positions.len() + MAX_FILLERS;
    let mut index = 0;
    while let Some(&position) = positions.get(index) {
        index += 1;
        let rest = text.get(position..).unwrap_or_default();
        escapes::fillers(rest, &mut |length| {
            let behind = position + length;
            if positions.len() < most && !positions.contains(&behind) {
                positions.push(behind);
            }
        });
    }
}

/// Whether the end of text may be half of an escape.
fn is_partial_unit(rest: &[u8]) -> bool {
    rest.len() < escapes::MAX_ESCAPE_LENGTH
        && matches!(rest.first(), Some(b'%' | b'\\' | b'&' | b'=' | b'<'))
        && !rest.contains(&b' ')
}
