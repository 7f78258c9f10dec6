//! An attribute's name with a hash of all of it, which is a constant wherever the name is one.

/// A name and its hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    pub(crate) text: &'a str,
    pub(crate) hash: u64,
}

impl<'a> Name<'a> {
    #[inline(always)]
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, hash: hash(text.as_bytes()) }
    }

    /// One of 64, as a byte's place and a bit of that.
    #[inline(always)]
    pub(super) fn bit(self) -> (usize, u8) {
        ((self.hash >> 61) as usize, 1 << (self.hash >> 58 & 7))
    }
}

const ODD: [u64; 4] =
    [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03, 0x8cb9_2ba7_2f3d_8dd7, 0xaef1_7502_108e_f2d9];

/// Of all bytes, so that two names with one hash are as good as impossible; never zero.
///
/// Up to 32 bytes it is made of (overlapping) words without a loop: the compiler then works it out for a literal.
#[inline(always)]
fn hash(bytes: &[u8]) -> u64 {
    // The words overlap by what only the length says.
    let len = ODD[1].wrapping_add(ODD[2].wrapping_mul(bytes.len() as u64));
    let short = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => mix(word(first) ^ ODD[0], word(last) ^ len),
        _ => mix(few(bytes) ^ ODD[0], len),
    };
    let hash = match (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
        (Some([.., a, b, c, d, e, f, g, h]), Some([i, j, k, l, m, n, o, p, ..])) => {
            let inner = (word(&[*a, *b, *c, *d, *e, *f, *g, *h]), word(&[*i, *j, *k, *l, *m, *n, *o, *p]));
            short ^ mix(inner.0 ^ ODD[2], inner.1 ^ ODD[3])
        }
        _ => short,
    };
    if bytes.len() > 32 { long(bytes, hash) } else { hash | 1 }
}

#[inline(always)]
fn word(bytes: &[u8; 8]) -> u64 {
    u64::from_le_bytes(*bytes)
}

/// Fewer than eight bytes as a word.
#[inline(always)]
fn few(bytes: &[u8]) -> u64 {
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>(), bytes) {
        (Some(first), Some(last), _) => {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        }
        (_, _, [a, .., z]) => u64::from(*a) << 16 | u64::from(bytes[bytes.len() / 2]) << 8 | u64::from(*z),
        (_, _, [a]) => u64::from(*a),
        _ => 0,
    }
}

/// The middle of a long name comes on top.
#[inline(never)]
fn long(bytes: &[u8], ends: u64) -> u64 {
    let words = bytes.as_chunks::<8>().0.iter();
    let ends = ends ^ bytes.len() as u64;
    words.fold(ends, |hash, bytes| mix(hash ^ ODD[2], word(bytes) ^ ODD[3])) | 1
}

#[inline(always)]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_byte_counts() {
        let mut seen = HashMap::new();
        for len in 0..80 {
            let zeros = vec![b'a'; len];
            assert!(seen.insert(hash(&zeros), zeros.clone()).is_none(), "length {len}");
            for at in 0..len {
                let mut one = zeros.clone();
                one[at] = b'b';
                let before = seen.insert(hash(&one), one.clone());
                assert!(before.is_none(), "{one:?} and {before:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn different_names_have_different_hashes(a in "[a-c.]{0,40}", b in "[a-c.]{0,40}") {
            prop_assert_eq!(hash(a.as_bytes()) == hash(b.as_bytes()), a == b);
        }
    }
}
