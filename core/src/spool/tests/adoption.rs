//! Who gets what a dead process left, and what a killed one leaves.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Barrier;

use super::*;
use crate::spool::segment::{HEADER, SUFFIX};
use crate::spool::{Closed, SpoolError, orphans};

const BASE: &str = "SPOOL_TEST_BASE";

#[test]
fn a_living_spool_is_nobodys_orphan() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(options(base.path()));
    append(&mut spool, 0);
    let found: Vec<_> = orphans(base.path()).collect();
    assert_eq!(found, [spool.directory()]);
    assert!(Orphan::open(spool.directory()).unwrap().is_none());
    drop(spool);
    let adopted = open(&found[0]);
    assert!(Orphan::open(&found[0]).unwrap().is_none(), "nor one that was adopted");
    assert_eq!(adopted.remove().unwrap(), Closed::Removed);
    assert!(Orphan::open(&found[0]).unwrap().is_none(), "nor one that is gone");
    assert_eq!(orphans(base.path()).count(), 0);
}

#[test]
fn only_what_may_be_a_spool_is_looked_at() {
    let base = tempfile::tempdir().unwrap();
    for name in ["quarantine", "1", "x-0000000000000000", "1-short", "-", "1-0000000000000000.bak"] {
        std::fs::create_dir(base.path().join(name)).unwrap();
    }
    std::fs::write(base.path().join("2-0000000000000000"), b"a file").unwrap();
    assert_eq!(orphans(base.path()).count(), 0);
    assert_eq!(orphans(&base.path().join("nowhere")).count(), 0);
}

#[test]
fn of_many_that_want_one_orphan_one_gets_it() {
    let base = tempfile::tempdir().unwrap();
    let mut taken = 0;
    for _ in 0..30 {
        let directory = spool(options(base.path())).directory().to_owned();
        // By now nobody else has it.
        drop(open(&directory));
        let barrier = Barrier::new(4);
        let take = || {
            barrier.wait();
            let taken = Orphan::open(&directory).unwrap();
            barrier.wait();
            taken.map(|orphan| orphan.remove().unwrap())
        };
        let removed = std::thread::scope(|scope| {
            let takers = [(); 4].map(|()| scope.spawn(take));
            takers.into_iter().filter_map(|taker| taker.join().unwrap()).count()
        });
        // A process that another test starts meanwhile may have the lock of the one just dropped: then nobody gets it.
        assert!(removed <= 1);
        assert_eq!(directory.exists(), removed == 0);
        taken += removed;
    }
    assert!(taken > 0);
}

#[test]
fn spools_can_be_made_while_others_look_for_orphans() {
    let base = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        let makers = [(); 3].map(|()| {
            scope.spawn(|| {
                for _ in 0..60 {
                    let mut spool = spool(options(base.path()));
                    append(&mut spool, 0);
                    assert_eq!(all(&mut spool), [0]);
                    spool.cursors(&[1, 1]).unwrap();
                    assert_eq!(spool.close(false).unwrap(), Closed::Removed);
                }
            })
        });
        while makers.iter().any(|maker| !maker.is_finished()) {
            for directory in orphans(base.path()) {
                // Only ones that were not locked yet, or not removed yet: they have nothing in them.
                if let Ok(Some(mut orphan)) = Orphan::open(&directory) {
                    assert!(all_of(&mut orphan).is_empty());
                    let _ = orphan.remove();
                }
            }
        }
    });
}

#[test]
fn the_rings_rest_follows_the_last_batch() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(options(base.path()));
    (0..3).for_each(|sequence| append(&mut spool, sequence));
    // Two more went from memory to the first destination.
    spool.cursors(&[5, 3]).unwrap();
    std::fs::write(spool.ring_path(), b"ring").unwrap();
    let directory = spool.directory().to_owned();
    drop(spool);
    let mut orphan = open(&directory);
    assert_eq!(orphan.next_sequence(), 5);
    orphan.append(5, spans(5), &payload(5)).unwrap();
    orphan.remove_ring().unwrap();
    assert!(!orphan.ring_path().exists());
    assert_eq!(orphan.context_of(5).unwrap().to_vec(), CONTEXT);
    orphan.set_cursor(0, 6).unwrap();
    drop(orphan);
    let mut again = open(&directory);
    assert_eq!((again.cursor(0), again.cursor(1), all_of(&mut again)), (6, 3, vec![5]));
    again.set_cursor(1, 6).unwrap();
    assert_eq!(again.pending(0).batches, 0);
    assert!(segment_files(&directory).is_empty());
}

#[test]
fn a_copy_of_a_segment_is_put_away() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(options(base.path()));
    (0..3).for_each(|sequence| append(&mut spool, sequence));
    let directory = spool.directory().to_owned();
    drop(spool);
    std::fs::copy(segment_files(&directory).remove(0), directory.join(format!("copy{SUFFIX}"))).unwrap();
    let mut orphan = open(&directory);
    assert_eq!((all_of(&mut orphan), orphan.take_damage().segments), (vec![0, 1, 2], 1));
}

#[test]
fn another_versions_spool_is_left_to_it() {
    let base = tempfile::tempdir().unwrap();
    let mut spool = spool(options(base.path()));
    append(&mut spool, 0);
    let directory = spool.directory().to_owned();
    drop(spool);
    let file = segment_files(&directory).remove(0);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[8] = 2;
    let sum = crc32fast::hash(&bytes[..HEADER - 4]);
    bytes[HEADER - 4..HEADER].copy_from_slice(&sum.to_le_bytes());
    std::fs::write(&file, &bytes).unwrap();
    assert!(matches!(Orphan::open(&directory), Err(SpoolError::Format { version: 2, .. })));
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
}

/// Appends until it is killed, and says how far it came. Does nothing unless it was started by the test below.
#[test]
fn writes_until_killed() {
    let Some(base) = std::env::var_os(BASE) else { return };
    let mut spool = spool(SpoolOptions { segment_bytes: 2_000, ..options(Path::new(&base)) });
    println!();
    for sequence in 0.. {
        append(&mut spool, sequence);
        println!("appended {sequence}");
        if sequence % 16 == 15 {
            spool.cursors(&[sequence - 10, sequence - 8]).unwrap();
        }
    }
}

#[test]
fn a_killed_process_loses_nothing_it_had_appended() {
    let base = tempfile::tempdir().unwrap();
    for round in 0..8 {
        let name = "spool::tests::adoption::writes_until_killed";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(BASE, base.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let appended =
            |line: std::io::Result<String>| line.ok()?.strip_prefix("appended ")?.parse::<u64>().ok();
        lines.by_ref().filter_map(appended).find(|sequence| *sequence >= 40 + round * 37).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let last = lines.filter_map(appended).last();
        let found: Vec<_> = orphans(base.path()).collect();
        assert_eq!(found.len(), 1);
        let mut orphan = open(&found[0]);
        let seen = all_of(&mut orphan);
        assert!(seen.last() >= last.as_ref(), "{seen:?} {last:?}");
        assert!(seen.first().is_some_and(|first| *first <= orphan.cursor(0)));
        assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 1), "no gap: {seen:?}");
        let damage = orphan.take_damage();
        assert_eq!((damage.records, damage.segments, damage.files), (0, 0, 0));
        orphan.remove().unwrap();
    }
}
