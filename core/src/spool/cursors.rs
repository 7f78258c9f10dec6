//! One cursor for each destination: the next sequence it is to get. Written anew and renamed at each change.
//!
//! The file is never forced to the disk: after a power failure an older one, or none, means that some batches are sent
//! twice, and never that one is not sent.

use super::directory::Directory;
use super::error::SpoolError;
use super::fields::{Fields, put_counted, seal, unseal};

pub(super) const CURSORS: &str = "cursors";

const MAGIC: [u8; 8] = *b"tfcursr\n";
const VERSION: u32 = 1;
/// Far above what any configuration has.
const LARGEST: u64 = 1 << 20;

/// Destinations by their keys, with their cursors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cursors {
    pub(super) keys: Vec<String>,
    pub(super) next: Vec<u64>,
}

impl Cursors {
    pub(super) fn new(keys: &[String]) -> Self {
        Self { keys: keys.to_vec(), next: vec![0; keys.len()] }
    }

    /// Below this every destination has everything. Without destinations nobody has anything.
    pub(super) fn lowest(&self) -> u64 {
        self.next.iter().copied().min().unwrap_or_default()
    }

    pub(super) fn highest(&self) -> u64 {
        self.next.iter().copied().max().unwrap_or_default()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        for (key, next) in self.keys.iter().zip(&self.next) {
            bytes.extend_from_slice(&next.to_le_bytes());
            put_counted(key.as_bytes(), &mut bytes);
        }
        seal(bytes)
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(unseal(bytes)?);
        if fields.array() != Some(MAGIC) || fields.u32() != Some(VERSION) {
            return None;
        }
        let mut cursors = Self::default();
        while !fields.is_empty() {
            cursors.next.push(fields.u64()?);
            cursors.keys.push(fields.text()?);
        }
        Some(cursors)
    }

    pub(super) fn save(&self, directory: &Directory) -> Result<(), SpoolError> {
        directory.replace(CURSORS, &self.encode())
    }

    /// `None` when the file is missing or damaged.
    pub(super) fn load(directory: &Directory) -> Option<Self> {
        Self::decode(&directory.contents(CURSORS, LARGEST).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(pairs in prop::collection::vec((".{0,20}", any::<u64>()), 0..6)) {
            let (keys, next) = pairs.into_iter().unzip();
            let cursors = Cursors { keys, next };
            prop_assert_eq!(Cursors::decode(&cursors.encode()), Some(cursors));
        }

        #[test]
        fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(Cursors::decode(&bytes), None);
            // Sealed, so that the fields behind the checksum are reached too.
            let mut sealed = MAGIC.to_vec();
            sealed.extend_from_slice(&VERSION.to_le_bytes());
            sealed.extend_from_slice(&bytes);
            if let Some(cursors) = Cursors::decode(&seal(sealed)) {
                prop_assert_eq!(cursors.keys.len(), cursors.next.len());
            }
        }
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let bytes = Cursors { keys: vec!["a".into(), "b".into()], next: vec![3, 9] }.encode();
        for at in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            assert_eq!(Cursors::decode(&flipped), None, "bit {at}");
        }
    }

    #[test]
    fn no_destination_has_everything_when_there_is_none() {
        assert_eq!(Cursors::default().lowest(), 0);
        assert_eq!(Cursors { keys: vec![], next: vec![4, 2, 7] }.lowest(), 2);
    }
}
