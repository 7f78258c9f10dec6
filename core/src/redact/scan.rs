//! One pass over a text: marked bytes are looked at, the rest is skipped sixteen bytes at a time.
//!
//! Every search either consumes what it read, reads at most a fixed length, or remembers how far it
//! read in vain, so the whole stays linear.

use super::assign;
use super::block::Marks;
use super::cards::{self, Cards};
use super::found::{Found, before, byte, looked_at};
use super::keys::KeyRules;
use super::{tokens, url};
use crate::config::UrlQuery;

/// Texts shorter than this hold no secret that could be told from a word.
pub(super) const SHORTEST: usize = 12;

/// The text without its secrets; `None` when there is none in it.
#[inline]
pub(super) fn scan(text: &str, rules: &KeyRules, query: UrlQuery) -> Option<String> {
    let bytes = text.as_bytes();
    let mut scan = Scan { text, rules, query, state: None, has_at_sign: None };
    let mut carry = 0;
    let mut base = 0;
    while let Some(block) = bytes.get(base..).and_then(|rest| rest.first_chunk()) {
        scan.look(base, Marks::of(u128::from_le_bytes(*block), &mut carry));
        base += 16;
    }
    if base < bytes.len() {
        scan.look(base, Marks::of(tail(bytes, bytes.len() - base), &mut carry));
    }
    scan.state.and_then(|state| state.finish(text))
}

/// The same without any haste: every byte is looked at.
#[cfg(test)]
pub(super) fn scan_everywhere(text: &str, rules: &KeyRules, query: UrlQuery) -> Option<String> {
    let mut state = State::default();
    for at in 0..text.len() {
        state.visit(text, at, rules, query);
    }
    state.finish(text)
}

/// The last `len` bytes of a text that has eight at least, the first of them lowest and zeros above.
#[inline(always)]
fn tail(bytes: &[u8], len: usize) -> u128 {
    let whole = match bytes.last_chunk::<16>() {
        Some(last) => return u128::from_le_bytes(*last) >> (8 * (16 - len)),
        None => bytes,
    };
    let (Some(low), Some(high)) = (whole.first_chunk::<8>(), whole.last_chunk::<8>()) else { return 0 };
    u128::from(u64::from_le_bytes(*low)) | u128::from(u64::from_le_bytes(*high)) << (8 * (len - 8))
}

/// A text on its way through: what is worth it is visited, which few bytes of a clean text are.
struct Scan<'a> {
    text: &'a str,
    rules: &'a KeyRules,
    query: UrlQuery,
    state: Option<State>,
    /// Whether there is an `@`, which every user in a URL ends with, behind the first `://`.
    has_at_sign: Option<bool>,
}

impl Scan<'_> {
    #[inline(always)]
    fn look(&mut self, base: usize, marks: Marks) {
        let mut hits = marks.hits | marks.pairs;
        while hits != 0 {
            let place = hits.trailing_zeros();
            let at = base + place as usize;
            hits &= hits - 1;
            if self.is_worth(at, marks.pairs >> place & 1 != 0) {
                let state = self.state.get_or_insert_default();
                state.visit(self.text, at, self.rules, self.query);
            }
        }
    }

    /// Whether the neighbours of a marked byte let it be part of a secret.
    #[inline(always)]
    fn is_worth(&mut self, at: usize, is_pair: bool) -> bool {
        let bytes = self.text.as_bytes();
        match byte(bytes, at) {
            b'-' | b'_' => is_pair && cards::may_be_in(bytes, at) || tokens::may_end_prefix(bytes, at),
            b'B' | b'b' => tokens::may_begin_word(bytes, at),
            b'=' => {
                !matches!(before(bytes, at), b'=' | b'!' | b'<' | b'>')
                    && assign::may_follow_name(bytes, at, self.rules, self.query)
            }
            b':' => match byte(bytes, at + 1) {
                b':' => false,
                b'/' if byte(bytes, at + 2) == b'/' => {
                    self.query == UrlQuery::All || self.has_at_sign_behind(at)
                }
                _ => before(bytes, at) != b':' && assign::may_follow_name(bytes, at, self.rules, self.query),
            },
            b'I' => matches!((before(bytes, at), byte(bytes, at + 1)), (b'A', b'z') | (b'K' | b'S', b'A')),
            b'J' => before(bytes, at) == b'y',
            _ => cards::may_be_in(bytes, at),
        }
    }

    #[inline(always)]
    fn has_at_sign_behind(&mut self, at: usize) -> bool {
        *self.has_at_sign.get_or_insert_with(|| {
            let rest = self.text.as_bytes().get(at..).unwrap_or_default();
            looked_at(rest.len());
            let is_in = |bytes: &[u8]| bytes.iter().fold(false, |found, byte| found | (*byte == b'@'));
            // Whole chunks are compared at once.
            let (chunks, last) = rest.as_chunks::<16>();
            chunks.iter().any(|chunk| is_in(chunk)) || is_in(last)
        })
    }
}

/// What was found so far, and how far each search has read in vain.
#[derive(Default)]
struct State {
    out: String,
    /// Up to here the text is in `out`, or what stands for it.
    copied: usize,
    /// Up to here nothing is looked at again.
    done: usize,
    cards: Cards,
    jwt_failed: usize,
    query_read: usize,
    /// No `@` is between where it was last looked for and here.
    at_sign: usize,
}

impl State {
    #[inline(never)]
    fn visit(&mut self, text: &str, at: usize, rules: &KeyRules, query: UrlQuery) {
        if at < self.done {
            return;
        }
        let bytes = text.as_bytes();
        let found = match byte(bytes, at) {
            b':' if bytes.get(at + 1..at + 3) == Some(b"//") => self.url(text, at, query),
            b':' | b'=' => assign::value(text, at, rules, query),
            b'_' => tokens::prefixed(bytes, at),
            b'-' => tokens::prefixed(bytes, at).or_else(|| self.card(bytes, at)),
            b'I' => tokens::capitals(bytes, at),
            b'J' => tokens::jwt(bytes, at, &mut self.jwt_failed),
            b'b' | b'B' => tokens::pem(text, at).or_else(|| tokens::scheme(bytes, at)),
            _ => self.card(bytes, at),
        };
        if let Some(found) = found {
            self.take(text, found);
        }
    }

    fn card(&mut self, bytes: &[u8], at: usize) -> Option<Found> {
        if self.cards.is_new(at) { self.cards.find(bytes, at) } else { None }
    }

    fn url(&mut self, text: &str, at: usize, query: UrlQuery) -> Option<Found> {
        let bytes = text.as_bytes();
        if self.at_sign < at {
            let next = text.get(at..).and_then(|rest| rest.find('@'));
            self.at_sign = next.map_or(usize::MAX, |next| at + next);
            looked_at(self.at_sign.min(text.len()) - at);
        }
        if let Some(found) = url::user_info(bytes, at, self.at_sign) {
            self.take(text, found);
        }
        if query != UrlQuery::All || at < self.query_read {
            return None;
        }
        url::query(bytes, at + 3, &mut self.query_read)
    }

    fn take(&mut self, text: &str, found: Found) {
        // What was copied already stays as it is; the end is always beyond.
        let start = found.start.max(self.copied);
        if found.end <= start {
            return;
        }
        self.out.push_str(text.get(self.copied..start).unwrap_or_default());
        self.out.push_str(found.mark);
        self.copied = found.end;
        self.done = found.end;
    }

    fn finish(mut self, text: &str) -> Option<String> {
        if self.copied == 0 {
            return None;
        }
        self.out.push_str(text.get(self.copied..).unwrap_or_default());
        Some(self.out)
    }
}
