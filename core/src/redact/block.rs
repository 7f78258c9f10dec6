//! Sixteen bytes at a time: which of them may begin, join or end a secret.
//!
//! Every pattern of [`scan`](super::scan) has a byte of a small set at a known place, or is a run of digits.

/// Where to look in a block of sixteen bytes: one bit a byte, the first byte lowest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Marks {
    /// `-` `=` `:` `_` `I` `B` `b` `J` `j`.
    pub(super) hits: u32,
    /// The second of two neighbouring aligned groups of four numeric bytes: blanks, digits and the
    /// punctuation between them in ASCII. Any 13 numeric bytes in a row hold such a pair.
    pub(super) pairs: u32,
}

const HIT: u8 = 1;
const NUMERIC: u8 = 2;
const ONES: u64 = 0x0101_0101_0101_0101;

impl Marks {
    /// The marks of sixteen bytes. `carry` tells whether the block before ended with a numeric group.
    #[inline(always)]
    pub(super) fn of(block: &[u8; 16], carry: &mut u32) -> Self {
        let mut marked = [0u8; 16];
        // Compilers make a handful of vector instructions of this loop, on every processor that has them.
        // Bits that two wanted bytes differ in are masked away: `-` and `=`; `B`, `b`, `J` and `j`.
        for (mark, &byte) in marked.iter_mut().zip(block) {
            let hit = (byte & 0xef == b'-')
                | (byte & 0xd7 == b'B')
                | (byte == b':')
                | (byte == b'_')
                | (byte == b'I');
            let numeric = byte.wrapping_sub(b' ') <= b'9' - b' ';
            *mark = (u8::from(hit) * HIT) | (u8::from(numeric) * NUMERIC);
        }
        let marked = u128::from_le_bytes(marked);
        let (low, high) = (marked as u64, (marked >> 64) as u64);
        let groups = (group(low), group(high));
        if (low | high) & ONES | groups.0 | groups.1 == 0 {
            *carry = 0;
            return Self::default();
        }
        let groups = bits(groups.0) | bits(groups.1) << 8;
        let pairs = groups & (groups << 4 | *carry);
        *carry = groups >> 12;
        Self { hits: bits(low & ONES) | bits(high & ONES) << 8, pairs }
    }
}

/// The first and the fifth byte are one where a group of four numeric bytes begins there.
#[inline(always)]
fn group(marked: u64) -> u64 {
    let numeric = marked >> 1 & ONES;
    let runs = numeric & numeric >> 8;
    runs & runs >> 16 & 0x0000_0001_0000_0001
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
    fn plain(bytes: &[u8; 16], carry: &mut u32) -> Marks {
        let mut marks = Marks::default();
        for (at, byte) in bytes.iter().enumerate() {
            marks.hits |= u32::from(b"-=:_IBbJj".contains(byte)) << at;
        }
        for (group, bytes) in bytes.chunks(4).enumerate() {
            let numeric = u32::from(bytes.iter().all(|byte| (b' '..=b'9').contains(byte)));
            marks.pairs |= (numeric & *carry) << (4 * group);
            *carry = numeric;
        }
        marks
    }

    #[test]
    fn each_byte_is_marked_as_it_should_be() {
        for byte in 0..=255 {
            let mut bytes = [b'a'; 16];
            (bytes[0], bytes[7], bytes[8], bytes[15]) = (byte, byte, byte, byte);
            assert_eq!(Marks::of(&bytes, &mut 0), plain(&bytes, &mut 0), "{byte}");
        }
    }

    proptest! {
        #[test]
        fn marks_are_where_their_bytes_are(
            bytes in prop_oneof![any::<[u8; 16]>(), prop::array::uniform16(b'*'..b'A')],
            carry in 0u32..2,
        ) {
            let (mut fast, mut slow) = (carry, carry);
            prop_assert_eq!(Marks::of(&bytes, &mut fast), plain(&bytes, &mut slow));
            prop_assert_eq!(fast, slow);
        }

        #[test]
        fn thirteen_numeric_bytes_hold_a_pair_of_groups(before in 0usize..40, extra in 0usize..20) {
            let mut text = vec![b'a'; before];
            text.extend(vec![b'4'; 13 + extra]);
            text.resize(text.len().next_multiple_of(16) + 16, b'a');
            let (mut carry, mut seen) = (0, 0);
            for block in text.chunks_exact(16) {
                seen |= Marks::of(block.try_into().unwrap(), &mut carry).pairs;
            }
            prop_assert_ne!(seen, 0);
        }
    }
}
