//! Segments that were damaged: each flipped bit, each truncation, garbage.

use proptest::prelude::*;

use super::*;
use crate::spool::moment::Moment;
use crate::spool::scan::{load, scan};
use crate::spool::segment::{HEADER, Header, RECORD_HEADER, RecordHeader};

const RECORDS: u64 = 20;
const RECORDS_START: usize = HEADER + CONTEXT.len();

/// The bytes of a segment with twenty records.
fn a_segment() -> Vec<u8> {
    let (header, mut bytes) = Header::new(0, Moment::now(), CONTEXT);
    for sequence in 0..RECORDS {
        bytes.extend_from_slice(&a_record(sequence, header.seal));
    }
    bytes
}

fn a_record(sequence: u64, seal: u32) -> Vec<u8> {
    let payload = payload(sequence);
    let (length, sum) = (payload.len() as u32, crc32fast::hash(&payload));
    let header = RecordHeader { length, sum, spans: spans(sequence), sequence, elapsed: 0 };
    let mut bytes = header.encode(seal).to_vec();
    bytes.extend_from_slice(&payload);
    bytes
}

/// The records that can be read from a segment's bytes; none of them may be wrong.
fn readable(bytes: &[u8]) -> Vec<u64> {
    let Ok(scanned) = scan(bytes) else { return Vec::new() };
    let mut seen = Vec::new();
    for entry in scanned.entries {
        if let Some(records) = load(bytes, scanned.header.seal, entry).unwrap() {
            assert_eq!((&records, entry.spans), (&payload(entry.sequence), spans(entry.sequence)));
            seen.push(entry.sequence);
        }
    }
    seen
}

#[test]
fn each_flipped_bit_costs_one_record_at_most_or_the_segment_when_it_is_in_its_header() {
    let intact = a_segment();
    assert_eq!(readable(&intact).len() as u64, RECORDS);
    for bit in 0..intact.len() * 8 {
        let mut flipped = intact.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let seen = readable(&flipped).len() as u64;
        if bit / 8 < RECORDS_START {
            assert_eq!(seen, 0, "bit {bit}: without its context no record has a meaning");
        } else {
            assert_eq!(seen, RECORDS - 1, "bit {bit}");
        }
    }
}

#[test]
fn each_byte_of_a_segment_file_may_be_damaged() {
    let base = tempfile::tempdir().unwrap();
    // Two segments of twenty records each, so that the second shows what the damage to the first costs beyond it.
    let mut spool = spool(options(base.path()));
    (0..RECORDS).for_each(|sequence| append(&mut spool, sequence));
    spool.set_context(b"another").unwrap();
    (RECORDS..2 * RECORDS).for_each(|sequence| append(&mut spool, sequence));
    let directory = spool.directory().to_owned();
    drop(spool);
    let file = segment_files(&directory).remove(0);
    let intact = std::fs::read(&file).unwrap();
    for at in 0..intact.len() {
        let mut damaged = intact.clone();
        damaged[at] ^= 0xff;
        std::fs::write(&file, damaged).unwrap();
        let mut orphan = open(&directory);
        let mut lost = 0;
        let seen = sequences(|from| {
            let found = orphan.read(from).unwrap();
            lost += found.lost.len();
            found
        });
        let damage = orphan.take_damage();
        assert!(seen.ends_with(&(RECORDS..2 * RECORDS).collect::<Vec<_>>()), "byte {at}: the other segment");
        if at < RECORDS_START {
            assert_eq!((seen.len() as u64, damage.segments), (RECORDS, 1), "byte {at}");
        } else {
            assert_eq!((seen.len() as u64, damage.records), (2 * RECORDS - 1, 1), "byte {at}");
            // A record whose header is intact is named to whoever counts.
            let in_header = damage.spans == 0;
            assert_eq!(lost, usize::from(!in_header), "byte {at}");
        }
    }
    let quarantined = std::fs::read_dir(base.path().join("quarantine")).unwrap().count();
    assert!((1..=16).contains(&quarantined), "bounded, however many were bad: {quarantined}");
}

#[test]
fn a_segment_cut_anywhere_keeps_its_whole_records() {
    let intact = a_segment();
    let (header, _) = Header::new(0, Moment::now(), CONTEXT);
    let mut end = RECORDS_START;
    let ends: Vec<usize> = (0..RECORDS)
        .map(|sequence| {
            end += a_record(sequence, header.seal).len();
            end
        })
        .collect();
    for length in 0..intact.len() {
        let whole = ends.iter().filter(|end| **end <= length).count();
        assert_eq!(readable(&intact[..length]).len(), whole, "{length} bytes");
    }
}

#[test]
fn a_torn_tail_is_cut_off_and_counted_once() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(options(base.path()));
    (0..3).for_each(|sequence| append(&mut spool, sequence));
    let directory = spool.directory().to_owned();
    drop(spool);
    let file = segment_files(&directory).remove(0);
    let intact = std::fs::read(&file).unwrap();
    std::fs::write(&file, &intact[..intact.len() - 5]).unwrap();
    let mut orphan = open(&directory);
    assert_eq!(all_of(&mut orphan), [0, 1]);
    assert_eq!(orphan.take_damage().tails, 1);
    orphan.append(2, spans(2), &payload(2)).unwrap();
    assert_eq!(all_of(&mut orphan), [0, 1, 2]);
    drop(orphan);
    let mut again = open(&directory);
    assert_eq!(all_of(&mut again), [0, 1, 2]);
    assert!(again.take_damage().is_none());
}

#[test]
fn a_segment_that_was_only_begun_is_a_torn_tail() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(options(base.path()));
    append(&mut spool, 0);
    let directory = spool.directory().to_owned();
    drop(spool);
    let segment = a_segment();
    for length in [0, 1, HEADER - 1, HEADER, RECORDS_START - 1, RECORDS_START, RECORDS_START + 5] {
        std::fs::write(directory.join("00000000000000aa.segment"), &segment[..length]).unwrap();
        let mut orphan = open(&directory);
        let damage = orphan.take_damage();
        assert_eq!((damage.records, damage.segments), (0, 0), "{length} bytes");
        assert_eq!(all_of(&mut orphan), [0]);
        assert_eq!(segment_files(&directory).len(), 1, "{length} bytes");
    }
    assert!(!base.path().join("quarantine").exists());
}

#[test]
fn a_length_beyond_the_file_allocates_nothing() {
    let (header, mut bytes) = Header::new(0, Moment::now(), CONTEXT);
    bytes.extend_from_slice(&a_record(0, header.seal));
    let huge = RecordHeader { length: u32::MAX, sum: 0, spans: 1, sequence: 1, elapsed: 0 };
    bytes.extend_from_slice(&huge.encode(header.seal));
    let scanned = scan(&bytes[..]).unwrap();
    assert_eq!((scanned.entries.len(), scanned.damage.tails), (1, 1));
    assert_eq!(readable(&bytes), [0]);
}

#[test]
fn a_payload_can_not_pretend_to_be_a_record() {
    let base = tempfile::tempdir().unwrap();
    let (forged, mut bytes) = Header::new(0, Moment { boot: 1, since_boot: 2, wall: 3 }, CONTEXT);
    bytes.extend_from_slice(&a_record(7, forged.seal));
    let mut spool = spool(options(base.path()));
    spool.append(0, 1, &bytes).unwrap();
    let directory = spool.directory().to_owned();
    drop(spool);
    let file = segment_files(&directory).remove(0);
    let mut damaged = std::fs::read(&file).unwrap();
    // The length of the record that holds it: now its payload is searched for the next header.
    damaged[RECORDS_START + 4] ^= 1;
    std::fs::write(&file, damaged).unwrap();
    assert_eq!(open(&directory).read(0).unwrap(), Found::default());
}

#[test]
fn a_missing_segment_is_a_gap() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(SpoolOptions { segment_bytes: 400, ..options(base.path()) });
    (0..40).for_each(|sequence| append(&mut spool, sequence));
    let directory = spool.directory().to_owned();
    let files = segment_files(&directory);
    std::fs::remove_file(&files[2]).unwrap();
    let gap = all_before_the_gap(&mut spool);
    let found = spool.read(gap).unwrap();
    assert!(!found.lost.is_empty());
    let (first, resumed) = (found.lost[0].sequence, found.stored.unwrap().sequence);
    assert_eq!(resumed - first, found.lost.len() as u64);
    let damage = spool.take_damage();
    assert_eq!((damage.segments, damage.records), (1, found.lost.len() as u64));
    assert_eq!(damage.spans, found.lost.iter().map(|batch| u64::from(batch.spans)).sum::<u64>());
    spool.cursors(&[40, 40]).unwrap();
    assert!(spool.is_empty());

    // The next process sees only the gap.
    append(&mut spool, 40);
    drop(spool);
    assert_eq!(all_of(&mut open(&directory)), [40]);
}

/// The first sequence whose read has to skip something.
fn all_before_the_gap(spool: &mut Spool) -> u64 {
    (0..40).find(|from| !spool.read(*from).unwrap().lost.is_empty()).unwrap()
}

#[test]
fn bad_cursors_mean_from_the_start() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(options(base.path()));
    (0..4).for_each(|sequence| append(&mut spool, sequence));
    spool.cursors(&[2, 3]).unwrap();
    let directory = spool.directory().to_owned();
    drop(spool);
    std::fs::write(directory.join("cursors"), b"garbage").unwrap();
    let mut orphan = open(&directory);
    assert_eq!((orphan.destinations(), orphan.cursor(0), orphan.cursor(1)), (&keys()[..], 0, 0));
    assert_eq!(orphan.take_damage().files, 1);
    assert_eq!(all_of(&mut orphan), [0, 1, 2, 3]);
    drop(orphan);
    std::fs::remove_file(directory.join("cursors")).unwrap();
    std::fs::remove_file(directory.join("identity")).unwrap();
    let mut orphan = open(&directory);
    assert_eq!((orphan.destinations().len(), orphan.take_damage().files), (0, 2));
    assert_eq!(**orphan.context(), *CONTEXT, "the last segment's");
    assert_eq!(all_of(&mut orphan), [0, 1, 2, 3]);
}

proptest! {
    #[test]
    fn garbage_is_never_more_than_garbage(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(readable(&bytes).is_empty());
        // Behind an intact header, so that the search for records runs over it.
        let (_, mut segment) = Header::new(0, Moment::now(), CONTEXT);
        segment.extend_from_slice(&bytes);
        prop_assert!(readable(&segment).is_empty());
    }

    #[test]
    fn an_overwritten_stretch_costs_what_it_touches(
        at in RECORDS_START..1500usize,
        garbage in prop::collection::vec(any::<u8>(), 1..200),
    ) {
        let mut bytes = a_segment();
        let end = (at + garbage.len()).min(bytes.len());
        let touched = garbage.len().div_ceil(RECORD_HEADER + 40) + 1;
        bytes[at..end].copy_from_slice(&garbage[..end - at]);
        prop_assert!(readable(&bytes).len() + touched >= RECORDS as usize);
    }

    #[test]
    fn inserted_bytes_cost_one_record(at in RECORDS_START..1500usize, bytes in prop::collection::vec(any::<u8>(), 1..99)) {
        let mut segment = a_segment();
        segment.splice(at..at, bytes);
        prop_assert!(readable(&segment).len() + 1 >= RECORDS as usize);
    }
}
