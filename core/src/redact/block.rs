//! Sixteen bytes at a time: which of them may begin, join or end a secret.
//!
//! Every pattern of [`scan`](super::scan) has a byte of a small set at a known place, or is a run of digits.

/// Where to look in a block of sixteen bytes: one bit a byte, the first byte lowest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Marks {
    /// `-` `=` `:` `_` `I` `B` `b` `J` `j`.
    pub(super) hits: u32,
    /// Blanks, digits and the punctuation between them in ASCII: all that a grouped number consists of.
    pub(super) numeric: u32,
}

impl Marks {
    /// The marks of sixteen bytes.
    #[inline(always)]
    pub(super) fn of(block: &[u8; 16]) -> Self {
        const HIT: u8 = 1;
        const NUMERIC: u8 = 2;
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
        Self {
            hits: bits(low) | bits(high) << 8,
            numeric: bits(low / u64::from(NUMERIC)) | bits(high / u64::from(NUMERIC)) << 8,
        }
    }

    /// One bit for each second of two neighbouring aligned groups of four numeric bytes. Any 13
    /// numeric bytes in a row hold such a pair. `carry` tells whether the block before ended with a group.
    #[inline(always)]
    pub(super) fn numeric_pairs(self, carry: &mut u32) -> u32 {
        let runs = self.numeric & self.numeric >> 1;
        let groups = runs & runs >> 2 & 0x1111;
        let pairs = groups & (groups << 4 | *carry);
        *carry = groups >> 12;
        pairs
    }
}

/// The lowest bit of each of eight bytes, side by side.
#[inline(always)]
fn bits(bytes: u64) -> u32 {
    ((bytes & 0x0101_0101_0101_0101).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(bytes: &[u8; 16]) -> Marks {
        let mask = |wanted: &dyn Fn(u8) -> bool| {
            bytes.iter().enumerate().map(|(at, byte)| u32::from(wanted(*byte)) << at).sum()
        };
        Marks { hits: mask(&|b| b"-=:_IBbJj".contains(&b)), numeric: mask(&|b| (b' '..=b'9').contains(&b)) }
    }

    #[test]
    fn each_byte_is_marked_as_it_should_be() {
        for byte in 0..=255 {
            let mut bytes = [b'a'; 16];
            (bytes[0], bytes[7], bytes[8], bytes[15]) = (byte, byte, byte, byte);
            assert_eq!(Marks::of(&bytes), plain(&bytes), "{byte}");
        }
    }

    proptest! {
        #[test]
        fn marks_are_where_their_bytes_are(bytes in any::<[u8; 16]>()) {
            prop_assert_eq!(Marks::of(&bytes), plain(&bytes));
        }

        #[test]
        fn thirteen_numeric_bytes_hold_a_pair_of_groups(before in 0usize..40, extra in 0usize..20) {
            let mut text = vec![b'a'; before];
            text.extend(vec![b'4'; 13 + extra]);
            text.resize(text.len().next_multiple_of(16) + 16, b'a');
            let (mut carry, mut seen) = (0, 0);
            for block in text.chunks_exact(16) {
                seen |= Marks::of(block.try_into().unwrap()).numeric_pairs(&mut carry);
            }
            prop_assert_ne!(seen, 0);
        }
    }
}
