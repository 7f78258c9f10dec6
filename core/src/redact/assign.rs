//! Values that follow a secret's name in a text: `password=…`, `"apiKey": "…"`, `Cookie: …`, `?token=…`.

use super::found::{Found, PLAIN, before, byte, is_mark, is_mark_alone, looked_at, looks_random, run};
use super::keys::{KeyRules, Secret};
use super::words;
use crate::config::UrlQuery;

/// The longest name before a `=` or `:`.
const LONGEST_NAME: usize = 64;

/// The value behind the `=` or `:` at `at`, when the name before it is a secret's.
pub(super) fn value(text: &str, at: usize, rules: &KeyRules, query: UrlQuery) -> Option<Found> {
    let bytes = text.as_bytes();
    let is_equals = byte(bytes, at) == b'=';
    let (name_start, name_end) = name_before(bytes, at)?;
    let is_parameter = is_equals && matches!(before(bytes, name_start), b'?' | b'&');
    if is_parameter && query == UrlQuery::Keep {
        return None;
    }
    if is_parameter && query == UrlQuery::All && before(bytes, name_start) == b'?' {
        return super::url::rest_of_query(bytes, name_start);
    }
    let name = text.get(name_start..name_end)?;
    let secret = if is_parameter { rules.secret_parameter(name) } else { rules.secret(name) }?;
    let is_header = !is_equals && is_header(name);
    let (start, end, quoted) = value_after(bytes, at, is_equals, is_header)?;
    let value = bytes.get(start..end)?;
    let unlikely = secret == Secret::Likely && !is_equals && !looks_random(value);
    let is_clean =
        value.is_empty() || is_mark_alone(value) || !quoted && is_word_of_syntax(value) || unlikely;
    (!is_clean).then_some(Found { start, end, mark: PLAIN })
}

/// False only where [`value`] finds nothing: the letters of no secret's name stand before `at`, in any order.
#[inline(always)]
pub(super) fn may_follow_name(bytes: &[u8], at: usize, rules: &KeyRules, query: UrlQuery) -> bool {
    if query == UrlQuery::All || rules.has_additions() {
        return true;
    }
    let mut end = at;
    // At most a blank, a quote, a backslash and a bracket are between.
    for _ in 0..4 {
        if !is_name(before(bytes, end)) {
            end = end.saturating_sub(1);
        }
    }
    let head = bytes.get(end.saturating_sub(LONGEST_NAME)..end).unwrap_or_default();
    let mut letters = 0;
    for byte in head.iter().rev() {
        let class = NAME[*byte as usize];
        if class & NO_NAME != 0 {
            break;
        }
        letters |= class;
        looked_at(1);
    }
    words::may_be_secret(letters)
}

#[inline(always)]
fn is_name(byte: u8) -> bool {
    NAME[byte as usize] & NO_NAME == 0
}

const NO_NAME: u32 = 1 << 31;

/// What names consist of: a bit for each letter, which upper and lower case share, and none for the rest.
const NAME: [u32; 256] = {
    let mut name = [NO_NAME; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        if byte.is_ascii_alphabetic() {
            name[at] = words::letter(byte);
        } else if byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.') || !byte.is_ascii() {
            name[at] = 0;
        }
        at += 1;
    }
    name
};

/// The name that ends before `at`, in quotes or not.
fn name_before(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut end = at;
    if before(bytes, end) == b' ' {
        end -= 1;
    }
    if matches!(before(bytes, end), b'"' | b'\'' | b'`') {
        end -= 1;
        if before(bytes, end) == b'\\' {
            end -= 1;
        }
    }
    // `user[password]=…`: the name stands between the brackets. A mark does not count as one.
    let in_brackets = before(bytes, end) == b']';
    end -= usize::from(in_brackets);
    let head = bytes.get(end.saturating_sub(LONGEST_NAME)..end)?;
    let len = head.iter().rev().position(|byte| !is_name(*byte)).unwrap_or(head.len());
    looked_at(len);
    let start = end - len;
    if in_brackets && before(bytes, start) != b'[' {
        return None;
    }
    // A cut inside a character would be no text.
    let start = start + bytes.get(start..end)?.iter().position(|byte| byte & 0xc0 != 0x80)?;
    (start < end).then_some((start, end))
}

/// Headers hold blanks: their values reach to the end of the line.
fn is_header(name: &str) -> bool {
    let ends = |word: &str| {
        name.len()
            .checked_sub(word.len())
            .and_then(|at| name.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    ends("authorization") || ends("cookie")
}

/// Where the value behind `at` stands, and whether it is in quotes.
fn value_after(bytes: &[u8], at: usize, is_equals: bool, is_header: bool) -> Option<(usize, usize, bool)> {
    let mut start = at + 1;
    match byte(bytes, start) {
        // A comparison, a path of Rust or C++; but Ruby's `=>` assigns.
        b'=' | b':' => return None,
        b'>' if is_equals => start += 1,
        _ => {}
    }
    let blank = |byte: u8| matches!(byte, b' ' | b'\t');
    start = run(bytes, start, blank);
    // Behind `name=` a blank begins something else, unless blanks stand on both sides.
    if is_equals && start > at + 1 && byte(bytes, at + 1) != b'>' && before(bytes, at) != b' ' {
        return None;
    }
    for opening in [b"Some(".as_slice(), b"[", b"("] {
        if bytes.get(start..).is_some_and(|rest| rest.starts_with(opening)) && !is_mark(bytes.get(start..)?) {
            let inner = run(bytes, start + opening.len(), |byte| blank(byte) || byte == b'\n');
            let is_quoted = matches!(byte(bytes, inner), b'"' | b'\'' | b'\\');
            start = if is_quoted { inner } else { start };
        }
    }
    let escaped = byte(bytes, start) == b'\\';
    let quote = byte(bytes, start + usize::from(escaped));
    if matches!(quote, b'"' | b'\'' | b'`') {
        start += 1 + usize::from(escaped);
        return Some((start, closing_quote(bytes, start, quote, escaped), true));
    }
    let rest = bytes.get(start..)?;
    // A private key holds blanks and line ends; it is found by its own look.
    if is_mark(rest) && !is_header || rest.starts_with(b"-----BEGIN ") {
        return None;
    }
    // An inner value, which has names of its own.
    if matches!(rest.first(), Some(b'{' | b'[' | b'(')) && !is_header {
        return None;
    }
    let end = if is_header {
        run(bytes, start, |byte| !matches!(byte, b'\r' | b'\n' | b'"' | b'\'' | b'`' | b'\\'))
    } else {
        let end = run(bytes, start, is_unquoted);
        // `authorization=Bearer x`: the scheme alone would be no secret.
        let scheme = bytes.get(start..end)?;
        let schemes = [b"bearer".as_slice(), b"basic", b"digest", b"token", b"apikey"];
        let is_scheme = schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known));
        if is_scheme { run(bytes, run(bytes, end, blank), is_unquoted) } else { end }
    };
    Some((start, end, false))
}

/// Where a quoted value ends: before its closing quote, or where the text does.
fn closing_quote(bytes: &[u8], start: usize, quote: u8, escaped: bool) -> usize {
    let mut at = start;
    while at < bytes.len() {
        match byte(bytes, at) {
            b'\\' if escaped && byte(bytes, at + 1) == quote => return at,
            b'\\' => at += 1,
            found if found == quote => return at,
            _ => {}
        }
        at += 1;
        looked_at(1);
    }
    bytes.len()
}

fn is_unquoted(byte: u8) -> bool {
    !matches!(
        byte,
        0..=b' ' | b'&' | b',' | b';' | b'"' | b'\'' | b'`' | b')' | b']' | b'}' | b'<' | b'>' | b'\\' | 0x7f
    )
}

/// What stands for no value.
fn is_word_of_syntax(value: &[u8]) -> bool {
    matches!(value, b"null" | b"None" | b"true" | b"false" | b"nil" | b"undefined")
}
