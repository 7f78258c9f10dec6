//! The recording thread's end of a lane. See [`crate::lane`] for the invariants.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::copy;
use crate::fork::Origin;
use crate::lane::Lane;
use crate::record::{HEADER_WORDS, RecordHeader};
use crate::region::Region;
use crate::storage::Storage;
use crate::sync::Arc;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// It is in the lane.
    Taken,
    /// It is in the lane, and the lane is more than half full: wake the consumer.
    TakenWake,
    /// The lane is full.
    Refused,
    /// The record is larger than the lane; nothing was counted.
    TooLarge,
    /// The lane belongs to the process that this one was forked from; nothing was stored or counted.
    Forked,
}

/// The recording thread's end.
#[derive(Debug)]
pub struct Producer<S: Storage = Region> {
    lane: Arc<Lane<S>>,
    origin: Origin,
    /// Own copy of `head`, which nobody else stores.
    head: u64,
    /// The last seen `tail`; the real one is read only when this one leaves no room.
    tail: u64,
}

impl<S: Storage> Producer<S> {
    pub(crate) fn new(lane: Arc<Lane<S>>, at: u64) -> Self {
        Self { lane, origin: Origin::here(), head: at, tail: at }
    }

    /// The shared part.
    pub fn lane(&self) -> &Arc<Lane<S>> {
        &self.lane
    }

    /// As [`Self::offer`], and counts what a full lane refuses.
    #[inline]
    pub fn push(&mut self, header: &RecordHeader, span: &[u8]) -> Push {
        let push = self.offer(header, span);
        if push == Push::Refused {
            self.refuse();
        }
        push
    }

    /// Up to where the lane was released when it was last looked at.
    pub fn released(&self) -> u64 {
        self.tail
    }

    /// Counts a record that the lane refused and that is not offered again.
    pub fn refuse(&self) {
        let refused = &self.lane.producer.0.refused;
        refused.store(refused.load(Relaxed) + 1, Release);
    }

    /// Appends one record of `span`, whose length counts, not the header's. Never blocks. What a full lane refuses may be
    /// offered again, or has to be [counted](Self::refuse).
    #[inline]
    pub fn offer(&mut self, header: &RecordHeader, span: &[u8]) -> Push {
        if !self.origin.is_here() {
            return Push::Forked;
        }
        let lane = &*self.lane;
        let capacity = lane.capacity();
        let words = HEADER_WORDS + span.len().div_ceil(8);
        if words as u64 > capacity {
            return Push::TooLarge;
        }
        let end = self.head.wrapping_add(words as u64);
        if end.wrapping_sub(self.tail) > capacity {
            self.tail = tail_seen(lane, self.head, self.tail);
            if end.wrapping_sub(self.tail) > capacity {
                return Push::Refused;
            }
        }
        let place = lane.place(self.head);
        lane.watch.written(place, words);
        match lane.data().get(place..place + words) {
            // SAFETY: the words from `head` to `end` are the producer's, as `end` is not more than the capacity after
            // `tail`, and they are as many as the record needs.
            Some(slots) => unsafe { copy::store_record(slots, header, span) },
            None => {
                let (end, start) = lane.data_from(place);
                // SAFETY: as above; in two pieces.
                unsafe { copy::store_around(end, start, header, span) }
            }
        }
        let pushed = &lane.producer.0.pushed;
        pushed.store(pushed.load(Relaxed) + 1, Release);
        lane.head().store(end, Release);
        let was_low = self.head.wrapping_sub(self.tail) <= capacity / 2;
        self.head = end;
        if end.wrapping_sub(self.tail) > capacity / 2 {
            self.tail = tail_seen(lane, end, self.tail);
            if was_low && end.wrapping_sub(self.tail) > capacity / 2 {
                return Push::TakenWake;
            }
        }
        Push::Taken
    }
}

/// What the consumer has released. A `tail` that can't be is not believed.
#[inline]
fn tail_seen<S: Storage>(lane: &Lane<S>, head: u64, before: u64) -> u64 {
    let tail = lane.tail().load(Acquire);
    if head.wrapping_sub(tail) <= lane.capacity() { tail } else { before }
}

/// In a forked child this changes only the child's copy.
impl<S: Storage> Drop for Producer<S> {
    fn drop(&mut self) {
        self.lane.producer.0.closed.store(true, Release);
    }
}
