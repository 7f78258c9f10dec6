//! What a lane takes, keeps, gives out and counts; on the heap, and over any storage.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]
#![allow(unsafe_code, reason = "a storage of the test's own")]

use std::sync::atomic::AtomicU64;

use proptest::prelude::*;
use tracer_factory_ring::{
    CONTROL_WORDS, Consumer, HEADER_BYTES, LaneCounts, Producer, Push, Record, RecordHeader, Records,
    Storage, lane, lane_over,
};

fn header(len: usize, start: u64) -> RecordHeader {
    RecordHeader { len: len as u32, start_unix_nanos: start, ..RecordHeader::default() }
}

fn offer<S: Storage>(producer: &mut Producer<S>, in_one_piece: bool, n: u64, span: &[u8]) -> Push {
    if !in_one_piece {
        return producer.offer(&header(span.len(), n), span);
    }
    let mut bytes = vec![0xff; HEADER_BYTES + span.len() + Record::PADDING];
    header(0, n).write_to(bytes.first_chunk_mut().unwrap());
    bytes[HEADER_BYTES..HEADER_BYTES + span.len()].copy_from_slice(span);
    producer.offer_whole(Record::complete(&mut bytes, span.len() as u32, 0).unwrap())
}

fn words(data: usize) -> Box<[AtomicU64]> {
    (0..CONTROL_WORDS + data).map(|_| AtomicU64::new(0)).collect()
}

fn numbers(bytes: &[u8]) -> Vec<u64> {
    Records::new(bytes).map(|(header, _)| header.start_unix_nanos).collect()
}

#[test]
fn a_full_lane_refuses_and_counts() {
    let (mut producer, mut consumer) = lane(4096);
    let span = [7u8; 500];
    let mut taken = 0;
    while producer.push(&header(500, taken), &span) != Push::Refused {
        taken += 1;
    }
    assert_eq!(taken, 4096 / (48 + 504));
    let mut out = Vec::new();
    assert_eq!(consumer.drain_into(&mut out, 1), 1, "at least one");
    assert_eq!(consumer.drain_into(&mut out, usize::MAX), taken - 1);
    assert_eq!(producer.lane().counts(), LaneCounts { pushed: taken, popped: taken, refused: 1 });
    assert!(Records::new(&out).all(|(_, bytes)| bytes == span));
    drop(producer);
    assert!(consumer.is_finished());
}

#[test]
fn a_record_may_take_the_whole_lane_and_no_more() {
    const WHOLE: usize = 4096 - HEADER_BYTES;
    let (mut producer, mut consumer) = lane(4096);
    let mut out = Vec::new();
    for n in 0..3 {
        // Each time from another place on, so that most lie around the end.
        assert_eq!(producer.push(&header(100, n), &[1; 100]), Push::Taken);
        let span = [n as u8; WHOLE];
        assert_eq!(producer.push(&header(WHOLE, n), &span), Push::Refused, "not beside another one");
        consumer.drain_into(&mut out, usize::MAX);
        out.clear();
        assert_eq!(producer.push(&header(WHOLE, n), &span), Push::TakenWake);
        assert_eq!(producer.push(&header(0, 0), &[]), Push::Refused);
        assert_eq!(consumer.drain_into(&mut out, 1), 1);
        assert!(Records::new(&out).eq([(header(WHOLE, n), &span[..])]));
        out.clear();
    }
    assert_eq!(producer.push(&header(0, 0), &[0; WHOLE + 1]), Push::TooLarge);
    assert_eq!(producer.lane().counts(), LaneCounts { pushed: 6, popped: 6, refused: 6 });
}

#[test]
fn wakes_once_when_half_full() {
    let (mut producer, mut consumer) = lane(4096);
    let mut wakes = || (0..30).filter(|_| producer.push(&header(80, 0), &[0; 80]) == Push::TakenWake).count();
    assert_eq!(wakes(), 1);
    assert_eq!(wakes(), 0, "it is full");
    consumer.drain_into(&mut Vec::new(), usize::MAX);
    assert_eq!(wakes(), 1, "and again");
}

#[test]
fn what_was_read_stays_until_it_is_released() {
    let (mut producer, mut consumer) = lane(4096);
    let push = |producer: &mut Producer, n| producer.push(&header(80, n), &[n as u8; 80]);
    let taken = (0..).take_while(|n| push(&mut producer, *n) != Push::Refused).count() as u64;
    let mut out = Vec::new();
    assert_eq!(consumer.read_into(&mut out, 1), 1);
    let after_first = consumer.position();
    assert_eq!(consumer.read_into(&mut out, usize::MAX), taken - 1);
    assert_eq!(consumer.read_into(&mut out, usize::MAX), 0, "nothing is read twice");
    assert_eq!(numbers(&out), (0..taken).collect::<Vec<_>>());
    assert_eq!(consumer.unreleased_words(), taken * 16);
    assert_eq!(push(&mut producer, taken), Push::Refused, "the words of what was read are occupied");

    consumer.release(after_first);
    assert_eq!(consumer.unreleased_words(), (taken - 1) * 16);
    assert!(matches!(push(&mut producer, taken), Push::Taken | Push::TakenWake));
    assert_eq!(push(&mut producer, taken + 1), Push::Refused);

    consumer.release(u64::MAX);
    assert_eq!(consumer.unreleased_words(), 16, "what was not read is not released");
    consumer.release(after_first);
    assert_eq!(consumer.unreleased_words(), 16, "nothing is taken back");
    drop(producer);
    assert!(!consumer.is_finished());
    out.clear();
    consumer.read_into(&mut out, usize::MAX);
    assert_eq!(numbers(&out), [taken]);
    assert!(consumer.is_finished() && !consumer.is_released());
    consumer.release(consumer.position());
    assert!(consumer.is_released());
}

#[test]
fn the_span_is_as_long_as_it_is() {
    let (mut producer, mut consumer) = lane(4096);
    producer.push(&header(4000, 1), b"short");
    producer.push(&header(0, 2), b"");
    let mut out = Vec::new();
    consumer.drain_into(&mut out, usize::MAX);
    let got: Vec<_> = Records::new(&out).map(|(header, span)| (header.len, span.to_vec())).collect();
    assert_eq!(got, [(5, b"short".to_vec()), (0, Vec::new())]);
    assert!(
        out.ends_with(
            &RecordHeader { start_unix_nanos: 2, ..RecordHeader::default() }
                .to_words()
                .map(u64::to_le_bytes)
                .concat()
        )
    );
}

#[test]
fn a_storage_fits_or_is_not_taken() {
    for data in [0, 1, 16, 33, 48, 100] {
        assert!(lane_over(words(data)).is_none(), "{data}");
    }
    assert!(lane_over(words(32)).is_some());
    let of_control_only: Box<[AtomicU64]> = words(0).into_vec().into_iter().take(3).collect();
    assert!(lane_over(of_control_only).is_none());
    let with_records = words(64);
    with_records[0].store(7, std::sync::atomic::Ordering::Relaxed);
    assert!(lane_over(with_records).is_none(), "what is in it would be lost");
}

/// Positions go on from where they were, over the end of what a position can be as well.
#[test]
fn a_used_storage_goes_on() {
    for at in [5, 62, u64::MAX - 20] {
        let storage = words(64);
        for control in [0, CONTROL_WORDS / 2] {
            storage[control].store(at, std::sync::atomic::Ordering::Relaxed);
        }
        let (mut producer, mut consumer) = lane_over(storage).unwrap();
        assert_eq!(consumer.position(), at);
        let mut out = Vec::new();
        for n in 0..3 {
            assert_eq!(producer.push(&header(8, n), &[n as u8; 8]), Push::Taken);
        }
        assert_eq!(consumer.read_into(&mut out, usize::MAX), 3);
        assert_eq!(numbers(&out), [0, 1, 2]);
        assert_eq!(consumer.unreleased_words(), 21);
    }
}

/// Another process may write into a file that was ours alone: that costs records, and nothing else.
#[test]
fn damaged_control_words_and_lengths_do_no_harm() {
    struct Shared(std::sync::Arc<[AtomicU64]>);
    // SAFETY: one thread only, which writes to the words between calls and never during one.
    unsafe impl Storage for Shared {
        fn words(&self) -> &[AtomicU64] {
            &self.0
        }
    }
    let relaxed = std::sync::atomic::Ordering::Relaxed;
    for (word, value) in
        [(0, u64::MAX), (0, 1 << 40), (16, u64::MAX), (16, 1 << 40), (32, u64::MAX), (32, 600), (48, 9 << 20)]
    {
        let shared: std::sync::Arc<[AtomicU64]> = words(64).into_vec().into();
        let (mut producer, mut consumer) = lane_over(Shared(shared.clone())).unwrap();
        let mut out = Vec::new();
        let push = |producer: &mut Producer<Shared>| producer.push(&header(72, 0), &[1; 72]);
        let drain = |consumer: &mut Consumer<Shared>, out: &mut Vec<u8>| {
            out.clear();
            consumer.drain_into(out, usize::MAX);
            assert!(out.len() <= 64 * 8, "{word} {value}");
        };
        assert_eq!([push(&mut producer), push(&mut producer)], [Push::Taken; 2]);
        shared[word].store(value, relaxed);
        drain(&mut consumer, &mut out);
        for _ in 0..20 {
            push(&mut producer);
        }
        drain(&mut consumer, &mut out);
        drain(&mut consumer, &mut out);
        assert!(!matches!(push(&mut producer), Push::TooLarge | Push::Forked));
    }
}

#[test]
fn two_threads_keep_order_and_bytes() {
    let count: u64 = if cfg!(miri) { 300 } else { 20_000 };
    let (mut producer, mut consumer) = lane(8192);
    let writer = std::thread::spawn(move || {
        for n in 0..count {
            let span = vec![n as u8; (n % 97) as usize];
            while offer(&mut producer, n % 5 > 0, n, &span) == Push::Refused {
                std::thread::yield_now();
            }
        }
    });
    let (mut next, mut out) = (0, Vec::new());
    let mut unreleased = Vec::new();
    while next < count {
        out.clear();
        consumer.read_into(&mut out, 2048);
        for (header, span) in Records::new(&out) {
            assert_eq!(header.start_unix_nanos, next);
            assert_eq!(span.len() as u64, next % 97);
            assert!(span.iter().all(|b| *b == next as u8));
            next += 1;
        }
        // Released two rounds later, as after a delivery; at once when nothing comes.
        unreleased.push(consumer.position());
        if unreleased.len() > 2 || out.is_empty() {
            consumer.release(unreleased.remove(0));
            std::thread::yield_now();
        }
    }
    writer.join().unwrap();
    assert!(consumer.is_finished());
}

// Miri takes its time.
const WORDS: usize = if cfg!(miri) { 64 } else { 512 };
const LONGEST: usize = if cfg!(miri) { 70 } else { 600 };
const MOST: usize = if cfg!(miri) { 12 } else { 60 };

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 256 }, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_record_in_one_piece_is_answered_as_one_in_two(
        lengths in prop::collection::vec(0..LONGEST, 1..MOST),
        every in 1usize..9,
    ) {
        let [(mut one, mut from_one), (mut two, mut from_two)] = [(); 2].map(|()| lane_over(words(WORDS)).unwrap());
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for (n, length) in lengths.iter().enumerate() {
            let span = vec![n as u8; *length];
            let pushes = [offer(&mut one, true, n as u64, &span), offer(&mut two, false, n as u64, &span)];
            prop_assert_eq!(pushes[0], pushes[1]);
            if n % every == 0 {
                from_one.drain_into(&mut ours, 900);
                from_two.drain_into(&mut theirs, 900);
            }
        }
        from_one.drain_into(&mut ours, usize::MAX);
        from_two.drain_into(&mut theirs, usize::MAX);
        prop_assert_eq!(ours, theirs);
        prop_assert_eq!(one.lane().counts(), two.lane().counts());
    }

    #[test]
    fn what_goes_in_comes_out(
        spans in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..LONGEST), 1..MOST),
        most in 1usize..3000,
        every in 1usize..5,
        whole in 1usize..5,
    ) {
        let (mut producer, mut consumer) = lane_over(words(WORDS)).unwrap();
        let (mut expected, mut out) = (Vec::new(), Vec::new());
        for (n, span) in spans.iter().enumerate() {
            let in_one_piece = n % whole > 0;
            if matches!(offer(&mut producer, in_one_piece, n as u64, span), Push::Taken | Push::TakenWake) {
                expected.push((n as u64, span.clone()));
            }
            if n % every == 0 {
                consumer.read_into(&mut out, most);
            }
            if n % 3 == 0 {
                consumer.release(consumer.position());
            }
            prop_assert!(consumer.unreleased_words() <= WORDS as u64);
        }
        consumer.drain_into(&mut out, usize::MAX);
        let got: Vec<_> = Records::new(&out).map(|(h, s)| (h.start_unix_nanos, s.to_vec())).collect();
        prop_assert_eq!(got, expected);
        let padding = Records::new(&out).map(|(_, span)| span.len().next_multiple_of(8) + 48).sum::<usize>();
        prop_assert_eq!(padding, out.len());
    }
}
