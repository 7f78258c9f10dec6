//! Secrets that are known by how they look: keys with a vendor's prefix, JSON web tokens, private
//! keys in PEM form, and what follows `Bearer` and `Basic`.

use super::found::{
    API_KEY, BASIC, BEARER, Found, JWT, PRIVATE_KEY, before, byte, is_base64_url, is_token68, looked_at,
    looks_random, run,
};

/// A vendor's prefix, and how many characters follow it at least.
struct Prefix {
    text: &'static [u8],
    least: usize,
    /// The prefix ends many words as well (`task-…`), so it counts only where a word begins.
    begins_word: bool,
}

const fn prefix(text: &'static [u8], least: usize) -> Prefix {
    Prefix { text, least, begins_word: false }
}

const fn word(text: &'static [u8], least: usize) -> Prefix {
    Prefix { text, least, begins_word: true }
}

// Each list has prefixes that end alike, so that few are compared.
const SK: &[Prefix] = &[word(b"sk-", 10), prefix(b"sk-ant-", 10), prefix(b"sk-proj-", 10)];
const ANT: &[Prefix] = &[prefix(b"sk-ant-", 10), prefix(b"glpat-", 16)];
const PROJ: &[Prefix] = &[prefix(b"sk-proj-", 10)];
const SLACK: &[Prefix] = &[
    prefix(b"xoxa-", 8),
    prefix(b"xoxb-", 8),
    prefix(b"xoxe-", 8),
    prefix(b"xoxp-", 8),
    prefix(b"xoxr-", 8),
    prefix(b"xoxs-", 8),
    prefix(b"xapp-", 8),
];
const AI: &[Prefix] = &[word(b"xai-", 20), word(b"nvapi-", 20)];
const TAVILY: &[Prefix] = &[word(b"tvly-", 16)];
const PERPLEXITY: &[Prefix] = &[word(b"pplx-", 20)];
const GITHUB: &[Prefix] = &[
    prefix(b"ghp_", 16),
    prefix(b"gho_", 16),
    prefix(b"ghu_", 16),
    prefix(b"ghs_", 16),
    prefix(b"ghr_", 16),
];
const PAT: &[Prefix] = &[prefix(b"github_pat_", 16)];
const LIVE: &[Prefix] = &[prefix(b"sk_live_", 10), prefix(b"rk_live_", 10)];
const TEST: &[Prefix] = &[prefix(b"sk_test_", 10), prefix(b"rk_test_", 10)];
const HUGGING_FACE: &[Prefix] = &[word(b"hf_", 24)];
const GROQ: &[Prefix] = &[word(b"gsk_", 20), word(b"pcsk_", 20)];
const STRIPE_HOOK: &[Prefix] = &[word(b"whsec_", 16)];
const NPM: &[Prefix] = &[word(b"npm_", 30)];
const LANGSMITH: &[Prefix] = &[word(b"lsv2_", 20)];
const NONE: &[Prefix] = &[];

/// Which prefixes may end with the `-` at `at`, by the two bytes before it.
#[inline(always)]
fn ending_with_dash(bytes: &[u8], at: usize) -> &'static [Prefix] {
    match (byte(bytes, at.wrapping_sub(2)), before(bytes, at)) {
        (b's', b'k') => SK,
        (b'n' | b'a', b't') => ANT,
        (b'o', b'j') => PROJ,
        (b'x', b'a' | b'b' | b'e' | b'p' | b'r' | b's') | (b'p', b'p') => SLACK,
        (b'a' | b'p', b'i') => AI,
        (b'l', b'y') => TAVILY,
        (b'l', b'x') => PERPLEXITY,
        _ => NONE,
    }
}

/// The same for a `_`.
#[inline(always)]
fn ending_with_underscore(bytes: &[u8], at: usize) -> &'static [Prefix] {
    match (byte(bytes, at.wrapping_sub(2)), before(bytes, at)) {
        (b'h', b'p' | b'o' | b'u' | b's' | b'r') => GITHUB,
        (b'a', b't') => PAT,
        (b's', b't') => TEST,
        (b'v', b'e') => LIVE,
        (b'h', b'f') => HUGGING_FACE,
        (b's', b'k') => GROQ,
        (b'e', b'c') => STRIPE_HOOK,
        (b'p', b'm') => NPM,
        (b'v', b'2') => LANGSMITH,
        _ => NONE,
    }
}

#[inline(always)]
fn ending_at(bytes: &[u8], at: usize) -> &'static [Prefix] {
    match byte(bytes, at) {
        b'-' => ending_with_dash(bytes, at),
        _ => ending_with_underscore(bytes, at),
    }
}

/// Whether the `-` or `_` at `at` may end a vendor's prefix.
#[inline(always)]
pub(super) fn may_end_prefix(bytes: &[u8], at: usize) -> bool {
    // No prefix has another digit there.
    !matches!(before(bytes, at), b'0' | b'1' | b'3'..=b'9') && !ending_at(bytes, at).is_empty()
}

/// A key whose prefix ends at `at`, where a `-` or `_` is.
pub(super) fn prefixed(bytes: &[u8], at: usize) -> Option<Found> {
    known_prefix(bytes, at, ending_at(bytes, at))
}

fn known_prefix(bytes: &[u8], at: usize, prefixes: &[Prefix]) -> Option<Found> {
    let head = bytes.get(..=at)?;
    let prefix = prefixes.iter().find(|prefix| head.ends_with(prefix.text))?;
    let start = head.len() - prefix.text.len();
    if prefix.begins_word && (is_base64_url(before(bytes, start))) {
        return None;
    }
    let end = run(bytes, at + 1, is_base64_url);
    let tail = bytes.get(at + 1..end)?;
    // A class such as `sk-loading` is no key.
    let long = tail.len() >= prefix.least && (!prefix.begins_word || looks_random(tail));
    long.then_some(Found { start, end, mark: API_KEY })
}

/// Keys that begin with capitals: Amazon's and Google's. `at` is where their `I` is.
#[inline(always)]
pub(super) fn capitals(bytes: &[u8], at: usize) -> Option<Found> {
    let amazon = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let (start, end, least) = if before(bytes, at) == b'A' && bytes.get(at + 1..at + 3) == Some(b"za") {
        (at - 1, run(bytes, at + 3, is_base64_url), 34)
    } else if byte(bytes, at + 1) == b'A' && bytes.get(at.saturating_sub(2)..at) == Some(b"AK")
        || byte(bytes, at + 1) == b'A' && bytes.get(at.saturating_sub(2)..at) == Some(b"AS")
    {
        (at - 2, run(bytes, at + 2, amazon), 20)
    } else {
        return None;
    };
    (end - start >= least).then_some(Found { start, end, mark: API_KEY })
}

/// A JSON web token; `at` is where the `J` of its `eyJ` is. `failed` is where the last one that was
/// none ended, so that no part is read twice for nothing.
pub(super) fn jwt(bytes: &[u8], at: usize, failed: &mut usize) -> Option<Found> {
    const PART: usize = 8;
    let start = at.checked_sub(2)?;
    if bytes.get(start..at) != Some(b"ey") || start < *failed {
        return None;
    }
    let head = run(bytes, at, is_base64_url);
    let body = if byte(bytes, head) == b'.' { run(bytes, head + 1, is_base64_url) } else { head };
    if head - start < PART || body < head + 1 + PART {
        *failed = head;
        return None;
    }
    let mut end = body;
    while byte(bytes, end) == b'.' && is_base64_url(byte(bytes, end + 1)) {
        end = run(bytes, end + 1, is_base64_url);
    }
    Some(Found { start, end, mark: JWT })
}

/// Whether `BEGIN`, `Bearer` or `Basic` may begin at `at`.
#[inline(always)]
pub(super) fn may_begin_word(bytes: &[u8], at: usize) -> bool {
    let Some(four) = bytes.get(at..).and_then(|rest| rest.first_chunk()) else { return false };
    let four = u32::from_le_bytes(*four);
    // With this bit letters are in lower case.
    let lower = four | 0x2020_2020;
    lower == u32::from_le_bytes(*b"bear")
        || lower == u32::from_le_bytes(*b"basi")
        || four == u32::from_le_bytes(*b"BEGI")
}

/// A private key in PEM form; `at` is where the `B` of its `BEGIN` is. One without an end reaches to the end.
pub(super) fn pem(text: &str, at: usize) -> Option<Found> {
    const BEGIN: &str = "-----BEGIN ";
    const END: &str = "-----END ";
    const DASHES: &str = "-----";
    const LONGEST_LABEL: usize = 64;
    let start = at.checked_sub(DASHES.len())?;
    let label = text.get(start..)?.strip_prefix(BEGIN)?;
    let label_end = label.as_bytes().iter().take(LONGEST_LABEL).position(|byte| *byte == b'-')?;
    if !label.get(..label_end)?.contains("PRIVATE KEY") {
        return None;
    }
    let after = |from: usize, part: &str| {
        let end = text.get(from..)?.find(part).map(|found| from + found + part.len());
        looked_at(end.unwrap_or(text.len()) - from);
        end
    };
    let end = after(start + BEGIN.len(), END).and_then(|from| after(from, DASHES)).unwrap_or(text.len());
    Some(Found { start, end, mark: PRIVATE_KEY })
}

/// What follows `Bearer` or `Basic` in any case; `at` is where the word begins.
pub(super) fn scheme(bytes: &[u8], at: usize) -> Option<Found> {
    let is = |word: &[u8]| bytes.get(at..at + word.len()).is_some_and(|here| here.eq_ignore_ascii_case(word));
    let (mark, after) = match byte(bytes, at + 1) {
        b'e' | b'E' if is(b"bearer ") => (BEARER, at + 7),
        b'a' | b'A' if is(b"basic ") => (BASIC, at + 6),
        _ => return None,
    };
    if before(bytes, at).is_ascii_alphanumeric() {
        return None;
    }
    let start = run(bytes, after, |byte| byte == b' ');
    let end = run(bytes, start, is_token68);
    let token = bytes.get(start..end)?;
    // `Basic authentication` is no credential, `Basic YTpiYw==` is one; `Bearer realm="…"` asks for one.
    let asks = token.ends_with(b"=") && byte(bytes, end) == b'"';
    let is_likely = looks_random(token) || mark == BEARER && byte(bytes, at) == b'B' && !is_prose(token);
    (!asks && is_likely).then_some(Found { start, end, mark })
}

/// What people write behind `Bearer` when they write about it.
fn is_prose(token: &[u8]) -> bool {
    const WORDS: [&[u8]; 7] = [b"token", b"auth", b"scheme", b"header", b"format", b"credential", b"missing"];
    token.len() < 6
        || WORDS.iter().any(|word| token.get(..word.len()).is_some_and(|t| t.eq_ignore_ascii_case(word)))
}
