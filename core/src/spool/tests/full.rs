//! Disks that fill up and disks that break: nothing is lost that was appended, and it goes on afterwards.

use std::process::Command;

use rustix::io::Errno;

use super::faults::Operation;
use super::*;
use crate::spool::{Limit, SpoolError};

/// A file system of four megabytes; none where mounting is not allowed.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let at = tempfile::tempdir().unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(at.path()).output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("not tested: mounting is not allowed here");
        return;
    };
    let mut spool = spool(SpoolOptions { segment_bytes: 1 << 20, ..options(&disk.0.path().join("spool")) });
    let records = |sequence: u64| vec![sequence as u8; 50_001];
    let mut sequence = 0;
    let mut fill = |spool: &mut Spool| {
        let first = sequence;
        loop {
            match spool.append(sequence, 1, &records(sequence)) {
                Ok(()) => sequence += 1,
                Err(SpoolError::Full { limit: Limit::Disk, .. }) => return first..sequence,
                Err(error) => panic!("{error}"),
            }
            assert!(sequence < 1_000, "four megabytes are full at some point");
        }
    };
    let expect_from = |spool: &mut Spool, from: u64, to: u64| {
        for sequence in from..to {
            let stored = spool.read(sequence).unwrap().stored.unwrap();
            assert_eq!((stored.sequence, stored.records), (sequence, records(sequence)));
        }
        assert_eq!(spool.read(to).unwrap(), Found::default());
    };
    let first = fill(&mut spool);
    assert!(first.end > 60, "{first:?}");
    expect_from(&mut spool, 0, first.end);
    // Delivering makes room, although the cursors themselves don't fit any more.
    std::fs::write(disk.0.path().join("rest"), vec![0; 4 << 20]).unwrap_err();
    let half = first.end / 2;
    spool.cursors(&[half, half]).unwrap();
    let second = fill(&mut spool);
    assert!(second.end > second.start, "{second:?}");
    expect_from(&mut spool, half, second.end);
    assert!(spool.take_damage().is_none());
    let directory = spool.directory().to_owned();
    drop(spool);
    let mut orphan = open(&directory);
    assert!(orphan.take_damage().is_none(), "no half record was left behind");
    assert_eq!(orphan.cursor(0), half);
    assert_eq!(orphan.next_sequence(), second.end);
}

#[test]
fn a_broken_write_leaves_nothing_and_can_be_tried_again() {
    // Nothing written, half a header, a header, half a payload.
    for after in [0, 10, 32, 50] {
        let base = tempfile::tempdir().unwrap();
        let mut spool = spool(options(base.path()));
        append(&mut spool, 0);
        for errno in [Errno::IO, Errno::NOSPC] {
            let before = on_disk(spool.directory());
            spool.faults().fail_after(Operation::Write, errno, after);
            match (spool.append(1, 1, &payload(1)), errno) {
                (Err(SpoolError::Io { path, .. }), Errno::IO) => assert!(path.starts_with(spool.directory())),
                (Err(SpoolError::Full { limit: Limit::Disk, .. }), Errno::NOSPC) => {}
                (other, _) => panic!("{other:?}"),
            }
            assert_eq!(on_disk(spool.directory()), before, "after {after} bytes");
            assert_eq!(all(&mut spool), [0]);
            spool.faults().mend();
        }
        append(&mut spool, 1);
        append(&mut spool, 2);
        assert_eq!(all(&mut spool), [0, 1, 2]);
        let directory = spool.directory().to_owned();
        drop(spool);
        let mut orphan = open(&directory);
        assert_eq!(all_of(&mut orphan), [0, 1, 2]);
        assert!(orphan.take_damage().is_none());
    }
}

#[test]
fn what_could_not_be_cut_off_is_a_torn_tail() {
    for after in [0, 10, 32, 50] {
        let base = tempfile::tempdir().unwrap();
        let mut spool = spool(options(base.path()));
        append(&mut spool, 0);
        spool.faults().fail_after(Operation::Write, Errno::IO, after);
        spool.faults().fail(Operation::Truncate, Errno::IO);
        assert!(matches!(spool.append(1, 1, &payload(1)), Err(SpoolError::Io { .. })));
        assert!(spool.bytes() >= on_disk(spool.directory()), "what is left is counted");
        spool.faults().mend();
        append(&mut spool, 1);
        assert_eq!(all(&mut spool), [0, 1]);
        let directory = spool.directory().to_owned();
        drop(spool);
        let mut orphan = open(&directory);
        assert_eq!(all_of(&mut orphan), [0, 1]);
        assert_eq!(orphan.take_damage().tails, u64::from(after > 0));
    }
}

#[test]
fn a_segment_that_can_not_be_begun_leaves_no_file() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(options(base.path()));
    for (operation, after) in [(Operation::Create, 0), (Operation::Write, 0), (Operation::Write, 70)] {
        spool.faults().fail_after(operation, Errno::NOSPC, after);
        assert!(matches!(spool.append(0, 1, &payload(0)), Err(SpoolError::Full { limit: Limit::Disk, .. })));
        assert!(segment_files(spool.directory()).is_empty());
        spool.faults().mend();
    }
    // Not even when it can't be removed is it in the way of the next attempt.
    spool.faults().fail_after(Operation::Write, Errno::IO, 70);
    spool.faults().fail(Operation::Remove, Errno::IO);
    assert!(matches!(spool.append(0, 1, &payload(0)), Err(SpoolError::Io { .. })));
    assert_eq!(segment_files(spool.directory()).len(), 1);
    spool.faults().mend();
    append(&mut spool, 0);
    assert_eq!(all(&mut spool), [0]);
}

#[test]
fn cursors_that_can_not_be_written_are_written_the_next_time() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(SpoolOptions { segment_bytes: 100, ..options(base.path()) });
    (0..4).for_each(|sequence| append(&mut spool, sequence));
    spool.faults().fail_after(Operation::Write, Errno::IO, 5);
    assert!(matches!(spool.cursors(&[2, 2]), Err(SpoolError::Io { .. })));
    assert_eq!(all(&mut spool), [2, 3]);
    assert_eq!(segment_files(spool.directory()).len(), 2, "what everyone has may go all the same");
    spool.faults().mend();
    spool.cursors(&[2, 2]).unwrap();
    let directory = spool.directory().to_owned();
    drop(spool);
    let mut orphan = open(&directory);
    assert_eq!((orphan.cursor(0), all_of(&mut orphan)), (2, vec![2, 3]));
}

#[test]
fn cursors_are_on_disk_before_a_segment_goes() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(SpoolOptions { segment_bytes: 100, ..options(base.path()) });
    (0..4).for_each(|sequence| append(&mut spool, sequence));
    spool.faults().fail(Operation::Remove, Errno::IO);
    assert!(matches!(spool.cursors(&[2, 2]), Err(SpoolError::Io { doing: "remove", .. })));
    let directory = spool.directory().to_owned();
    drop(spool);
    let mut orphan = open(&directory);
    assert_eq!((orphan.cursor(0), orphan.cursor(1)), (2, 2));
    assert_eq!(all_of(&mut orphan), [0, 1, 2, 3]);
    orphan.set_cursor(0, 3).unwrap();
    assert_eq!(all_of(&mut orphan), [2, 3], "what could not be removed goes with the next change");
}

#[test]
fn a_context_that_can_not_be_written_is_written_the_next_time() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(options(base.path()));
    spool.faults().fail(Operation::Rename, Errno::NOSPC);
    assert!(matches!(spool.set_context(b"another"), Err(SpoolError::Full { limit: Limit::Disk, .. })));
    append(&mut spool, 0);
    assert_eq!(spool.context_of(0).unwrap().to_vec(), b"another", "segments have it all the same");
    spool.faults().mend();
    spool.set_context(b"another").unwrap();
    spool.cursors(&[1, 1]).unwrap();
    let directory = spool.directory().to_owned();
    drop(spool);
    assert_eq!(**open(&directory).context(), *b"another");
}

#[test]
fn a_batch_that_can_not_be_read_is_named_and_can_be_passed() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(SpoolOptions { segment_bytes: 100, ..options(base.path()) });
    (0..4).for_each(|sequence| append(&mut spool, sequence));
    spool.faults().fail(Operation::Read, Errno::IO);
    match spool.read(1) {
        Err(SpoolError::Unreadable { sequence: 1, spans: of_one, .. }) => assert_eq!(of_one, spans(1)),
        other => panic!("{other:?}"),
    }
    spool.faults().mend();
    assert_eq!(all(&mut spool), [0, 1, 2, 3], "it may have been for a moment only");
    assert!(spool.take_damage().is_none());
}

#[test]
fn a_batch_that_cannot_be_synced_is_taken_back_and_can_be_tried_again() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(SpoolOptions { fsync: Fsync::Always, ..options(base.path()) });
    // The first is alone in its segment, the second is not.
    for sequence in [0, 1, 3] {
        let before = (spool.bytes(), all(&mut spool));
        spool.faults().fail(Operation::Sync, Errno::IO);
        for _ in 0..3 {
            let failed = spool.append(sequence, spans(sequence), &payload(sequence));
            assert!(matches!(failed, Err(SpoolError::Io { doing: "sync", .. })), "{failed:?}");
        }
        assert_eq!((spool.bytes(), all(&mut spool)), before, "nothing of it is left");
        spool.faults().mend();
        append(&mut spool, sequence);
    }
    append(&mut spool, 4);
    assert_eq!(all(&mut spool), [0, 1, 3, 4]);
    let directory = spool.directory().to_owned();
    drop(spool);
    let mut orphan = open(&directory);
    assert_eq!((all_of(&mut orphan), orphan.take_damage().is_none()), (vec![0, 1, 3, 4], true));
}

#[test]
fn a_batch_that_can_neither_be_synced_nor_taken_back_is_there_once() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(SpoolOptions { fsync: Fsync::Always, ..options(base.path()) });
    append(&mut spool, 0);
    for fault in [Operation::Sync, Operation::Truncate] {
        spool.faults().fail(fault, Errno::IO);
    }
    for _ in 0..3 {
        spool.append(1, spans(1), &payload(1)).unwrap_err();
    }
    spool.faults().mend();
    append(&mut spool, 1);
    append(&mut spool, 2);
    assert_eq!(all(&mut spool), [0, 1, 2]);
    let directory = spool.directory().to_owned();
    drop(spool);
    let mut orphan = open(&directory);
    assert_eq!((all_of(&mut orphan), orphan.take_damage().is_none()), (vec![0, 1, 2], true));
}

#[test]
fn what_was_taken_back_and_came_back_is_there_once() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(SpoolOptions { fsync: Fsync::Always, ..options(base.path()) });
    (0..3).for_each(|sequence| append(&mut spool, sequence));
    let first = segment_files(spool.directory()).remove(0);
    let with_all = std::fs::read(&first).unwrap();
    spool.take_back(Some(1)).unwrap();
    (2..4).for_each(|sequence| append(&mut spool, sequence));
    assert_eq!(segment_files(spool.directory()).len(), 2, "what comes next goes to another file");
    let directory = spool.directory().to_owned();
    drop(spool);
    // The machine stopped before the cut had reached the disk.
    std::fs::write(&first, with_all).unwrap();
    let mut orphan = open(&directory);
    assert_eq!((all_of(&mut orphan), orphan.take_damage().is_none()), (vec![0, 1, 2, 3], true));
}
