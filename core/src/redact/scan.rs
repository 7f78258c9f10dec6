//! One pass over a text: marked bytes are looked at, the rest is skipped sixteen bytes at a time.
//!
//! Every search either consumes what it read, reads at most a fixed length, or remembers how far it
//! read in vain, so the whole stays linear.

use super::assign;
use super::block::Marks;
use super::cards::Cards;
use super::found::{Found, before, byte};
use super::keys::KeyRules;
use super::{tokens, url};
use crate::config::UrlQuery;

/// Texts shorter than this hold no secret that could be told from a word.
pub(super) const SHORTEST: usize = 12;

/// The text without its secrets; `None` when there is none in it.
#[inline]
pub(super) fn scan(text: &str, rules: &KeyRules, query: UrlQuery) -> Option<String> {
    let bytes = text.as_bytes();
    let mut state = None;
    let mut carry = 0;
    let mut base = 0;
    while let Some(block) = bytes.get(base..).and_then(|rest| rest.first_chunk()) {
        look(&mut state, text, base, Marks::of(block, &mut carry), rules, query);
        base += 16;
    }
    if base < bytes.len() {
        let last = tail(bytes, bytes.len() - base).to_le_bytes();
        look(&mut state, text, base, Marks::of(&last, &mut carry), rules, query);
    }
    state.and_then(|state| state.finish(text))
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

#[inline(always)]
fn look(state: &mut Option<State>, text: &str, base: usize, marks: Marks, rules: &KeyRules, query: UrlQuery) {
    let mut hits = marks.hits | marks.pairs;
    while hits != 0 {
        let place = hits.trailing_zeros();
        let at = base + place as usize;
        hits &= hits - 1;
        if is_worth(text.as_bytes(), at, marks.pairs >> place & 1 != 0) {
            state.get_or_insert_default().visit(text, at, rules, query);
        }
    }
}

/// Whether the neighbours of a marked byte let it be part of a secret.
#[inline(always)]
fn is_worth(bytes: &[u8], at: usize, is_numeric_pair: bool) -> bool {
    let (previous, next) = (before(bytes, at), byte(bytes, at + 1));
    match byte(bytes, at) {
        b'=' => !matches!(previous, b'=' | b'!' | b'<' | b'>'),
        b':' => previous != b':' && next != b':',
        b'-' | b'_' => is_numeric_pair || tokens::may_end_prefix(bytes, at),
        b'I' => matches!(previous, b'A' | b'K' | b'S'),
        b'J' => previous == b'y',
        b'B' | b'b' => matches!(next, b'e' | b'a' | b'E' | b'A'),
        b'j' => false,
        _ => true,
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
        if self.cards.is_new(bytes, at) { self.cards.find(bytes, at) } else { None }
    }

    fn url(&mut self, text: &str, at: usize, query: UrlQuery) -> Option<Found> {
        let bytes = text.as_bytes();
        if let Some(found) = url::user_info(bytes, at) {
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
