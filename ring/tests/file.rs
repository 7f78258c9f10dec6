//! Lanes in a mapped file: how it is made, grows, is used again, and is read when its process is gone.
#![cfg(all(target_os = "linux", not(loom), not(miri)))]
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};

use tracer_factory_ring::{
    Consumer, OWNER_WORDS, Producer, Push, RecordHeader, Records, RecoveredLane, RingFile, Room, recover,
};

const LANE: usize = 4096;
/// A header, and three lanes of two pages each on a machine whose pages are 4 KiB.
const THREE_LANES: u64 = 4096 + 3 * 8192;

fn push(producer: &mut Producer, n: u64) -> Push {
    producer.push(&RecordHeader { len: 80, start_unix_nanos: n, ..RecordHeader::default() }, &[n as u8; 80])
}

fn numbers(lane: &RecoveredLane) -> Vec<u64> {
    assert!(Records::new(&lane.records).all(|(header, span)| span == [header.start_unix_nanos as u8; 80]));
    Records::new(&lane.records).map(|(header, _)| header.start_unix_nanos).collect()
}

fn taken(ring: &RingFile) -> (Producer, Consumer) {
    ring.lane().unwrap().unwrap()
}

fn recovered(ring: &RingFile) -> Vec<RecoveredLane> {
    recover(ring.path()).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_file_is_new_and_the_users_own() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ring");
    let ring = RingFile::create(&path, LANE, THREE_LANES).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let again = RingFile::create(&path, LANE, THREE_LANES).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    assert!(again.to_string().contains(path.to_str().unwrap()), "{again}");
    drop(ring);
    assert!(path.exists(), "the owner deletes it");

    let link = directory.path().join("link");
    symlink(directory.path().join("elsewhere"), &link).unwrap();
    assert_eq!(RingFile::create(&link, LANE, THREE_LANES).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert!(!directory.path().join("elsewhere").exists());
}

#[test]
fn what_is_not_released_is_recovered() {
    let directory = tempfile::tempdir().unwrap();
    let ring = RingFile::create(&directory.path().join("ring"), LANE, 1 << 20).unwrap();
    let (mut first, mut first_end) = taken(&ring);
    let (mut second, _second_end) = taken(&ring);
    let (_empty, _empty_end) = taken(&ring);
    assert!(recovered(&ring).is_empty());

    // Often enough to go around; what is read and not released is kept.
    let mut out = Vec::new();
    for n in 0..100 {
        push(&mut first, n);
        first_end.drain_into(&mut out, usize::MAX);
    }
    for n in 100..110 {
        push(&mut first, n);
    }
    first_end.read_into(&mut out, 1);
    first_end.read_into(&mut out, 1);
    first_end.release(first_end.position());
    let position = first_end.position();
    first_end.read_into(&mut out, usize::MAX);
    push(&mut second, 7);
    assert_eq!(ring.cursor(3), Some(0));
    assert!(ring.set_cursor(3, 33) && ring.set_cursor(OWNER_WORDS - 1, 61));
    assert!(!ring.set_cursor(OWNER_WORDS, 1));
    assert_eq!((ring.cursor(3), ring.cursor(OWNER_WORDS)), (Some(33), None));

    // Its process goes on; the test holds the lock that there would be.
    let file = recover(ring.path()).unwrap();
    assert_eq!(file.lanes(), 3);
    assert_eq!((file.owner()[3], file.owner()[OWNER_WORDS - 1], file.owner()[0]), (33, 61, 0));
    let lanes = recovered(&ring);
    assert_eq!(
        lanes.iter().map(|lane| (lane.lane, lane.count, lane.damage)).collect::<Vec<_>>(),
        [(0, 8, None), (1, 1, None)]
    );
    assert_eq!(lanes[0].position, position);
    assert_eq!(numbers(&lanes[0]), (102..110).collect::<Vec<_>>());
    assert_eq!(numbers(&lanes[1]), [7]);
}

#[test]
fn lanes_are_used_again_and_the_file_has_an_end() {
    let directory = tempfile::tempdir().unwrap();
    let page = rustix::param::page_size() as u64;
    let max = page * if page == 4096 { 1 + 3 * 2 } else { 1 + 3 };
    let ring = RingFile::create(&directory.path().join("ring"), LANE, max).unwrap();
    let mut lanes: Vec<_> = (0..3).map(|_| taken(&ring)).collect();
    assert!(ring.lane().unwrap().is_none(), "three fit");
    assert_eq!(fs::metadata(ring.path()).unwrap().len(), max);

    // Not while there is something in it.
    let (mut producer, mut consumer) = lanes.remove(1);
    push(&mut producer, 1);
    drop(producer);
    assert!(ring.lane().unwrap().is_none());
    consumer.read_into(&mut Vec::new(), usize::MAX);
    assert!(ring.lane().unwrap().is_none());
    consumer.release(consumer.position());
    assert!(consumer.is_released());
    let position = consumer.position();
    drop(consumer);

    let (mut producer, mut consumer) = taken(&ring);
    assert_eq!(consumer.position(), position);
    assert_eq!(producer.lane().counts(), Default::default());
    for n in 0..200 {
        push(&mut producer, n);
        consumer.drain_into(&mut Vec::new(), usize::MAX);
    }
    assert_eq!(consumer.lane().counts().popped, 200);
    assert!(ring.lane().unwrap().is_none());

    // Something is in it and nobody will ever take it: it is kept for those who come after.
    push(&mut producer, 42);
    drop((producer, consumer));
    assert!(ring.lane().unwrap().is_none());
    let left = recovered(&ring);
    assert_eq!((left.len(), left[0].lane, numbers(&left[0])), (1, 1, vec![42]));

    // Lanes keep what they need of a file that was dropped.
    let (mut producer, mut consumer) = lanes.remove(0);
    drop(ring);
    push(&mut producer, 1);
    assert_eq!(consumer.drain_into(&mut Vec::new(), usize::MAX), 1);
}

#[test]
fn threads_come_and_go_in_a_small_file() {
    let directory = tempfile::tempdir().unwrap();
    let ring = RingFile::create(&directory.path().join("ring"), LANE, 64 << 10).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for n in 0..500 {
                    let (mut producer, mut consumer) = taken(&ring);
                    let writer = scope.spawn(move || push(&mut producer, n));
                    let mut out = Vec::new();
                    while !consumer.is_finished() {
                        consumer.drain_into(&mut out, usize::MAX);
                        std::thread::yield_now();
                    }
                    assert_eq!(
                        Records::new(&out).map(|(header, _)| header.start_unix_nanos).collect::<Vec<_>>(),
                        [n]
                    );
                    assert_eq!(writer.join().unwrap(), Push::Taken);
                }
            });
        }
    });
    assert!(recover(ring.path()).unwrap().lanes() <= 4);
    assert!(recovered(&ring).is_empty());
}

#[test]
fn what_room_there_is_can_be_asked() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = RingFile::bytes_of(3, LANE);
    let ring = RingFile::create(&directory.path().join("ring"), LANE, bytes).unwrap();
    assert_eq!(ring.room(), Room { lanes: 3, free: 3 });
    let lanes: Vec<_> = (0..3).map(|_| ring.lane().unwrap().unwrap()).collect();
    assert_eq!(ring.room(), Room { lanes: 3, free: 0 });
    assert!(ring.lane().unwrap().is_none());
    assert_eq!(fs::metadata(ring.path()).unwrap().len(), bytes);
    drop(lanes);
    assert_eq!(ring.room(), Room { lanes: 3, free: 3 });
}
