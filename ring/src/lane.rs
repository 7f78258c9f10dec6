//! One lane: a power-of-two run of words between one producer and one consumer.
//!
//! Positions count words since the lane was made; `position % capacity` is the place of a word.
//!
//! ```text
//!          released              read                 head
//!  ─ free ──┤ copied out, kept ───┤ waiting ───────────┤ free ─
//!           └ `tail` in the words └ consumer's own     └ `head` in the words
//! ```
//!
//! Invariants:
//! - `tail <= read <= head <= tail + capacity`; none of them ever goes back.
//! - Only the producer stores `head`, `pushed`, `refused`; only the consumer stores `tail`, `popped`.
//! - A word belongs to the producer outside of `tail..head`, and to the consumer inside: never to both, so records are
//!   copied as plain bytes. Ownership goes over with `head` (release, then acquire) and comes back with `tail` (the same).
//! - Every byte of a record is stored before `head` passes it. Stores of a process reach a shared mapping in that order,
//!   so whoever kills the process at any moment finds whole records between `tail` and `head`.
//! - `head` and `tail` are in the storage, so that they outlive the process. `pushed`, `popped`, `refused` and `closed`
//!   are on the heap: a forked child has its own copy of them and can't disturb its parent's.
//! - Nobody stores to the storage in another process than the one that made the lane (see [`crate::fork`]).
//! - `pushed` is raised before `head`, and `popped` before `tail`, so `pushed >= popped` for whoever reads `popped` first.
//! - A wrong `head` or `tail`, stored by another process into a file that was ours alone, costs records, never memory
//!   safety: every index is masked, every length checked against the capacity.

use std::sync::atomic::Ordering::{Acquire, Relaxed};

use crate::consumer::Consumer;
use crate::producer::Producer;
use crate::region::Region;
use crate::storage::{CONTROL_WORDS, HEAD, Storage, TAIL};
use crate::sync::{Arc, AtomicBool, AtomicU64, Watch};

/// The least words for records.
const LEAST_WORDS: usize = 32;

/// Keeps producer's and consumer's counters off each other's cache lines.
#[repr(align(128))]
#[derive(Debug)]
pub(crate) struct Padded<T>(pub(crate) T);

#[derive(Debug)]
pub(crate) struct ProducerSide {
    pub(crate) pushed: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) closed: AtomicBool,
}

#[derive(Debug)]
pub(crate) struct ConsumerSide {
    pub(crate) popped: AtomicU64,
}

/// The shared part of a lane: its counters may be read from any thread.
#[derive(Debug)]
pub struct Lane<S = Region> {
    storage: S,
    pub(crate) producer: Padded<ProducerSide>,
    pub(crate) consumer: Padded<ConsumerSide>,
    pub(crate) watch: Watch,
}

/// Makes a lane on the heap of at least `bytes` bytes (rounded up to a power of two, 4 KiB at least, 1 GiB at most).
#[cfg(not(loom))]
pub fn lane(bytes: usize) -> (Producer, Consumer) {
    over(Region::heap(CONTROL_WORDS + crate::layout::data_words(bytes)), 0)
}

/// Makes a lane in `storage`. `None` when it does not have [`CONTROL_WORDS`] and a power of two of at least 32 words,
/// or still holds records.
///
/// A storage that held a lane before may be used again: positions go on from where they were.
pub fn lane_over<S: Storage>(storage: S) -> Option<(Producer<S>, Consumer<S>)> {
    let words = storage.words();
    let data = words.len().checked_sub(CONTROL_WORDS)?;
    if !data.is_power_of_two() || data < LEAST_WORDS {
        return None;
    }
    let [head, tail] = [HEAD, TAIL].map(|at| words.get(at).map(|word| word.load(Acquire)));
    (head == tail).then_some(head).flatten().map(|at| over(storage, at))
}

/// `storage` has the right size, and `head` and `tail` are both `at`.
fn over<S: Storage>(storage: S, at: u64) -> (Producer<S>, Consumer<S>) {
    let watch = Watch::new(storage.words().len() - CONTROL_WORDS);
    let lane = Arc::new(Lane {
        storage,
        watch,
        producer: Padded(ProducerSide {
            pushed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }),
        consumer: Padded(ConsumerSide { popped: AtomicU64::new(0) }),
    });
    (Producer::new(Arc::clone(&lane), at), Consumer::new(lane, at))
}

impl<S: Storage> Lane<S> {
    /// Records handed over and records refused by a full lane, and of the former how many were read.
    pub fn counts(&self) -> LaneCounts {
        let popped = self.consumer.0.popped.load(Acquire);
        let pushed = self.producer.0.pushed.load(Acquire);
        LaneCounts { pushed, popped, refused: self.producer.0.refused.load(Acquire) }
    }

    /// True once the producer is gone: what is in the lane is all that will ever be.
    pub fn is_closed(&self) -> bool {
        self.producer.0.closed.load(Acquire)
    }

    /// Words for records.
    #[inline]
    pub fn capacity(&self) -> u64 {
        (self.storage.words().len() - CONTROL_WORDS) as u64
    }

    #[inline]
    pub(crate) fn head(&self) -> &AtomicU64 {
        // SAFETY: `lane_over` and `lane` saw to it that there are more than `CONTROL_WORDS` words, and a storage does not change.
        unsafe { self.storage.words().get_unchecked(HEAD) }
    }

    #[inline]
    pub(crate) fn tail(&self) -> &AtomicU64 {
        // SAFETY: as in `head`.
        unsafe { self.storage.words().get_unchecked(TAIL) }
    }

    /// The words for records: a power of two.
    #[inline]
    pub(crate) fn data(&self) -> &[AtomicU64] {
        // SAFETY: as in `head`.
        unsafe { self.storage.words().get_unchecked(CONTROL_WORDS..) }
    }

    /// The place of a position in `data`.
    #[inline]
    pub(crate) fn place(&self, position: u64) -> usize {
        (position & (self.capacity() - 1)) as usize
    }

    /// The words from a place to the end, and those from the start to the place.
    pub(crate) fn data_from(&self, place: usize) -> (&[AtomicU64], &[AtomicU64]) {
        let (start, end) = self.data().split_at_checked(place).unwrap_or_default();
        (end, start)
    }

    /// The word at a position, which is the consumer's.
    #[inline]
    pub(crate) fn word(&self, position: u64) -> u64 {
        // SAFETY: a place is less than the capacity.
        u64::from_le(unsafe { self.data().get_unchecked(self.place(position)) }.load(Relaxed))
    }
}

/// A snapshot of a lane's counters.
///
/// Of a lane that is finished, `pushed` and `popped` are the same; but for one in a file that another process wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LaneCounts {
    /// Records handed over.
    pub pushed: u64,
    /// Records read.
    pub popped: u64,
    /// Records a full lane did not take.
    pub refused: u64,
}
