//! One lane: a power-of-two slice of atomic words between one producer and one consumer.
//!
//! Invariants:
//! - `head` and `tail` only grow; `head - tail` words are occupied, never more than there are.
//! - only the producer stores `head`, `pushed`, `refused`; only the consumer stores `tail`, `popped`.
//! - words in `tail..head` were stored before `head` (release) and are loaded after it (acquire).
//! - `pushed` is raised before `head`, and `popped` before `tail`, so `pushed >= popped` for whoever reads `popped` first.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};

use crate::record::{HEADER_WORDS, RecordHeader};

/// Keeps producer's and consumer's counters off each other's cache lines.
#[repr(align(128))]
#[derive(Debug, Default)]
struct Padded<T>(T);

#[derive(Debug, Default)]
struct ProducerSide {
    head: AtomicU64,
    pushed: AtomicU64,
    refused: AtomicU64,
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct ConsumerSide {
    tail: AtomicU64,
    popped: AtomicU64,
}

/// The shared part of a lane: its counters may be read from any thread.
#[derive(Debug)]
pub struct Lane {
    words: Box<[AtomicU64]>,
    producer: Padded<ProducerSide>,
    consumer: Padded<ConsumerSide>,
}

/// Makes a lane of at least `bytes` bytes (rounded up to a power of two, 4 KiB at least).
pub fn lane(bytes: usize) -> (Producer, Consumer) {
    let words = (bytes.clamp(4096, 1 << 30) / 8).next_power_of_two();
    let lane = Arc::new(Lane {
        // Zeroed by the allocator: pages that no record has reached cost nothing.
        words: bytemuck::allocation::zeroed_slice_box(words),
        producer: Padded::default(),
        consumer: Padded::default(),
    });
    (Producer { lane: Arc::clone(&lane), head: 0, tail: 0 }, Consumer { lane, tail: 0 })
}

impl Lane {
    /// Records handed over and records refused by a full lane, and of the former how many were taken out.
    pub fn counts(&self) -> LaneCounts {
        let popped = self.consumer.0.popped.load(Acquire);
        let pushed = self.producer.0.pushed.load(Acquire);
        LaneCounts { pushed, popped, refused: self.producer.0.refused.load(Acquire) }
    }

    /// True once the producer is gone: what is in the lane is all that will ever be.
    pub fn is_closed(&self) -> bool {
        self.producer.0.closed.load(Acquire)
    }

    fn capacity(&self) -> u64 {
        self.words.len() as u64
    }

    /// The words from position `at` to the end, and those from the start that follow them.
    fn at_position(&self, at: u64) -> (&[AtomicU64], &[AtomicU64]) {
        let (start, end) = self.words.split_at((at & (self.capacity() - 1)) as usize);
        (end, start)
    }
}

/// A snapshot of a lane's counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LaneCounts {
    /// Records handed over.
    pub pushed: u64,
    /// Records taken out.
    pub popped: u64,
    /// Records a full lane did not take.
    pub refused: u64,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// It is in the lane.
    Taken,
    /// It is in the lane, and the lane is more than half full: wake the consumer.
    TakenWake,
    /// The lane is full; the record was counted as refused.
    Refused,
    /// The record could never fit; nothing was counted.
    TooLarge,
}

/// The recording thread's end.
#[derive(Debug)]
pub struct Producer {
    lane: Arc<Lane>,
    /// Own copy of `head`, which nobody else stores.
    head: u64,
    /// The last seen `tail`; the real one is read only when this one leaves no room.
    tail: u64,
}

impl Producer {
    /// The shared part.
    pub fn lane(&self) -> &Arc<Lane> {
        &self.lane
    }

    /// Appends one record. Never blocks.
    #[inline]
    pub fn push(&mut self, header: &RecordHeader, span: &[u8]) -> Push {
        let words = header.words() as u64;
        let capacity = self.lane.capacity();
        if words > capacity / 4 {
            return Push::TooLarge;
        }
        let side = &self.lane.producer.0;
        if self.head + words - self.tail > capacity {
            self.tail = self.lane.consumer.0.tail.load(Acquire);
            if self.head + words - self.tail > capacity {
                side.refused.store(side.refused.load(Relaxed) + 1, Release);
                return Push::Refused;
            }
        }
        self.write(header, span, words as usize);
        side.pushed.store(side.pushed.load(Relaxed) + 1, Release);
        let was_low = self.head - self.tail <= capacity / 2;
        self.head += words;
        side.head.store(self.head, Release);
        if self.head - self.tail > capacity / 2 {
            self.tail = self.lane.consumer.0.tail.load(Acquire);
            if self.head - self.tail > capacity / 2 && was_low {
                return Push::TakenWake;
            }
        }
        Push::Taken
    }

    #[inline]
    fn write(&self, header: &RecordHeader, span: &[u8], words: usize) {
        let (end, start) = self.lane.at_position(self.head);
        match end.get(..words).and_then(|run| run.split_at_checked(HEADER_WORDS)) {
            Some((head, body)) => {
                store_words(head, &header.to_words());
                store_bytes(body, span);
            }
            None => write_around(end, start, header, span),
        }
    }
}

#[inline]
fn store_words(slots: &[AtomicU64], words: &[u64]) {
    for (slot, word) in slots.iter().zip(words) {
        slot.store(*word, Relaxed);
    }
}

/// Four words at a time: the compiler does not unroll stores to atomics, and spans are some twenty words.
#[inline]
fn store_bytes(slots: &[AtomicU64], bytes: &[u8]) {
    let (words, rest) = bytes.as_chunks::<8>();
    let (blocks, words) = words.as_chunks::<4>();
    for (slots, words) in slots.as_chunks::<4>().0.iter().zip(blocks) {
        slots[0].store(u64::from_le_bytes(words[0]), Relaxed);
        slots[1].store(u64::from_le_bytes(words[1]), Relaxed);
        slots[2].store(u64::from_le_bytes(words[2]), Relaxed);
        slots[3].store(u64::from_le_bytes(words[3]), Relaxed);
    }
    let slots = slots.get(blocks.len() * 4..).unwrap_or_default();
    for (slot, word) in slots.iter().zip(words) {
        slot.store(u64::from_le_bytes(*word), Relaxed);
    }
    if let (false, Some(slot)) = (rest.is_empty(), slots.get(words.len())) {
        slot.store(last_word(bytes, rest), Relaxed);
    }
}

/// The bytes after the last whole word, padded with zeros. A shift is cheaper than copying a few bytes.
#[inline]
fn last_word(bytes: &[u8], rest: &[u8]) -> u64 {
    match bytes.last_chunk::<8>() {
        Some(tail) => u64::from_le_bytes(*tail) >> (64 - 8 * rest.len()),
        None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// A record that begins at the end of the slice and goes on at its start: once a round.
#[cold]
fn write_around(end: &[AtomicU64], start: &[AtomicU64], header: &RecordHeader, span: &[u8]) {
    let (whole, rest) = span.as_chunks::<8>();
    let last = (!rest.is_empty()).then(|| last_word(span, rest));
    let words = header.to_words().into_iter().chain(whole.iter().map(|word| u64::from_le_bytes(*word)));
    for (slot, word) in end.iter().chain(start).zip(words.chain(last)) {
        slot.store(word, Relaxed);
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.lane.producer.0.closed.store(true, Release);
    }
}

/// The delivery thread's end.
#[derive(Debug)]
pub struct Consumer {
    lane: Arc<Lane>,
    tail: u64,
}

impl Consumer {
    /// The shared part.
    pub fn lane(&self) -> &Arc<Lane> {
        &self.lane
    }

    /// Appends whole records to `out` until about `max_bytes` were taken or the lane is empty.
    /// Returns how many records that were. At least one is taken when there is one.
    pub fn drain_into(&mut self, out: &mut Vec<u8>, max_bytes: usize) -> u64 {
        let head = self.lane.producer.0.head.load(Acquire);
        let (mut records, mut at) = (0, self.tail);
        let first_len = out.len();
        while at < head && (records == 0 || out.len() - first_len < max_bytes) {
            let (end, start) = self.lane.at_position(at);
            let mut slots = end.iter().chain(start);
            let mut words = [0; HEADER_WORDS];
            for (word, slot) in words.iter_mut().zip(slots.by_ref()) {
                *word = slot.load(Relaxed);
            }
            let header = RecordHeader::from_words(words);
            let count = header.words();
            out.reserve(count * 8);
            for word in words {
                out.extend_from_slice(&word.to_le_bytes());
            }
            for slot in slots.take(count - HEADER_WORDS) {
                out.extend_from_slice(&slot.load(Relaxed).to_le_bytes());
            }
            at += count as u64;
            records += 1;
        }
        let side = &self.lane.consumer.0;
        side.popped.store(side.popped.load(Relaxed) + records, Release);
        self.tail = at;
        side.tail.store(at, Release);
        records
    }

    /// True when nothing is left and nothing will come.
    pub fn is_finished(&self) -> bool {
        self.lane.is_closed() && self.lane.producer.0.head.load(Acquire) == self.tail
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Records;
    use proptest::prelude::*;

    fn header(len: usize, start: u64) -> RecordHeader {
        RecordHeader { len: len as u32, start_unix_nanos: start, ..RecordHeader::default() }
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
        assert_eq!(producer.push(&header(2000, 0), &[0; 2000]), Push::TooLarge);
        drop(producer);
        assert!(consumer.is_finished());
    }

    #[test]
    fn wakes_once_when_half_full() {
        let (mut producer, _consumer) = lane(4096);
        let pushes: Vec<_> = (0..30).map(|_| producer.push(&header(80, 0), &[0; 80])).collect();
        assert_eq!(pushes.iter().filter(|p| **p == Push::TakenWake).count(), 1);
    }

    #[test]
    fn two_threads_keep_order_and_bytes() {
        let (mut producer, mut consumer) = lane(8192);
        const COUNT: u64 = 50_000;
        let writer = std::thread::spawn(move || {
            for n in 0..COUNT {
                let span = vec![n as u8; (n % 97) as usize];
                while producer.push(&header(span.len(), n), &span) == Push::Refused {
                    std::thread::yield_now();
                }
            }
        });
        let (mut next, mut out) = (0, Vec::new());
        while next < COUNT {
            out.clear();
            consumer.drain_into(&mut out, 2048);
            for (header, span) in Records::new(&out) {
                assert_eq!(header.start_unix_nanos, next);
                assert_eq!(span.len() as u64, next % 97);
                assert!(span.iter().all(|b| *b == next as u8));
                next += 1;
            }
        }
        writer.join().unwrap();
        assert!(consumer.is_finished());
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(spans in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 1..60), drain in 1usize..3000) {
            let (mut producer, mut consumer) = lane(4096);
            let (mut expected, mut out) = (Vec::new(), Vec::new());
            for (n, span) in spans.iter().enumerate() {
                if matches!(producer.push(&header(span.len(), n as u64), span), Push::Taken | Push::TakenWake) {
                    expected.push((n as u64, span.clone()));
                }
                if n % 3 == 0 {
                    consumer.drain_into(&mut out, drain);
                }
            }
            consumer.drain_into(&mut out, usize::MAX);
            let got: Vec<_> = Records::new(&out).map(|(h, s)| (h.start_unix_nanos, s.to_vec())).collect();
            prop_assert_eq!(got, expected);
        }
    }
}
