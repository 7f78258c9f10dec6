//! What a killed process had both on disk and still in its lanes. A batch is appended before its place in a lane is
//! given back, and whoever empties the lanes of a dead process may be killed at it as well.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use tracer_factory_ring::Records;

use crate::spool::{Orphan, SpoolError};

/// The newest records of a spool, as two keyed hashes each: a mistake would lose a span, and 128 bits make none.
pub(super) struct Newest {
    keys: [RandomState; 2],
    records: HashSet<(u64, u64)>,
}

impl Newest {
    /// At least the last `spans` of what was appended: lanes that hold so many share no older ones with the disk.
    pub(super) fn of(orphan: &mut Orphan, spans: u64) -> Self {
        let mut newest = Self { keys: [RandomState::new(), RandomState::new()], records: HashSet::new() };
        let end = orphan.next_sequence();
        let (mut next, mut back) = (end, 1);
        while next > 0 && orphan.pending(next).spans < spans {
            next = end.saturating_sub(back);
            back *= 2;
        }
        loop {
            match orphan.read(next) {
                Ok(found) => {
                    let Some(stored) = found.stored else { break };
                    next = stored.sequence.saturating_add(1);
                    newest.add(&stored.records);
                }
                Err(SpoolError::Unreadable { sequence, .. }) => next = sequence.saturating_add(1),
                // What can't be read is delivered twice at worst.
                Err(_) => break,
            }
        }
        newest
    }

    fn add(&mut self, records: &[u8]) {
        let hashes: Vec<_> = each(records).map(|record| self.hash(record)).collect();
        self.records.extend(hashes);
    }

    /// Leaves out the records that are among the newest.
    pub(super) fn leave_out(&self, records: Vec<u8>) -> Vec<u8> {
        if self.records.is_empty() {
            return records;
        }
        each(&records)
            .filter(|record| !self.records.contains(&self.hash(record)))
            .flatten()
            .copied()
            .collect()
    }

    fn hash(&self, record: &[u8]) -> (u64, u64) {
        let [first, second] = &self.keys;
        (first.hash_one(record), second.hash_one(record))
    }
}

/// Each record with its header.
fn each(records: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut walk = Records::new(records);
    let mut rest = records;
    std::iter::from_fn(move || {
        walk.next()?;
        let (record, left) = rest.split_at(rest.len() - walk.rest().len());
        rest = left;
        Some(record)
    })
}

#[cfg(test)]
mod tests {
    use tracer_factory_ring::RecordHeader;

    use super::*;

    fn records(numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
        let mut out = Vec::new();
        for number in numbers {
            let span = number.to_le_bytes();
            let header = RecordHeader { len: 8, start_unix_nanos: 1, ..RecordHeader::default() };
            header.append_to(&span, &mut out);
        }
        out
    }

    #[test]
    fn only_what_is_there_is_left_out() {
        let mut newest = Newest { keys: [RandomState::new(), RandomState::new()], records: HashSet::new() };
        assert_eq!(newest.leave_out(records(0..5)), records(0..5));
        newest.add(&records(3..10));
        assert_eq!(newest.leave_out(records(0..5)), records(0..3));
        assert_eq!(newest.leave_out(records(4..12)), records(10..12));
        assert!(newest.leave_out(records(3..10)).is_empty());
    }
}
