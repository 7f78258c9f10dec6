//! One secret in a text, and the small questions that all searches ask of bytes.

/// Where a secret stands, and what takes its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) mark: &'static str,
}

pub(super) const PLAIN: &str = "[redacted]";
pub(super) const JWT: &str = "[redacted:jwt]";
pub(super) const PRIVATE_KEY: &str = "[redacted:private-key]";
pub(super) const API_KEY: &str = "[redacted:api-key]";
pub(super) const BEARER: &str = "[redacted:bearer]";
pub(super) const BASIC: &str = "[redacted:basic]";
pub(super) const CARD: &str = "[redacted:card]";
pub(super) const QUERY: &str = "[redacted:query]";

const MARKS: [&str; 8] = [PLAIN, JWT, PRIVATE_KEY, API_KEY, BEARER, BASIC, CARD, QUERY];

/// True where one of the marks stands, which is left as it is.
pub(super) fn is_mark(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'[') && MARKS.iter().any(|mark| bytes.starts_with(mark.as_bytes()))
}

/// True for one of the marks and nothing else.
pub(super) fn is_mark_alone(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'[') && MARKS.iter().any(|mark| bytes == mark.as_bytes())
}

/// The byte at `at`, zero outside.
#[inline(always)]
pub(super) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// The byte before `at`, zero at the beginning.
#[inline(always)]
pub(super) fn before(bytes: &[u8], at: usize) -> u8 {
    at.checked_sub(1).map_or(0, |at| byte(bytes, at))
}

/// Where the run of bytes that `belongs` accepts ends, from `start` on.
#[inline]
pub(super) fn run(bytes: &[u8], start: usize, belongs: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let len = rest.iter().position(|byte| !belongs(*byte)).unwrap_or(rest.len());
    looked_at(len + 1);
    start + len
}

// Bytes that searches of this thread have read: a test counts them, because time is not to be relied on.
#[cfg(test)]
thread_local!(pub(super) static LOOKED_AT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) });

/// Said by every search whose length the text decides.
#[inline(always)]
pub(super) fn looked_at(bytes: usize) {
    #[cfg(test)]
    LOOKED_AT.set(LOOKED_AT.get() + bytes as u64);
    #[cfg(not(test))]
    let _ = bytes;
}

/// What base64 for URLs consists of.
pub(super) fn is_base64_url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// What an `Authorization` header's token consists of.
pub(super) fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

/// Whether a text is more likely a credential than a word of prose (`Bearer token missing`).
pub(super) fn looks_random(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_suffix(b".").unwrap_or(bytes);
    let mixed = || bytes.windows(2).any(|two| two[0].is_ascii_lowercase() && two[1].is_ascii_uppercase());
    bytes.len() >= 16
        || bytes.len() >= 4 && (bytes.iter().any(u8::is_ascii_digit) || bytes.ends_with(b"=") || mixed())
}
