//! Sixteen bytes at a time: which of them may begin, join or end a secret.
//!
//! Every pattern of [`scan`](super::scan) has a byte of a small set at a known place, or is a run of digits.

/// Where to look in a block of sixteen bytes: one bit a byte, the first byte lowest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Marks {
    /// `-` `=` `:` `_` `I` `J` `B` `b`.
    pub(super) hits: u32,
    /// The first byte of the second of two neighbouring aligned groups of four that may both be part of a card:
    /// digits, blanks and `-`, at most one of which is no digit. Any 13 digits with single separators
    /// between groups of four or more hold such a pair.
    pub(super) pairs: u32,
}

const HIT: u8 = 1;
const DIGIT: u8 = 2;
/// Digits and what separates their groups.
const NUMERIC: u8 = 4;
const ONES: u64 = 0x0101_0101_0101_0101;

impl Marks {
    /// The marks of sixteen bytes. `carry` tells whether the block before ended with a group of digits.
    #[inline(always)]
    pub(super) fn of(block: u128, carry: &mut u32) -> Self {
        let mut marked = [0u8; 16];
        // Compilers make a handful of vector instructions of this loop, on every processor that has them.
        // Bits that two wanted bytes differ in are masked away: `-` and `=`; `B` and `b`.
        for (mark, byte) in marked.iter_mut().zip(block.to_le_bytes()) {
            let hit = (byte & 0xef == b'-')
                | (byte & 0xdf == b'B')
                | (byte == b'J')
                | (byte == b':')
                | (byte == b'_')
                | (byte == b'I');
            let digit = byte.wrapping_sub(b'0') <= 9;
            let numeric = digit | (byte == b'-') | (byte == b' ');
            *mark = (u8::from(hit) * HIT) | (u8::from(digit) * DIGIT) | (u8::from(numeric) * NUMERIC);
        }
        let marked = u128::from_le_bytes(marked);
        let (low, high) = (marked as u64, (marked >> 64) as u64);
        let any = low | high;
        let hits = match any & ONES {
            0 => 0,
            _ => bits(low & ONES) | bits(high & ONES) << 8,
        };
        let pairs = match any & (ONES * u64::from(DIGIT)) {
            0 => {
                *carry = 0;
                0
            }
            _ => pairs(low, high, carry),
        };
        Self { hits, pairs }
    }
}

#[inline(always)]
fn pairs(low: u64, high: u64, carry: &mut u32) -> u32 {
    let whole = (whole_groups(low), whole_groups(high));
    if whole.0 | whole.1 == 0 {
        *carry = 0;
        return 0;
    }
    let groups = bits(whole.0 & mostly_digits(low)) | bits(whole.1 & mostly_digits(high)) << 8;
    let pairs = groups & (groups << 4 | *carry);
    *carry = groups >> 12;
    pairs
}

/// The first and the fifth byte are one where a group of four numeric bytes begins there.
#[inline(always)]
fn whole_groups(marked: u64) -> u64 {
    let runs = marked & marked >> 8;
    ((runs & runs >> 16) / u64::from(NUMERIC)) & 0x0000_0001_0000_0001
}

/// A byte is one where at least three digits are among it and the three behind it.
#[inline(always)]
fn mostly_digits(marked: u64) -> u64 {
    let digits = (marked / u64::from(DIGIT)) & ONES;
    // Three of four are both of one half, and one of the other.
    let (both, any) = (digits & digits >> 8, digits | digits >> 8);
    both & any >> 16 | both >> 16 & any
}

/// Eight bytes of zero or one, side by side.
#[inline(always)]
fn bits(bytes: u64) -> u32 {
    (bytes.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the fast way computes, in words.
    fn plain(bytes: [u8; 16], carry: &mut u32) -> Marks {
        let mut marks = Marks::default();
        for (at, byte) in bytes.iter().enumerate() {
            marks.hits |= u32::from(b"-=:_IJBb".contains(byte)) << at;
        }
        for (group, bytes) in bytes.chunks(4).enumerate() {
            let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
            let others = bytes.iter().filter(|byte| matches!(byte, b' ' | b'-')).count();
            let is_group = u32::from(digits >= 3 && digits + others == 4);
            marks.pairs |= (is_group & *carry) << (4 * group);
            *carry = is_group;
        }
        marks
    }

    #[test]
    fn each_byte_is_marked_as_it_should_be() {
        for byte in 0..=255 {
            for other in [b'a', b'4'] {
                let mut bytes = [other; 16];
                (bytes[0], bytes[7], bytes[8], bytes[15]) = (byte, byte, byte, byte);
                assert_eq!(Marks::of(u128::from_le_bytes(bytes), &mut 0), plain(bytes, &mut 0), "{byte}");
            }
        }
    }

    proptest! {
        #[test]
        fn marks_are_where_their_bytes_are(
            bytes in prop_oneof![any::<[u8; 16]>(), prop::array::uniform16(b'*'..b'A')],
            carry in 0u32..2,
        ) {
            let (mut fast, mut slow) = (carry, carry);
            prop_assert_eq!(Marks::of(u128::from_le_bytes(bytes), &mut fast), plain(bytes, &mut slow));
            prop_assert_eq!(fast, slow);
        }

        #[test]
        fn thirteen_digits_hold_a_pair_of_groups(
            before in 0usize..40, groups in prop::collection::vec(4usize..20, 1..5), last in 0usize..4,
        ) {
            let digits: usize = groups.iter().sum();
            prop_assume!(digits + last >= 13);
            let separated = groups.iter().map(|len| "4".repeat(*len)).collect::<Vec<_>>().join("-");
            let mut text = format!("{}{separated} {}", "a".repeat(before), "4".repeat(last)).into_bytes();
            text.resize(text.len().next_multiple_of(16) + 16, b'a');
            let (mut carry, mut seen) = (0, 0);
            for block in text.chunks_exact(16) {
                seen |= Marks::of(u128::from_le_bytes(block.try_into().unwrap()), &mut carry).pairs;
            }
            prop_assert_ne!(seen, 0, "{}", separated);
        }
    }
}
