//! The names a thread has found clean, so that a name seen before costs one comparison.

use super::Redactor;

/// Names longer than this are judged anew each time.
const LONGEST: usize = 44;
const PLACES: usize = 64;

/// A small table of whole names: one that only resembles a clean name is never taken for it. One a
/// thread, and for one redactor only.
#[derive(Debug)]
pub struct CleanKeys {
    places: [Place; PLACES],
}

#[derive(Clone, Copy, Debug)]
struct Place {
    len: u32,
    name: [u8; LONGEST],
}

impl Default for CleanKeys {
    fn default() -> Self {
        Self { places: [Place { len: u32::MAX, name: [0; LONGEST] }; PLACES] }
    }
}

impl CleanKeys {
    /// Whether the name's values may be kept. `hash` may be any function of the name; a good one spreads its low bits.
    #[inline(always)]
    pub fn is_clean(&mut self, redactor: &Redactor, name: &str, hash: u32) -> bool {
        let place = &self.places[hash as usize % PLACES];
        if place.len as usize == name.len() && place.name.get(..name.len()) == Some(name.as_bytes()) {
            return true;
        }
        self.judge(redactor, name, hash)
    }

    #[inline(never)]
    fn judge(&mut self, redactor: &Redactor, name: &str, hash: u32) -> bool {
        if redactor.key_is_secret(name) {
            return false;
        }
        let place = &mut self.places[hash as usize % PLACES];
        if let Some(kept) = place.name.get_mut(..name.len()) {
            kept.copy_from_slice(name.as_bytes());
            place.len = name.len() as u32;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::RedactConfig;

    #[test]
    fn names_that_share_a_place_are_told_apart() {
        let (redactor, mut keys) = (Redactor::new(&RedactConfig::default()), CleanKeys::default());
        for _ in 0..3 {
            assert!(keys.is_clean(&redactor, "app.usership.name", 7));
            assert!(!keys.is_clean(&redactor, "app.password.note", 7));
            assert!(keys.is_clean(&redactor, "", 7));
        }
    }

    proptest! {
        #[test]
        fn the_table_never_says_otherwise_than_the_rules(
            names in prop::collection::vec("(db|user|api|max)[._](key|token|tokens|id|password|x{0,40})", 1..50),
            hash in any::<u32>(),
        ) {
            let (redactor, mut keys) = (Redactor::new(&RedactConfig::default()), CleanKeys::default());
            for name in &names {
                let hash = hash ^ name.len() as u32;
                prop_assert_eq!(keys.is_clean(&redactor, name, hash), !redactor.key_is_secret(name));
            }
        }
    }
}
