//! What goes in comes out: order, gaps, contexts, cursors, removal.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::spool::{Closed, Pending, SpoolError, Stored};

#[test]
fn batches_come_back_in_order_across_segments_and_gaps() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(SpoolOptions { segment_bytes: 400, ..options(base.path()) });
    let written: Vec<u64> = (0..40).filter(|sequence| sequence % 5 != 3).collect();
    for sequence in &written {
        append(&mut spool, *sequence);
    }
    assert!(segment_files(spool.directory()).len() > 5);
    assert_eq!(all(&mut spool), written);
    assert_eq!(spool.read(3).unwrap().stored.unwrap().sequence, 4);
    assert_eq!(spool.read(40).unwrap(), Found::default());
    let directory = spool.directory().to_owned();
    drop(spool);
    let mut orphan = open(&directory);
    assert_eq!(all_of(&mut orphan), written);
    assert!(orphan.take_damage().is_none());
    assert_eq!(orphan.next_sequence(), 40);
}

#[test]
fn readers_at_different_places_do_not_disturb_each_other() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(SpoolOptions { segment_bytes: 400, ..options(base.path()) });
    (0..60).for_each(|sequence| append(&mut spool, sequence));
    for step in 0..30 {
        for from in [step, 59 - step, (step * 7) % 60] {
            let Stored { sequence, records, .. } = spool.read(from).unwrap().stored.unwrap();
            assert_eq!((sequence, records), (from, payload(from)));
        }
    }
}

#[test]
fn sequences_only_go_up() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(options(base.path()));
    append(&mut spool, 4);
    for sequence in [4, 3, 0] {
        assert!(matches!(spool.append(sequence, 1, b"x"), Err(SpoolError::Order { last: 4, .. })));
    }
    append(&mut spool, 5);
    assert_eq!(all(&mut spool), [4, 5]);
}

#[test]
fn each_batch_keeps_the_context_it_was_appended_with() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(options(base.path()));
    append(&mut spool, 0);
    spool.set_context(CONTEXT).unwrap();
    append(&mut spool, 1);
    assert_eq!(segment_files(spool.directory()).len(), 1, "the same context needs no new segment");
    spool.set_context(b"another").unwrap();
    append(&mut spool, 2);
    spool.set_context(b"the last").unwrap();
    let directory = spool.directory().to_owned();
    let of = |sequence| spool.context_of(sequence).unwrap().to_vec();
    assert_eq!((of(0), of(1), of(2)), (CONTEXT.to_vec(), CONTEXT.to_vec(), b"another".to_vec()));
    drop(spool);
    let orphan = open(&directory);
    let of = |sequence| orphan.context_of(sequence).unwrap().to_vec();
    assert_eq!((of(0), of(1), of(2)), (CONTEXT.to_vec(), CONTEXT.to_vec(), b"another".to_vec()));
    assert_eq!(**orphan.context(), *b"the last", "what is in the ring was recorded under the last one");
}

#[test]
fn segments_leave_when_every_destination_has_them() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(SpoolOptions { segment_bytes: 400, ..options(base.path()) });
    (0..40).for_each(|sequence| append(&mut spool, sequence));
    let files = segment_files(spool.directory()).len();
    spool.cursors(&[40, 0]).unwrap();
    assert_eq!(segment_files(spool.directory()).len(), files, "one destination has nothing yet");
    assert!(!spool.is_empty());
    let of = |range: std::ops::Range<u64>| Pending {
        batches: range.end - range.start,
        spans: range.map(|sequence| u64::from(spans(sequence))).sum(),
    };
    assert_eq!((spool.pending(0), spool.pending(33), spool.pending(40)), (of(0..40), of(33..40), of(0..0)));
    spool.cursors(&[40, 20]).unwrap();
    assert!(segment_files(spool.directory()).len() < files);
    assert_eq!(spool.read(20).unwrap().stored.unwrap().sequence, 20);
    spool.cursors(&[40, 10]).unwrap();
    let directory = spool.directory().to_owned();
    drop(spool);
    let orphan = open(&directory);
    assert_eq!((orphan.destinations(), orphan.cursor(0), orphan.cursor(1)), (&keys()[..], 40, 20));
    assert_eq!(orphan.pending(20), of(20..40));
}

#[test]
fn a_spool_that_is_empty_takes_up_nothing_and_goes() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(options(base.path()));
    let empty = spool.bytes();
    (0..10).for_each(|sequence| append(&mut spool, sequence));
    spool.cursors(&[10, 10]).unwrap();
    assert_eq!(spool.bytes(), empty);
    assert!(segment_files(spool.directory()).is_empty());
    append(&mut spool, 10);
    assert_eq!(all(&mut spool), [10], "a removed segment is followed by a new one");
    spool.cursors(&[11, 11]).unwrap();
    std::fs::write(spool.ring_path(), b"ring").unwrap();
    let directory = spool.directory().to_owned();
    assert_eq!(spool.close(false).unwrap(), Closed::Removed);
    assert!(!directory.exists());
}

#[test]
fn what_is_pending_or_wanted_is_left() {
    let base = tempfile::tempdir().unwrap();
    let mut pending = spool(options(base.path()));
    append(&mut pending, 0);
    pending.cursors(&[1, 0]).unwrap();
    let directory = pending.directory().to_owned();
    assert_eq!(pending.close(false).unwrap(), Closed::Left);
    assert_eq!(all_of(&mut open(&directory)), [0]);

    let wanted = spool(options(base.path()));
    let directory = wanted.directory().to_owned();
    assert_eq!(wanted.close(true).unwrap(), Closed::Left);
    assert!(directory.exists());
}

#[test]
fn syncing_follows_the_setting() {
    let base = tempfile::tempdir().unwrap();
    let with = |fsync| spool(SpoolOptions { fsync, ..options(base.path()) });

    let mut never = with(Fsync::Never);
    append(&mut never, 0);
    assert!(never.take_unsynced().is_none());

    let mut later = with(Fsync::Every(Duration::from_secs(3600)));
    append(&mut later, 0);
    assert!(later.take_unsynced().is_none());

    let mut often = with(Fsync::Every(Duration::ZERO));
    assert!(often.take_unsynced().is_none(), "nothing was written");
    append(&mut often, 0);
    let first = often.take_unsynced().unwrap();
    assert!(first.directory.is_some(), "a new segment has a new name");
    std::thread::spawn(move || first.sync()).join().unwrap().unwrap();
    append(&mut often, 1);
    let second = often.take_unsynced().unwrap();
    assert_eq!((second.files.len(), second.directory.is_none()), (1, true));
    second.sync().unwrap();
    assert!(often.take_unsynced().is_none());

    let mut always = with(Fsync::Always);
    append(&mut always, 0);
    assert!(always.take_unsynced().is_none(), "it was synced before it counted as kept");
}

#[test]
fn what_was_removed_is_not_synced() {
    let base = tempfile::tempdir().unwrap();
    let every = Fsync::Every(Duration::ZERO);
    let mut spool = spool(SpoolOptions { fsync: every, segment_bytes: 100, ..options(base.path()) });
    (0..10).for_each(|sequence| append(&mut spool, sequence));
    spool.cursors(&[9, 9]).unwrap();
    assert_eq!(spool.take_unsynced().unwrap().files.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_batches_come_back_as_they_were(
        batches in prop::collection::vec((1u64..50, any::<u32>(), prop::collection::vec(any::<u8>(), 0..300)), 1..30),
        segment_bytes in 0u64..2000,
        context in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let base = tempfile::tempdir().unwrap();
        let options = SpoolOptions { segment_bytes, ..options(base.path()) };
        let mut spool = Spool::create(options, &[], &context).unwrap();
        let mut written = Vec::new();
        let mut sequence = 0;
        for (step, spans, records) in batches {
            sequence += step;
            spool.append(sequence, spans, &records).unwrap();
            written.push(Stored { sequence, spans, records });
        }
        let directory = spool.directory().to_owned();
        for stored in &written {
            let found = spool.read(stored.sequence).unwrap();
            prop_assert_eq!(found.stored.as_ref(), Some(stored));
        }
        prop_assert_eq!(spool.bytes(), on_disk(&directory) + of_the_identity(&directory));
        drop(spool);
        let mut orphan = open(&directory);
        for stored in &written {
            let found = orphan.read(stored.sequence).unwrap();
            prop_assert_eq!(found.stored.as_ref(), Some(stored));
        }
        prop_assert!(orphan.take_damage().is_none());
        prop_assert_eq!(orphan.context_of(0).unwrap().to_vec(), context);
    }
}

/// The second one, for which room is kept.
fn of_the_identity(directory: &Path) -> u64 {
    directory.join("identity").metadata().unwrap().len()
}
