//! Every order in which producer and consumer can meet, as loom's model of memory has them.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p tracer-factory-ring --test loom --release`
#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use loom::thread;
use tracer_factory_ring::{
    CONTROL_WORDS, Consumer, HEADER_BYTES, Producer, Push, Record, RecordHeader, Records, lane_over,
};

type Words = Box<[AtomicU64]>;

/// Four records of a quarter of the lane fill it.
const DATA: usize = 32;
const SPAN: usize = 16;

/// A lane whose first position is `at`.
fn lane_at(at: u64) -> (Producer<Words>, Consumer<Words>) {
    let words: Words = (0..CONTROL_WORDS + DATA).map(|_| AtomicU64::new(0)).collect();
    words[0].store(at, Relaxed);
    words[CONTROL_WORDS / 2].store(at, Relaxed);
    lane_over(words).unwrap()
}

fn push(producer: &mut Producer<Words>, n: u64) -> Push {
    let header = RecordHeader { start_unix_nanos: n, duration_nanos: !n, ..RecordHeader::default() };
    producer.push(&header, &[n as u8; SPAN])
}

/// The same in one piece.
fn push_whole(producer: &mut Producer<Words>, n: u64) -> Push {
    let header = RecordHeader { start_unix_nanos: n, ..RecordHeader::default() };
    let mut bytes = [n as u8; HEADER_BYTES + SPAN + Record::PADDING];
    header.write_to(bytes.first_chunk_mut().unwrap());
    producer.offer_whole(Record::complete(&mut bytes, SPAN as u32, !n).unwrap())
}

/// The numbers in `bytes`, of which every word is what was pushed.
fn numbers(bytes: &[u8]) -> Vec<u64> {
    let records = Records::new(bytes).map(|(header, span)| {
        let n = header.start_unix_nanos;
        assert_eq!((header.len as usize, header.duration_nanos, span), (SPAN, !n, &[n as u8; SPAN][..]));
        n
    });
    records.collect()
}

fn model(f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 10_000;
    builder.check(f);
}

#[test]
fn what_is_read_is_whole_and_in_order() {
    model(|| {
        // The second record lies around the end.
        let (mut producer, mut consumer) = lane_at(20);
        let writer = thread::spawn(move || {
            assert_eq!([push(&mut producer, 1), push(&mut producer, 2)], [Push::Taken; 2]);
        });
        let mut out = Vec::new();
        consumer.read_into(&mut out, usize::MAX);
        consumer.read_into(&mut out, 1);
        let early = numbers(&out);
        assert!([&[][..], &[1], &[1, 2]].contains(&&early[..]), "{early:?}");
        writer.join().unwrap();
        consumer.read_into(&mut out, usize::MAX);
        assert_eq!(numbers(&out), [1, 2]);
        assert!(consumer.is_finished() && !consumer.is_released());
    });
}

/// One is stored without a question, and the last over what was released of the first, or not at all.
#[test]
fn records_in_one_piece_are_whole_and_in_order() {
    model(|| {
        let (mut producer, mut consumer) = lane_at(24);
        push(&mut producer, 0);
        let writer = thread::spawn(move || {
            let pushes = [1, 2, 3, 4].map(|n| push_whole(&mut producer, n));
            assert_eq!(pushes[0], Push::Taken);
            pushes.iter().filter(|push| **push != Push::Refused).count() as u64
        });
        let mut out = Vec::new();
        consumer.drain_into(&mut out, 1);
        let pushed = writer.join().unwrap();
        consumer.drain_into(&mut out, usize::MAX);
        assert!(pushed >= 3, "{pushed}");
        assert_eq!(numbers(&out), (0..=pushed).collect::<Vec<_>>());
    });
}

/// The words of a record go to the next one only when its reader is done with them.
#[test]
fn what_was_not_released_is_not_overwritten() {
    model(|| {
        let (mut producer, mut consumer) = lane_at(0);
        for n in 0..4 {
            push(&mut producer, n);
        }
        let writer = thread::spawn(move || (push(&mut producer, 4), producer));
        let mut out = Vec::new();
        assert_eq!(consumer.read_into(&mut out, 1), 1);
        assert_eq!(numbers(&out), [0]);
        consumer.release(consumer.position());
        let (pushed, mut producer) = writer.join().unwrap();
        let refused = pushed == Push::Refused;
        if refused {
            assert_ne!(push(&mut producer, 4), Push::Refused, "it was released");
        }
        assert_eq!(consumer.read_into(&mut out, usize::MAX), 4);
        assert_eq!(numbers(&out), [0, 1, 2, 3, 4]);
        assert_eq!(consumer.lane().counts().refused, u64::from(refused));
    });
}

/// A third thread that reads the counters never sees more records read than were pushed.
#[test]
fn counters_fit_to_each_other() {
    model(|| {
        let (mut producer, mut consumer) = lane_at(0);
        let lane = consumer.lane().clone();
        let writer = thread::spawn(move || push(&mut producer, 1));
        let reader = thread::spawn(move || {
            let counts = lane.counts();
            assert!(counts.popped <= counts.pushed, "{counts:?}");
        });
        let mut out = Vec::new();
        let read = consumer.drain_into(&mut out, usize::MAX);
        assert!(consumer.lane().counts().popped == read);
        writer.join().unwrap();
        reader.join().unwrap();
    });
}

/// Closed means that everything is there.
#[test]
fn closed_and_empty_is_the_end() {
    model(|| {
        let (mut producer, mut consumer) = lane_at(0);
        let writer = thread::spawn(move || {
            push(&mut producer, 1);
        });
        let mut out = Vec::new();
        let mut read = consumer.drain_into(&mut out, usize::MAX);
        if consumer.is_released() {
            assert_eq!(read, 1);
        }
        writer.join().unwrap();
        read += consumer.drain_into(&mut out, usize::MAX);
        assert!(read == 1 && consumer.is_finished() && consumer.is_released());
    });
}
