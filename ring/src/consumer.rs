//! The delivery thread's end of a lane. See [`crate::lane`] for the invariants.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::copy;
use crate::fork::Origin;
use crate::lane::Lane;
use crate::record;
use crate::region::Region;
use crate::storage::Storage;
use crate::sync::Arc;

/// The delivery thread's end.
#[derive(Debug)]
pub struct Consumer<S: Storage = Region> {
    lane: Arc<Lane<S>>,
    origin: Origin,
    /// Own copy of `tail`, which nobody else stores.
    released: u64,
    read: u64,
}

impl<S: Storage> Consumer<S> {
    pub(crate) fn new(lane: Arc<Lane<S>>, at: u64) -> Self {
        Self { lane, origin: Origin::here(), released: at, read: at }
    }

    /// The shared part.
    pub fn lane(&self) -> &Arc<Lane<S>> {
        &self.lane
    }

    /// Appends whole records to `out` until about `max_bytes` were read or the lane is empty.
    /// Returns how many records that were. At least one is read when there is one.
    ///
    /// Their words stay occupied, and are found again when the process dies, until they are [released](Self::release).
    pub fn read_into(&mut self, out: &mut Vec<u8>, max_bytes: usize) -> u64 {
        if !self.origin.is_here() {
            return 0;
        }
        let lane = &*self.lane;
        let head = lane.head().load(Acquire);
        let waiting = head.wrapping_sub(self.read);
        if waiting > lane.capacity() {
            return 0;
        }
        let (mut records, mut words) = (0, 0);
        let mut whole = true;
        while words < waiting && (records == 0 || words * 8 < max_bytes as u64) {
            let next = record::words(lane.word(self.read.wrapping_add(words)));
            // Only another process can have made it so. Where the next record begins can't be known.
            if next > waiting - words {
                whole = false;
                break;
            }
            words += next;
            records += 1;
        }
        let (place, data) = (lane.place(self.read), lane.data());
        lane.watch.read(place, words as usize);
        let end = data.len().min(place + words as usize);
        let around = place + words as usize - end;
        for run in [data.get(place..end), data.get(..around)].into_iter().flatten() {
            // SAFETY: the words between `tail` and `head` are the consumer's: nobody writes them until `release`.
            unsafe { copy::append(run, out) };
        }
        let popped = &lane.consumer.0.popped;
        popped.store(popped.load(Relaxed) + records, Release);
        self.read = if whole { self.read.wrapping_add(words) } else { head };
        records
    }

    /// Where reading goes on: everything before it was read. It only grows.
    pub fn position(&self) -> u64 {
        self.read
    }

    /// Lets the producer overwrite everything before `to`, which was a [position](Self::position).
    /// What has not been read is never released.
    pub fn release(&mut self, to: u64) {
        let to = to.min(self.read);
        if to > self.released && self.origin.is_here() {
            self.released = to;
            self.lane.tail().store(to, Release);
        }
    }

    /// As [`Self::read_into`], and releases what was read.
    pub fn drain_into(&mut self, out: &mut Vec<u8>, max_bytes: usize) -> u64 {
        let records = self.read_into(out, max_bytes);
        self.release(self.read);
        records
    }

    /// Words that are occupied, read or not; of [`Lane::capacity`].
    pub fn unreleased_words(&self) -> u64 {
        self.lane.head().load(Acquire).wrapping_sub(self.released)
    }

    /// True when everything was read and nothing will come.
    pub fn is_finished(&self) -> bool {
        self.lane.is_closed() && self.lane.head().load(Acquire) == self.read
    }

    /// True when everything was released and nothing will come.
    pub fn is_released(&self) -> bool {
        self.lane.is_closed() && self.lane.head().load(Acquire) == self.released
    }
}
