//! One cursor for each destination: the next sequence it is to get.
//!
//! The file is put in place whole. From then on it is written in place, into one of two slots in turn, each with its
//! own checksum: a write that is cut short leaves the other slot as it was. That takes no room on a full disk, and a
//! fiftieth of what another file and a rename take, for each batch that is delivered.
//!
//! It is never forced to the disk: after a power failure an older slot, or none, means that some batches are sent
//! twice, and never that one is not sent.

use std::fs::File;

use super::directory::Directory;
use super::error::SpoolError;
use super::fields::{Fields, put_counted, seal, unseal};

pub(super) const CURSORS: &str = "cursors";

const MAGIC: [u8; 8] = *b"tfcursr\n";
const VERSION: u32 = 1;
/// Far above what any configuration has.
const LARGEST: u64 = 1 << 20;

/// Destinations by their keys, with their cursors.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    pub(super) keys: Vec<String>,
    pub(super) next: Vec<u64>,
    generation: u64,
    /// Once it is there.
    file: Option<File>,
}

impl Cursors {
    pub(super) fn new(keys: &[String]) -> Self {
        Self { keys: keys.to_vec(), next: vec![0; keys.len()], generation: 0, file: None }
    }

    /// One more destination, which the next save writes with a new file.
    pub(super) fn add(&mut self, key: &str, next: u64) {
        self.keys.push(key.to_owned());
        self.next.push(next);
        self.file = None;
    }

    /// Below this every destination has everything. Without destinations nobody has anything.
    pub(super) fn lowest(&self) -> u64 {
        self.next.iter().copied().min().unwrap_or_default()
    }

    pub(super) fn highest(&self) -> u64 {
        self.next.iter().copied().max().unwrap_or_default()
    }

    /// Writes them, whole or not at all.
    pub(super) fn save(&mut self, directory: &Directory) -> Result<(), SpoolError> {
        let Some(file) = &self.file else {
            directory.replace(CURSORS, &self.encode())?;
            let file = directory.open_or_create(CURSORS);
            self.file = Some(file.map_err(|error| directory.error_at("open", CURSORS, error))?);
            return Ok(());
        };
        let generation = self.generation + 1;
        let slot = self.slot(generation);
        let at = self.head().len() + slot.len() * usize::from(!generation.is_multiple_of(2));
        let written = directory.write_at(file, &[&slot], at as u64);
        written.map_err(|error| directory.error_at("write", CURSORS, error))?;
        self.generation = generation;
        Ok(())
    }

    /// `None` when the file is missing or damaged.
    pub(super) fn load(directory: &Directory) -> Option<Self> {
        let mut cursors = Self::decode(&directory.contents(CURSORS, LARGEST).ok()?)?;
        cursors.file = directory.open_or_create(CURSORS).ok();
        Some(cursors)
    }

    /// The file's length.
    pub(super) fn bytes(&self) -> u64 {
        (self.head().len() + 2 * self.slot(0).len()) as u64
    }

    fn head(&self) -> Vec<u8> {
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(&(self.keys.len() as u32).to_le_bytes());
        for key in &self.keys {
            put_counted(key.as_bytes(), &mut head);
        }
        seal(head)
    }

    fn slot(&self, generation: u64) -> Vec<u8> {
        let numbers = std::iter::once(&generation).chain(&self.next);
        seal(numbers.flat_map(|number| number.to_le_bytes()).collect())
    }

    /// The whole file, the other slot still unwritten.
    fn encode(&self) -> Vec<u8> {
        let mut file = self.head();
        let slot = self.slot(self.generation);
        let unwritten = vec![0; slot.len()];
        let slots = if self.generation.is_multiple_of(2) { [slot, unwritten] } else { [unwritten, slot] };
        file.extend(slots.into_iter().flatten());
        file
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        if fields.array() != Some(MAGIC) || fields.u32() != Some(VERSION) {
            return None;
        }
        let mut keys = Vec::new();
        for _ in 0..fields.u32()? {
            keys.push(fields.text()?);
        }
        fields.u32()?;
        let (head, slots) = bytes.split_at_checked(bytes.len() - fields.left())?;
        unseal(head)?;
        let length = 8 + 8 * keys.len() + 4;
        let (generation, next) = slots.chunks_exact(length).take(2).filter_map(decode_slot).max()?;
        Some(Self { keys, next, generation, file: None })
    }
}

fn decode_slot(slot: &[u8]) -> Option<(u64, Vec<u64>)> {
    let mut fields = Fields::new(unseal(slot)?);
    let generation = fields.u64()?;
    let mut next = Vec::new();
    while !fields.is_empty() {
        next.push(fields.u64()?);
    }
    Some((generation, next))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cursors(keys: &[&str], next: &[u64]) -> Cursors {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        Cursors { keys, next: next.to_vec(), generation: 0, file: None }
    }

    /// A file as two saves leave it: both slots written.
    fn twice_written(before: &[u64], now: &[u64]) -> Vec<u8> {
        let mut cursors = cursors(&["a", "b"], before);
        let mut file = cursors.encode();
        cursors.next = now.to_vec();
        let slot = cursors.slot(1);
        let at = file.len() - slot.len();
        file[at..].copy_from_slice(&slot);
        file
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(
            pairs in prop::collection::vec((".{0,20}", any::<u64>()), 0..6),
            generation in any::<u64>(),
        ) {
            let (keys, next): (Vec<String>, Vec<u64>) = pairs.into_iter().unzip();
            let bytes = Cursors { keys: keys.clone(), next: next.clone(), generation, file: None }.encode();
            let decoded = Cursors::decode(&bytes).unwrap();
            prop_assert_eq!((decoded.keys, decoded.next, decoded.generation), (keys, next, generation));
        }

        #[test]
        fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Cursors::decode(&bytes).is_none());
            // Behind an intact beginning, so that what follows is reached too.
            let mut file = cursors(&["a", "b"], &[1, 2]).head();
            file.extend_from_slice(&bytes);
            prop_assert!(Cursors::decode(&file).is_none());
            let mut head = MAGIC.to_vec();
            head.extend_from_slice(&VERSION.to_le_bytes());
            head.extend_from_slice(&bytes);
            prop_assert!(Cursors::decode(&head).is_none());
        }
    }

    #[test]
    fn a_flipped_bit_means_the_ones_before_or_none() {
        let intact = twice_written(&[3, 9], &[4, 10]);
        assert_eq!(Cursors::decode(&intact).unwrap().next, [4, 10]);
        let (mut newest, mut before, mut none) = (0, 0, 0);
        for bit in 0..intact.len() * 8 {
            let mut flipped = intact.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match Cursors::decode(&flipped).map(|cursors| (cursors.keys, cursors.next)) {
                Some((keys, next)) if next == [4, 10] && keys == ["a", "b"] => newest += 1,
                Some((keys, next)) if next == [3, 9] && keys == ["a", "b"] => before += 1,
                None => none += 1,
                other => panic!("bit {bit}: {other:?}"),
            }
        }
        let slot = 8 * (8 + 2 * 8 + 4);
        assert_eq!((newest, before, none), (slot, slot, intact.len() * 8 - 2 * slot));
    }

    #[test]
    fn a_slot_cut_short_means_the_one_before() {
        let before = twice_written(&[3, 9], &[4, 10]);
        let head = cursors(&["a", "b"], &[]).head().len();
        // Generation 2 goes over the first slot.
        let slot = cursors(&["a", "b"], &[5, 11]).slot(2);
        for written in 0..slot.len() {
            let mut torn = before.clone();
            torn[head..head + written].copy_from_slice(&slot[..written]);
            let next = Cursors::decode(&torn).unwrap().next;
            assert_eq!(next, [4, 10], "{written} bytes");
        }
    }

    #[test]
    fn no_destination_has_everything_when_there_is_none() {
        assert_eq!(Cursors::default().lowest(), 0);
        assert_eq!(cursors(&["a", "b", "c"], &[4, 2, 7]).lowest(), 2);
    }
}
