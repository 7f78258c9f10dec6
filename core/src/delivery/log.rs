//! The batches of one tracer between its lanes and its destinations: one sequence, and one cursor for each destination.
//!
//! A batch stays until every destination is past it: in memory, and on disk once it waits for long. Everything is under
//! one lock, so that every snapshot adds up; recording threads never take it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use tokio::sync::watch;

use super::batch::Batch;
use super::breaker::Circuit;
use super::destination::{Delivered, DeliveryError};
use super::ledger::{InFlight, Ledger, reason};
use super::store::{Saved, Store};
use crate::lock::lock;
use crate::recorder::{Counts, Release};
use crate::report::{DestinationHealth, DestinationReport, Health};

/// What is kept in memory while there is a disk for the rest.
const WINDOW: usize = 8 << 20;

#[derive(Debug, thiserror::Error)]
#[error("there is no room for a single batch; TRACER_SPOOL_MAX_BYTES or the disk is too small")]
struct NoRoom;

pub(crate) struct Log {
    inner: Mutex<Inner>,
    /// The sequence number that the next batch will have.
    end: watch::Sender<u64>,
    /// Counts up whenever something was settled.
    settled: watch::Sender<u64>,
}

struct Inner {
    /// The sequence number of the first entry.
    first: u64,
    entries: VecDeque<Entry>,
    /// Bytes of batches in memory.
    held: usize,
    queue_bytes: usize,
    ledgers: Vec<Ledger>,
    store: Store,
    /// Places in lanes that nobody needs any more.
    freed: Vec<Release>,
}

struct Entry {
    spans: u64,
    bytes: usize,
    /// `None` when it is only on disk.
    batch: Option<Arc<Batch>>,
    saved: bool,
    /// Where its records end in their lanes, while those are its only safe copy.
    places: Vec<Release>,
}

impl Log {
    pub(crate) fn new(
        destinations: impl Iterator<Item = (&'static str, String)>,
        queue_bytes: usize,
        store: Store,
    ) -> Self {
        let ledgers = destinations.map(|(backend, endpoint)| Ledger::new(backend, endpoint)).collect();
        let inner = Inner {
            first: 0,
            entries: VecDeque::new(),
            held: 0,
            queue_bytes,
            ledgers,
            store,
            freed: Vec::new(),
        };
        Self { inner: Mutex::new(inner), end: watch::Sender::new(0), settled: watch::Sender::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Adds a batch whose records end at `places` in their lanes.
    pub(crate) fn push(&self, batch: Arc<Batch>, places: Vec<Release>) {
        let mut inner = self.lock();
        inner.push(batch, places);
        let end = inner.end();
        drop(inner);
        self.end.send_replace(end);
    }

    /// Makes everything so far independent of the lanes it came from, because they are filling up.
    pub(crate) fn leave_the_lanes(&self) {
        self.lock().leave_the_lanes();
    }

    /// Places in lanes that may be written over now.
    pub(crate) fn take_freed(&self) -> Vec<Release> {
        std::mem::take(&mut self.lock().freed)
    }

    /// The next batch for a destination, as soon as there is one.
    pub(crate) async fn next(&self, destination: usize) -> Arc<Batch> {
        let mut end = self.end.subscribe();
        loop {
            end.mark_unchanged();
            if let Some(taken) = self.try_next(destination) {
                return taken;
            }
            // The sender is ours and lives as long as we do.
            let _ = end.changed().await;
        }
    }

    /// The next batch for a destination, if there is one.
    fn try_next(&self, destination: usize) -> Option<Arc<Batch>> {
        let taken = self.lock().take(destination);
        if taken.is_none() {
            // What can't be read back is settled too.
            self.settled.send_modify(|count| *count = count.wrapping_add(1));
        }
        taken
    }

    /// `spans` of the batch in flight arrived, but for what `what` says.
    pub(crate) fn delivered(&self, destination: usize, spans: u64, what: &Delivered) {
        self.with(destination, |ledger| ledger.delivered(spans, what));
    }

    /// `spans` of the batch in flight will never be taken.
    pub(crate) fn rejected(&self, destination: usize, spans: u64, error: DeliveryError) {
        self.with(destination, |ledger| ledger.rejected(spans, error));
    }

    /// `spans` of the batch in flight are given up.
    pub(crate) fn dropped(&self, destination: usize, spans: u64, reason: &'static str) {
        self.with(destination, |ledger| ledger.dropped(spans, reason));
    }

    /// An attempt failed that will be repeated.
    pub(crate) fn failed(&self, destination: usize, error: DeliveryError, what: &str) {
        self.with(destination, |ledger| ledger.failed(error, what));
    }

    pub(crate) fn set_circuit(&self, destination: usize, circuit: Circuit, since: Instant) {
        self.with(destination, |ledger| ledger.circuit = Some((circuit, since)));
    }

    /// An error at a destination's endpoint.
    pub(crate) fn error_of(&self, destination: usize, what: String) -> DeliveryError {
        let inner = self.lock();
        let endpoint = inner.ledgers.get(destination).map(|ledger| ledger.endpoint.clone());
        DeliveryError::new(endpoint.unwrap_or_default(), what)
    }

    /// The directory of what is on disk.
    pub(crate) fn directory(&self) -> Option<PathBuf> {
        self.lock().store.directory()
    }

    fn with(&self, destination: usize, change: impl FnOnce(&mut Ledger)) {
        if let Some(ledger) = self.lock().ledgers.get_mut(destination) {
            change(ledger);
        }
    }

    /// The batch in flight is dealt with.
    pub(crate) fn finish(&self, destination: usize) {
        let mut inner = self.lock();
        if let Some(ledger) = inner.ledgers.get_mut(destination) {
            ledger.in_flight = None;
        }
        inner.trim();
        drop(inner);
        self.settled.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Waits until every batch so far is dealt with by every destination.
    pub(crate) async fn all_settled(&self) {
        let mut settled = self.settled.subscribe();
        let target = *self.end.borrow();
        loop {
            settled.mark_unchanged();
            if self.lock().ledgers.iter().all(|ledger| ledger.cursor() >= target) {
                return;
            }
            let _ = settled.changed().await;
        }
    }

    /// What is due by the clock: old segments go, and a disk that failed is tried again.
    pub(crate) fn keep_house(&self, now: Instant) {
        let mut inner = self.lock();
        let expired = inner.store.expire();
        inner.lose(&expired, reason::EXPIRED);
        if inner.store.try_again(now) {
            // Whatever came meanwhile is in memory alone.
            inner.leave_the_lanes();
        }
    }

    /// What has to reach the disk itself, if anything: to be called outside every lock.
    pub(crate) fn take_unsynced(&self) -> Option<crate::spool::Unsynced> {
        self.lock().store.take_unsynced()
    }

    /// What became of that.
    pub(crate) fn synced(&self, result: Result<(), crate::spool::SpoolError>) {
        self.lock().store.synced(result);
    }

    /// Ends it: what waits is put on disk for a later process, or given up where there is none.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.store.try_now();
        inner.leave_the_lanes();
        for at in 0..inner.ledgers.len() {
            let lost = inner.lost_at_the_end(at);
            let ledger = &mut inner.ledgers[at];
            ledger.tally.drop_spans(reason::SHUTDOWN, lost);
            if lost > 0 {
                tracing::warn!(
                    backend = ledger.backend,
                    endpoint = ledger.endpoint,
                    spans = lost,
                    "spans were given up at the end"
                );
            }
        }
        inner.entries.iter_mut().filter(|entry| !entry.saved).for_each(|entry| entry.spans = 0);
        let cursors: Vec<_> = inner.ledgers.iter().map(Ledger::cursor).collect();
        let pending = (0..inner.ledgers.len()).any(|at| inner.cursor_is_behind(at));
        inner.store.close(&cursors, pending);
        drop(inner);
        self.settled.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Counts spans that never reach a destination.
    pub(crate) fn give_up(&self, reason: &'static str, spans: u64) {
        let mut inner = self.lock();
        inner.ledgers.iter_mut().for_each(|ledger| ledger.tally.drop_spans(reason, spans));
    }

    /// Every destination's share of a report; `counts` is what the lanes say.
    pub(crate) fn report(&self, counts: Counts, late: u64) -> Vec<DestinationReport> {
        let inner = self.lock();
        let share = |at| {
            let waiting = counts.waiting + inner.waiting(at);
            inner.ledgers[at].report(waiting, counts.refused, late)
        };
        (0..inner.ledgers.len()).map(share).collect()
    }

    pub(crate) fn health(&self) -> Health {
        let inner = self.lock();
        let of = |at: usize| -> DestinationHealth { inner.ledgers[at].health(inner.waiting(at)) };
        let destinations = (0..inner.ledgers.len()).map(of).collect();
        Health { destinations, disk: inner.store.health(), ..Health::default() }
    }
}

impl Inner {
    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    fn index(&self, sequence: u64) -> Option<usize> {
        let at = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        (at < self.entries.len()).then_some(at)
    }

    fn is_saved(&self, sequence: u64) -> bool {
        self.index(sequence).is_some_and(|at| self.entries[at].saved)
    }

    /// Spans that a destination has not been given yet.
    fn waiting(&self, destination: usize) -> u64 {
        self.sum(destination, |_| true)
    }

    /// Spans of a destination that are not on disk now that there will be nobody to send them. Its batch in flight is
    /// among them when it is not there either.
    fn lost_at_the_end(&mut self, destination: usize) -> u64 {
        let waiting = self.sum(destination, |entry| !entry.saved);
        let flight = self.ledgers[destination].in_flight.filter(|flight| !self.is_saved(flight.sequence));
        if flight.is_some() {
            self.ledgers[destination].in_flight = None;
        }
        waiting + flight.map_or(0, |flight| flight.spans)
    }

    /// Whether a later process has something to do for a destination.
    fn cursor_is_behind(&self, destination: usize) -> bool {
        self.ledgers[destination].in_flight.is_some() || self.waiting(destination) > 0
    }

    fn sum(&self, destination: usize, counts: impl Fn(&Entry) -> bool) -> u64 {
        let from = self.ledgers[destination].next.saturating_sub(self.first) as usize;
        self.entries.iter().skip(from).filter(|entry| counts(entry)).map(|entry| entry.spans).sum()
    }

    fn push(&mut self, batch: Arc<Batch>, places: Vec<Release>) {
        let (spans, bytes) = (batch.len() as u64, batch.bytes());
        self.held += bytes;
        let mut entry = Entry { spans, bytes, batch: Some(batch), saved: false, places };
        if !self.store.is_on() {
            // The copy in memory is all there is; the lane gains nothing from keeping it too.
            self.freed.append(&mut entry.places);
        }
        self.entries.push_back(entry);
        self.relieve_memory();
    }

    /// Moves the oldest batches to disk, or drops them where there is none, until memory holds what it may.
    fn relieve_memory(&mut self) {
        if self.store.is_on() && self.held > WINDOW.min(self.queue_bytes) {
            let target = WINDOW.min(self.queue_bytes) / 2;
            let mut sequence = self.first;
            while self.held > target && sequence < self.end() {
                if let Some(at) = self.index(sequence)
                    && !self.save(at)
                {
                    break;
                }
                if let Some(at) = self.index(sequence) {
                    self.forget(at);
                }
                sequence = (sequence + 1).max(self.first);
            }
        }
        while self.held > self.queue_bytes && self.entries.len() > 1 {
            // Those before it are on disk and take no memory.
            let Some(at) = self.entries.iter().position(|entry| entry.batch.is_some()) else { break };
            if self.entries[at].saved {
                self.forget(at);
                continue;
            }
            self.lose(&[self.first + at as u64], reason::QUEUE_FULL);
        }
    }

    /// Lets go of a batch's copy in memory.
    fn forget(&mut self, at: usize) {
        if self.entries[at].batch.take().is_some() {
            self.held -= self.entries[at].bytes;
        }
    }

    /// Puts an entry on disk. False when that failed; the store is then off for a while.
    fn save(&mut self, at: usize) -> bool {
        // Making room may take entries away from the front.
        let sequence = self.first + at as u64;
        loop {
            let Some(entry) = self.index(sequence).map(|at| &mut self.entries[at]) else { return true };
            let Some(batch) = entry.batch.as_ref().filter(|_| !entry.saved) else { return true };
            match self.store.append(sequence, batch) {
                Saved::Yes => {
                    entry.saved = true;
                    self.freed.append(&mut entry.places);
                    return true;
                }
                Saved::No => break,
                Saved::NoRoom => {
                    let evicted = self.store.evict();
                    if evicted.is_empty() {
                        self.store.fail(&NoRoom);
                        break;
                    }
                    self.lose(&evicted, reason::SPOOL_FULL);
                }
            }
        }
        // Their copies in memory are all there is from now on; the lanes gain nothing from keeping them too.
        for entry in &mut self.entries {
            self.freed.append(&mut entry.places);
        }
        false
    }

    fn leave_the_lanes(&mut self) {
        self.save_below(self.end());
    }

    /// Puts everything before a sequence number on disk, as far as that works.
    fn save_below(&mut self, end: u64) {
        let mut sequence = self.first;
        while self.store.is_on() && sequence < end {
            match self.index(sequence) {
                Some(at) if !self.save(at) => break,
                _ => sequence = (sequence + 1).max(self.first),
            }
        }
    }

    /// Lets go of batches for good, and counts them for every destination that had not been given them.
    fn lose(&mut self, sequences: &[u64], why: &'static str) {
        for sequence in sequences {
            let Some(at) = self.index(*sequence) else { continue };
            self.forget(at);
            let entry = &mut self.entries[at];
            self.freed.append(&mut entry.places);
            let spans = std::mem::take(&mut entry.spans);
            for ledger in self.ledgers.iter_mut().filter(|ledger| ledger.next <= *sequence) {
                ledger.overflow(why, spans);
            }
        }
        if !sequences.is_empty() {
            self.trim();
        }
    }

    /// Lets go of entries that every destination is past, and of those that hold nothing any more.
    fn trim(&mut self) {
        let floor = self.ledgers.iter().map(Ledger::cursor).min().unwrap_or(u64::MAX);
        let before = self.first;
        while let Some(entry) = self.entries.front()
            && (self.first < floor || (entry.spans == 0 && entry.batch.is_none()))
        {
            self.held -= entry.batch.as_ref().map_or(0, |_| entry.bytes);
            if let Some(mut entry) = self.entries.pop_front() {
                self.freed.append(&mut entry.places);
            }
            self.first += 1;
        }
        if self.first > before {
            for ledger in &mut self.ledgers {
                ledger.next = ledger.next.max(self.first);
            }
        }
        let cursors: Vec<_> = self.ledgers.iter().map(Ledger::cursor).collect();
        self.store.settle(&cursors);
    }

    /// Gives the next batch to a destination.
    fn take(&mut self, destination: usize) -> Option<Arc<Batch>> {
        loop {
            let sequence = self.ledgers.get(destination)?.next.max(self.first);
            let at = self.index(sequence)?;
            if self.entries[at].spans == 0 && self.entries[at].batch.is_none() {
                self.ledgers[destination].next = sequence + 1;
                continue;
            }
            // After a crash a destination begins again where the lanes do. For it to repeat no more than one batch, what
            // it is past and others are not must not be in the lanes alone.
            let ahead = self.first < sequence && self.entries.iter().take(at).any(|entry| !entry.saved);
            if ahead && self.store.is_on() {
                self.save_below(sequence);
                if self.index(sequence) != Some(at) {
                    // Making room took entries away.
                    continue;
                }
            }
            let entry = &self.entries[at];
            let batch = entry.batch.clone().or_else(|| self.store.read(sequence).map(Arc::new));
            let ledger = &mut self.ledgers[destination];
            ledger.next = sequence + 1;
            let Some(batch) = batch else {
                ledger.overflow(reason::DAMAGED, entry.spans);
                continue;
            };
            // A batch that came back shorter than it went has lost the rest.
            let spans = batch.len() as u64;
            ledger.overflow(reason::DAMAGED, entry.spans.saturating_sub(spans));
            ledger.in_flight = Some(InFlight { sequence, spans });
            return Some(batch);
        }
    }
}
