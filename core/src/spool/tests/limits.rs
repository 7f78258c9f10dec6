//! The cap, the floor of free space, the age.

use std::time::Duration;

use super::*;
use crate::spool::segment::{HEADER, RECORD_HEADER};
use crate::spool::{EvictReason, Limit, Moment, SpoolError};

#[test]
fn files_never_take_more_than_the_cap_and_one_record() {
    let base = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    for max_bytes in [3_000, 20_000, 100_000] {
        let mut spool = spool(SpoolOptions { max_bytes, segment_bytes: 4_000, ..options(base.path()) });
        let (mut evicted, mut largest) = (Vec::new(), 0);
        for sequence in 0..600 {
            let records = vec![0x5a; random.usize(1..1_500)];
            largest = largest.max(RECORD_HEADER + records.len());
            loop {
                match spool.append(sequence, 1, &records) {
                    Ok(()) => break,
                    Err(SpoolError::Full { limit: Limit::MaxBytes, .. }) => {
                        let gone =
                            spool.evict_oldest().unwrap().expect("a full spool has something to give up");
                        assert_eq!(gone.reason, EvictReason::MaxBytes);
                        evicted.extend(gone.batches.iter().map(|batch| batch.sequence));
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            let used = on_disk(spool.directory());
            assert!(used <= max_bytes + largest as u64, "{used} of {max_bytes}");
            assert!(spool.bytes() >= used);
        }
        let mut left = Vec::new();
        while let Some(stored) = spool.read(left.last().map_or(0, |last| last + 1)).unwrap().stored {
            left.push(stored.sequence);
        }
        // The oldest went, each was named once, and the rest is still there.
        evicted.extend(&left);
        assert_eq!(evicted, (0..600).collect::<Vec<_>>());
        assert!(!left.is_empty());
    }
}

#[test]
fn evicting_after_each_append_keeps_room() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(SpoolOptions { max_bytes: 10_000, segment_bytes: 1_000, ..options(base.path()) });
    for sequence in 0..500 {
        append(&mut spool, sequence);
        while spool.evict_oldest().unwrap().is_some() {}
    }
    assert_eq!(spool.read(0).unwrap().stored.unwrap().sequence, spool_first(&spool));
}

fn spool_first(spool: &Spool) -> u64 {
    let first = segment_files(spool.directory()).remove(0);
    u64::from_str_radix(first.file_stem().unwrap().to_str().unwrap(), 16).unwrap()
}

#[test]
fn a_cap_with_no_room_for_anything_is_full_and_says_so() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(SpoolOptions { max_bytes: HEADER as u64, ..options(base.path()) });
    let full = spool.append(0, 1, b"x").unwrap_err();
    assert!(matches!(full, SpoolError::Full { limit: Limit::MaxBytes, .. }));
    assert!(full.to_string().contains("TRACER_SPOOL_MAX_BYTES"), "{full}");
    assert_eq!(spool.evict_oldest().unwrap(), None);
}

#[test]
fn below_the_floor_of_free_space_nothing_is_added() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(SpoolOptions { min_free_bytes: u64::MAX, ..options(base.path()) });
    let full = spool.append(0, 1, b"x").unwrap_err();
    assert!(matches!(full, SpoolError::Full { limit: Limit::FreeSpace, .. }));
    assert_eq!(on_disk(spool.directory()), spool.bytes() - identity_length(&spool));
    assert_eq!(spool.evict_oldest().unwrap(), None, "there is nothing to give up");
}

fn identity_length(spool: &Spool) -> u64 {
    spool.directory().join("identity").metadata().unwrap().len()
}

#[test]
fn what_is_too_old_goes_segment_by_segment() {
    let base = tempfile::tempdir().unwrap();
    let max_age = Duration::from_secs(100);
    let mut spool = spool(SpoolOptions { max_age, segment_bytes: 100, ..options(base.path()) });
    (0..3).for_each(|sequence| append(&mut spool, sequence));
    let now = Moment::now();
    assert_eq!(spool.expire(&now).unwrap(), None);
    // The wall clock may say what it likes.
    let ten_years = 10 * 365 * 24 * 3600 * 1000;
    for wall in [now.wall + ten_years, now.wall - ten_years] {
        assert_eq!(spool.expire(&Moment { wall, ..now }).unwrap(), None);
    }
    let later = now.plus(101_000);
    for sequence in 0..3 {
        let expired = spool.expire(&later).unwrap().unwrap();
        assert_eq!((expired.reason, expired.batches[0].sequence), (EvictReason::Age, sequence));
    }
    assert_eq!(spool.expire(&later).unwrap(), None);
}

#[test]
fn an_orphan_knows_its_age() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(options(base.path()));
    append(&mut spool, 0);
    let directory = spool.directory().to_owned();
    drop(spool);
    let mut orphan = open(&directory);
    assert_eq!(orphan.bytes(), segment_files(&directory)[0].metadata().unwrap().len());
    let later = Moment::now().plus(60_000);
    assert!(orphan.age(&later).unwrap() >= Duration::from_secs(60));
    assert!(orphan.age(&later).unwrap() < Duration::from_secs(120));
    assert_eq!(orphan.expire(&later, Duration::from_secs(120)).unwrap(), None);
    assert_eq!(orphan.expire(&later, Duration::from_secs(50)).unwrap().unwrap().batches.len(), 1);
    assert_eq!(orphan.age(&later), None);
}
