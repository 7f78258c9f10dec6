//! What tells a span that is sent again from another one: 64 bits of all its bytes, under a key that nobody outside knows,
//! so that nobody can make two spans that pass for one. A trace remembers those of its spans.

use std::collections::HashSet;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

/// Below this many a walk is as fast as a set.
const WALKED: usize = 32;

/// The key; a store on disk keeps its own, so that fingerprints mean the same after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FingerprintKey(pub(super) [u64; 2]);

impl FingerprintKey {
    pub(super) fn random() -> Self {
        Self([RandomState::new().hash_one(1u8), RandomState::new().hash_one(2u8)])
    }

    /// Of `bytes`, after what `seed` is the fingerprint of.
    pub(super) fn of(self, seed: u64, bytes: &[u8]) -> u64 {
        let [start, factor] = self.0;
        let mut state = start ^ seed ^ (bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (words, rest) = bytes.as_chunks::<16>();
        for word in words {
            state = fold(state, factor, *word);
        }
        if !rest.is_empty() {
            let mut last = [0; 16];
            if let Some(to) = last.get_mut(..rest.len()) {
                to.copy_from_slice(rest);
            }
            state = fold(state, factor, last);
        }
        fold(state, factor, [0xa5; 16])
    }
}

fn fold(state: u64, factor: u64, word: [u8; 16]) -> u64 {
    let word = u128::from_le_bytes(word);
    let product = u128::from(state ^ word as u64) * u128::from(factor ^ (word >> 64) as u64);
    (product as u64) ^ (product >> 64) as u64 ^ state.rotate_left(29)
}

/// Those of a trace's spans, in the order they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Fingerprints {
    in_order: VecDeque<u64>,
    /// Only once there are many.
    set: HashSet<u64>,
}

impl Fingerprints {
    /// Adds it; false when it was there.
    pub(super) fn insert(&mut self, print: u64) -> bool {
        if self.set.is_empty() {
            if self.in_order.contains(&print) {
                return false;
            }
            if self.in_order.len() >= WALKED {
                self.set = self.in_order.iter().copied().chain([print]).collect();
            }
        } else if !self.set.insert(print) {
            return false;
        }
        self.in_order.push_back(print);
        true
    }

    /// Forgets the first `count`.
    pub(super) fn forget(&mut self, count: usize) {
        for print in self.in_order.drain(..count.min(self.in_order.len())) {
            self.set.remove(&print);
        }
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = u64> {
        self.in_order.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_and_the_length_count() {
        let key = FingerprintKey::random();
        let mut seen = HashSet::new();
        let bytes = [7u8; 50];
        for len in 0..=bytes.len() {
            assert!(seen.insert(key.of(0, &bytes[..len])));
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes;
                other[at] ^= 1 << bit;
                assert!(seen.insert(key.of(0, &other)), "{at} {bit}");
            }
        }
        assert_eq!(key.of(1, &bytes), key.of(1, &bytes));
        assert_ne!(key.of(1, &bytes), key.of(2, &bytes));
        assert_ne!(key.of(1, &bytes), FingerprintKey::random().of(1, &bytes));
    }

    #[test]
    fn few_and_many_are_remembered_and_forgotten_alike() {
        for many in [WALKED as u64 / 2, WALKED as u64 * 4] {
            let mut prints = Fingerprints::default();
            assert!((0..many).all(|print| prints.insert(print)));
            assert!((0..many).all(|print| !prints.insert(print)));
            prints.forget(3);
            assert!((0..many).all(|print| prints.insert(print) == (print < 3)));
            assert_eq!(prints.iter().len() as u64, many);
        }
    }
}
