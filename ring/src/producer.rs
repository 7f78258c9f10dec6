//! The recording thread's end of a lane. See [`crate::lane`] for the invariants.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::copy;
use crate::fork::Origin;
use crate::lane::Lane;
use crate::record::{Record, RecordHeader};
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
    /// As many words from `head` on can be stored to without asking anything: they are free, before the lane's end,
    /// leave it at most half full, and make no record that is too large.
    clear: u64,
}

impl<S: Storage> Producer<S> {
    pub(crate) fn new(lane: Arc<Lane<S>>, at: u64) -> Self {
        Self { lane, origin: Origin::here(), head: at, tail: at, clear: 0 }
    }

    /// The shared part.
    pub fn lane(&self) -> &Arc<Lane<S>> {
        &self.lane
    }

    /// As [`Self::offer`], and counts what a full lane refuses.
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
    pub fn offer(&mut self, header: &RecordHeader, span: &[u8]) -> Push {
        if !self.origin.is_here() {
            return Push::Forked;
        }
        let len = span.len().min(u32::MAX as usize) as u32;
        let header = RecordHeader { len, ..*header }.to_words().map(u64::to_le_bytes);
        let padding = span.len().next_multiple_of(8) - span.len();
        self.offer_pieces(&[header.as_flattened(), span, &[0; 8][..padding]])
    }

    /// The same for a record that is in one piece, which costs less.
    #[inline(always)]
    pub fn offer_whole(&mut self, record: Record<'_>) -> Push {
        if !self.origin.is_here() {
            return Push::Forked;
        }
        let words = record.bytes().len() / 8;
        if words as u64 > self.clear {
            return self.offer_pieces(&[record.bytes()]);
        }
        self.clear -= words as u64;
        let lane = &*self.lane;
        let place = lane.place(self.head);
        lane.watch.written(place, words);
        // SAFETY: as many words as are clear are the producer's, and before the lane's end.
        unsafe { copy::store(lane.data().get_unchecked(place..place + words), record.bytes()) }
        self.hand_over(self.head.wrapping_add(words as u64));
        Push::Taken
    }

    /// Takes nothing for granted but that this is the lane's process and that the pieces are whole words.
    #[cold]
    #[inline(never)]
    fn offer_pieces(&mut self, pieces: &[&[u8]]) -> Push {
        let lane = &*self.lane;
        let capacity = lane.capacity();
        let words = pieces.iter().map(|bytes| bytes.len()).sum::<usize>() / 8;
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
        let (to_end, from_start) = lane.data_from(place);
        // SAFETY: the words from `head` to `end` are the producer's, as `end` is not more than the capacity after `tail`,
        // and they are as many as the record needs.
        unsafe { copy::store_pieces(to_end, from_start, pieces) }
        let was_low = self.head.wrapping_sub(self.tail) <= capacity / 2;
        self.hand_over(end);
        let mut push = Push::Taken;
        if end.wrapping_sub(self.tail) > capacity / 2 {
            self.tail = tail_seen(&self.lane, end, self.tail);
            if was_low && end.wrapping_sub(self.tail) > capacity / 2 {
                push = Push::TakenWake;
            }
        }
        let low = (capacity / 2).saturating_sub(end.wrapping_sub(self.tail));
        let to_end = capacity - self.lane.place(end) as u64;
        self.clear = low.min(to_end).min(capacity / 4);
        push
    }

    /// Everything before `end` is stored.
    #[inline(always)]
    fn hand_over(&mut self, end: u64) {
        let pushed = &self.lane.producer.0.pushed;
        pushed.store(pushed.load(Relaxed) + 1, Release);
        self.lane.head().store(end, Release);
        self.head = end;
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
