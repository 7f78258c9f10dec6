//! Card numbers: 13 to 19 digits of a known network with a right check digit, whole or in groups.

use super::found::{CARD, Found, before, byte, looked_at};

const FEWEST: usize = 13;
const MOST: usize = 19;
/// How the digits of cards are grouped in print.
const GROUPINGS: [&[usize]; 6] =
    [&[4, 4, 4, 4], &[4, 4, 4, 4, 3], &[4, 6, 5], &[4, 6, 4], &[4, 4, 5], &[4, 4, 4, 1]];

/// A run of digits and single separators, and how far it has been looked at.
#[derive(Default)]
pub(super) struct Cards {
    /// Everything before has been looked at.
    done: usize,
}

impl Cards {
    /// The first card at or after what was looked at, in the run of digits around `at`.
    pub(super) fn find(&mut self, bytes: &[u8], at: usize) -> Option<Found> {
        let head = bytes.get(self.done..at)?;
        let start = at - head.iter().rev().take_while(|byte| is_part(**byte)).count();
        let run = bytes.get(start..)?;
        let run = run.get(..run.iter().take_while(|byte| is_part(**byte)).count())?;
        let end = start + run.len();
        looked_at(3 * run.len());
        let digits = run.iter().filter(|byte| byte.is_ascii_digit()).count();
        let mut at = if digits >= FEWEST { start } else { end };
        while at < end {
            let here = byte(bytes, at);
            if here.is_ascii_digit()
                && !before(bytes, at).is_ascii_digit()
                && let Some(end) = card_at(bytes, at)
            {
                self.done = end;
                return Some(Found { start: at, end, mark: CARD });
            }
            at += 1;
        }
        self.done = self.done.max(end);
        None
    }

    /// True when the run around `at` is still to be looked at.
    #[inline(always)]
    pub(super) fn is_new(&self, at: usize) -> bool {
        at >= self.done
    }
}

/// Whether the four bytes at `at` and the four before them, which [`block`](super::block) has marked, may be part
/// of a card: the digits around have to be a group of one, or a whole one.
#[inline(always)]
pub(super) fn may_be_in(bytes: &[u8], at: usize) -> bool {
    let middle = if byte(bytes, at).is_ascii_digit() { at } else { at.saturating_sub(1) };
    // One digit more than a card has is enough to know.
    let head = bytes.get(..middle).unwrap_or_default();
    let before = head.iter().rev().take(MOST).take_while(|byte| byte.is_ascii_digit()).count();
    let tail = bytes.get(middle..).unwrap_or_default();
    let after = tail.iter().take(MOST).take_while(|byte| byte.is_ascii_digit()).count();
    looked_at(before + after);
    match before + after {
        // A single separator on either side of `middle`.
        0..=6 => true,
        FEWEST..=MOST => matches!(byte(bytes, middle - before), b'2'..=b'6'),
        _ => false,
    }
}

fn is_part(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b' ' | b'-')
}

/// Where the card that begins at `start` ends.
fn card_at(bytes: &[u8], start: usize) -> Option<usize> {
    let previous = before(bytes, start);
    // Part of an identifier, or the decimals of a number.
    if previous.is_ascii_alphanumeric() || previous == b'_' {
        return None;
    }
    if previous == b'.' && start >= 2 && byte(bytes, start - 2).is_ascii_digit() {
        return None;
    }
    let mut digits = [0; MOST];
    let whole = (start..).take_while(|at| byte(bytes, *at).is_ascii_digit()).take(MOST + 1).count();
    if whole >= FEWEST {
        return take(bytes, start, whole, &mut digits, 0).filter(|_| is_card(digits.get(..whole)));
    }
    if whole != 4 || !matches!(byte(bytes, start + 4), b' ' | b'-') {
        return None;
    }
    GROUPINGS.iter().find_map(|grouping| {
        let (mut at, mut count) = (start, 0);
        for (group, len) in grouping.iter().enumerate() {
            if group > 0 {
                if byte(bytes, at) != byte(bytes, start + 4) {
                    return None;
                }
                at += 1;
            }
            at = take(bytes, at, *len, &mut digits, count)?;
            count += len;
        }
        is_card(digits.get(..count)).then_some(at)
    })
}

/// Exactly `len` digits from `at` on; the end of them.
fn take(bytes: &[u8], at: usize, len: usize, digits: &mut [u8; MOST], count: usize) -> Option<usize> {
    let places = digits.get_mut(count..count + len)?;
    for (place, digit) in places.iter_mut().zip(bytes.get(at..at + len)?) {
        if !digit.is_ascii_digit() {
            return None;
        }
        *place = digit - b'0';
    }
    let next = byte(bytes, at + len);
    (!next.is_ascii_alphanumeric() && next != b'_').then_some(at + len)
}

/// A network's first digits, its lengths, and the check digit. Times in milliseconds, microseconds and
/// nanoseconds begin with 1 and are none.
fn is_card(digits: Option<&[u8]>) -> bool {
    let Some(digits) = digits.filter(|digits| digits.len() >= FEWEST) else { return false };
    let first = |count: usize| digits.iter().take(count).fold(0, |sum, digit| sum * 10 + u32::from(*digit));
    let network = match (first(1), digits.len()) {
        (4, 13 | 16 | 19) => true,
        (5 | 6, 16..=MOST) => true,
        (2, 16) => (2221..=2720).contains(&first(4)),
        (3, 14) => matches!(first(2), 36 | 38 | 39) || (300..=305).contains(&first(3)),
        (3, 15) => matches!(first(2), 34 | 37),
        (3, 16..=MOST) => (3528..=3589).contains(&first(4)),
        _ => false,
    };
    network && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (u32::from(*digit), place % 2) {
            (digit, 0) => digit,
            (digit, _) => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}
