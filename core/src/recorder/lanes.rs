//! The lanes of one tracer: registered by recording threads, emptied by delivery, counted for the report.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Release as Publish};
use std::sync::{Arc, Mutex, MutexGuard};

use tracer_factory_ring::{Consumer, RecordHeader, Records};

use super::frame::Recording;
use super::last_trace::{Capture, LastTrace};
use super::supply::Place;
use crate::lock::lock;
use crate::spare::Spare;

/// What one recording thread shares with everybody else.
#[derive(Debug, Default)]
pub(crate) struct ThreadShare {
    /// Read only under the lock of what is gathered.
    pub(super) last: LastTrace,
}

/// Counters of everything that was ever handed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Spans that ended and were to be delivered.
    pub(crate) accepted: u64,
    /// Spans for which there was no room, in their lane or beside it.
    pub(crate) refused: u64,
    /// Spans still waiting to be gathered.
    pub(crate) waiting: u64,
}

/// A place in a lane: what was read up to there may be written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Release {
    lane: u64,
    position: u64,
}

/// Records that were gathered, and how many they are.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) records: Vec<u8>,
    pub(crate) spans: usize,
}

/// All lanes of a tracer. Recording threads take only the short locks; gathering and reports take `gathered` first.
#[derive(Debug)]
pub(crate) struct Lanes {
    /// Lanes that delivery has not seen yet.
    incoming: Mutex<Incoming>,
    beside: Mutex<Beside>,
    /// What may wait beside the lanes, in bytes.
    beside_bytes: usize,
    /// Somebody waits for room in a lane, or for a lane.
    room_wanted: AtomicBool,
    gathered: Mutex<Gathered>,
}

#[derive(Debug, Default)]
struct Incoming {
    lanes: Vec<Registered>,
    /// The number of the next lane.
    next: u64,
}

#[derive(Debug)]
struct Registered {
    number: u64,
    consumer: Consumer,
    place: Place,
    share: Arc<ThreadShare>,
}

/// Whether records may stay in their lanes after they were gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Crowd {
    /// There is room.
    No,
    /// A lane is more than half full. A healthy destination takes that within milliseconds, so it is worth another look
    /// rather than a way over the disk.
    Some,
    /// A lane has a quarter of its room left at most.
    Most,
}

impl Crowd {
    fn of(consumer: &Consumer) -> Self {
        let (used, capacity) = (consumer.unreleased_words(), consumer.lane().capacity());
        if used <= capacity / 2 {
            Self::No
        } else if used <= capacity / 4 * 3 {
            Self::Some
        } else {
            Self::Most
        }
    }
}

#[derive(Debug, Default)]
struct Gathered {
    /// By number, in ascending order.
    live: Vec<Registered>,
    /// Counters of lanes whose threads ended.
    retired_pushed: u64,
    retired_refused: u64,
    /// Last traces of threads that ended, by worker.
    retired_last: HashMap<Option<i64>, Box<Recording>>,
}

/// Spans larger than their lane, and those that a full one did not take in time: rare, so a lock is fine.
#[derive(Debug, Default)]
struct Beside {
    records: VecDeque<Vec<u8>>,
    bytes: usize,
    pushed: u64,
    refused: u64,
}

impl Beside {
    /// Gives the oldest up until there is room for so many bytes, or nothing else is left.
    fn make_room(&mut self, bytes: usize, limit: usize) {
        while self.bytes.saturating_add(bytes) > limit
            && let Some(oldest) = self.records.pop_front()
        {
            self.bytes -= oldest.len();
            self.pushed -= 1;
            self.refused += 1;
        }
    }
}

impl Lanes {
    /// At most so many bytes wait beside the lanes; one span in any case.
    pub(crate) fn holding(beside_bytes: usize) -> Self {
        Self {
            incoming: Mutex::default(),
            beside: Mutex::default(),
            beside_bytes,
            room_wanted: AtomicBool::new(false),
            gathered: Mutex::default(),
        }
    }

    pub(super) fn register(&self, consumer: Consumer, place: Place, share: Arc<ThreadShare>) {
        let mut incoming = lock(&self.incoming);
        let number = incoming.next;
        incoming.next += 1;
        incoming.lanes.push(Registered { number, consumer, place, share });
    }

    /// What is in the lanes is to leave them with the next gathering.
    pub(super) fn want_room(&self) {
        self.room_wanted.store(true, Publish);
    }

    pub(crate) fn push_beside(&self, header: &RecordHeader, span: &[u8]) {
        let mut record = Vec::with_capacity(span.len() + 64);
        header.append_to(span, &mut record);
        let mut beside = lock(&self.beside);
        beside.make_room(record.len(), self.beside_bytes);
        beside.bytes += record.len();
        beside.records.push_back(record);
        beside.pushed += 1;
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        let mut gathered = lock(&self.gathered);
        gathered.live.append(&mut lock(&self.incoming).lanes);
        gathered
    }

    /// Copies what is in the lanes now and hands it over in runs of at most about `max_bytes` bytes and `max_spans`
    /// spans, each with the places where its records end. What threads add meanwhile is left for the next time, so that
    /// a fast one can't hold this up. The records stay where they are until [`Lanes::release`].
    /// Runs are in memory of `spare`. The answer says whether the records may stay in the lanes for long.
    pub(crate) fn gather(
        &self,
        max_bytes: usize,
        max_spans: usize,
        spare: &Spare,
        mut batch: impl FnMut(Run, Vec<Release>),
    ) -> Crowd {
        let mut gathered = self.gathered();
        let (mut run, mut places, mut crowd) = (Run::default(), Vec::new(), Crowd::No);
        // Before the lanes are looked at, so that what whoever asked had ended by then is among what leaves them.
        if self.room_wanted.swap(false, AcqRel) {
            crowd = Crowd::Most;
        }
        for Registered { number, consumer, place, .. } in &mut gathered.live {
            let counts = consumer.lane().counts();
            let mut waiting = counts.pushed - counts.popped;
            let any = waiting > 0;
            while waiting > 0 {
                if run.records.capacity() == 0 {
                    run.records = spare.take();
                }
                let taken = consumer.read_into(&mut run.records, max_bytes);
                if taken == 0 {
                    break;
                }
                run.spans += taken as usize;
                waiting = waiting.saturating_sub(taken);
                let end = consumer.position();
                split(&mut run, max_bytes, max_spans, spare, |full, rest| {
                    // What is left over is of this lane alone: the run was short enough before it.
                    places.push(Release { lane: *number, position: end - (rest / 8) as u64 });
                    batch(full, std::mem::take(&mut places));
                });
            }
            if any && run.spans > 0 {
                places.push(Release { lane: *number, position: consumer.position() });
            }
            crowd = crowd.max(Crowd::of(consumer));
            // What is in no file goes to the disk at once.
            if any && place.is_exposed() {
                crowd = Crowd::Most;
            }
        }
        // Counted as taken only when they are in a batch, under the lock that reports take.
        let mut beside = lock(&self.beside);
        let records = std::mem::take(&mut beside.records);
        beside.bytes = 0;
        drop(beside);
        if !records.is_empty() {
            crowd = Crowd::Most;
        }
        for record in records {
            run.records.extend_from_slice(&record);
            run.spans += 1;
            split(&mut run, max_bytes, max_spans, spare, |full, _| batch(full, std::mem::take(&mut places)));
        }
        if run.spans > 0 {
            batch(run, places);
        } else {
            spare.keep(run.records);
        }
        gathered.retire();
        crowd
    }

    /// Lets threads write over what nobody needs any more.
    pub(crate) fn release(&self, places: &[Release]) {
        if places.is_empty() {
            return;
        }
        let mut gathered = self.gathered();
        for place in places {
            if let Ok(at) = gathered.live.binary_search_by_key(&place.lane, |lane| lane.number) {
                gathered.live[at].consumer.release(place.position);
            }
        }
        gathered.retire();
    }

    /// Shows the counters to `read` while nothing is gathered, so that whatever else it reads fits to them.
    pub(crate) fn with_counts<R>(&self, read: impl FnOnce(Counts) -> R) -> R {
        let gathered = self.gathered();
        let beside = lock(&self.beside);
        let mut counts = Counts {
            accepted: gathered.retired_pushed + gathered.retired_refused + beside.pushed + beside.refused,
            refused: gathered.retired_refused + beside.refused,
            waiting: beside.records.len() as u64,
        };
        drop(beside);
        for Registered { consumer, .. } in &gathered.live {
            let lane = consumer.lane().counts();
            counts.accepted += lane.pushed + lane.refused;
            counts.refused += lane.refused;
            counts.waiting += lane.pushed - lane.popped;
        }
        read(counts)
    }

    /// The newest last trace of `worker`; of anyone when that worker has none.
    pub(crate) fn last_trace(&self, worker: Option<i64>) -> Option<Capture> {
        let gathered = self.gathered();
        let of_worker = gathered.newest(|last| worker.is_some() && last.worker.number() == worker);
        of_worker.or_else(|| gathered.newest(|_| true))
    }
}

impl Gathered {
    /// Workers that are gone whose last traces are kept.
    const RETIRED: usize = 64;

    /// Lets go of lanes whose threads ended and whose records nobody needs any more.
    fn retire(&mut self) {
        let (mut pushed, mut refused) = (0, 0);
        let retired_last = &mut self.retired_last;
        self.live.retain(|Registered { consumer, share, .. }| {
            if !consumer.is_finished() || !consumer.is_released() {
                return true;
            }
            let counts = consumer.lane().counts();
            pushed += counts.pushed;
            refused += counts.refused;
            if let Some(last) = share.last.take() {
                let kept = retired_last.get(&last.worker.number());
                if kept.is_none_or(|kept| last.span.ended > kept.span.ended) {
                    retired_last.insert(last.worker.number(), last);
                }
            }
            false
        });
        self.retired_pushed += pushed;
        self.retired_refused += refused;
        while self.retired_last.len() > Self::RETIRED {
            let oldest =
                self.retired_last.iter().min_by_key(|(_, last)| last.span.ended).map(|(worker, _)| *worker);
            oldest.and_then(|worker| self.retired_last.remove(&worker));
        }
    }

    fn newest(&self, wanted: impl Fn(&Recording) -> bool) -> Option<Capture> {
        let mut newest: Option<(u64, Capture)> = None;
        let mut consider = |last: &Recording| {
            if newest.as_ref().is_none_or(|(ended, _)| last.span.ended > *ended) && wanted(last) {
                newest = Some((last.span.ended, last.to_capture()));
            }
        };
        self.retired_last.values().for_each(|last| consider(last));
        for Registered { share, .. } in &self.live {
            share.last.look(&mut consider);
        }
        newest.map(|(_, capture)| capture)
    }
}

/// Hands over whole batches from the beginning of `run`, each with the number of bytes that are left behind it.
fn split(
    run: &mut Run,
    max_bytes: usize,
    max_spans: usize,
    spare: &Spare,
    mut batch: impl FnMut(Run, usize),
) {
    // Looking at every record is for those runs alone that have to be cut.
    while run.records.len() > max_bytes || run.spans > max_spans {
        let Some((at, spans)) = split_point(&run.records, max_bytes, max_spans) else { break };
        let mut rest = Run { records: spare.take(), spans: run.spans - spans };
        rest.records.extend_from_slice(run.records.get(at..).unwrap_or_default());
        run.records.truncate(at);
        let full = Run { records: std::mem::replace(run, rest).records, spans };
        batch(full, run.records.len());
    }
}

/// Where the first batch of `records` ends, and how many it has; `None` when all of it is not yet more than one batch.
fn split_point(records: &[u8], max_bytes: usize, max_spans: usize) -> Option<(usize, usize)> {
    let (mut walk, mut spans) = (Records::new(records), 0);
    loop {
        let before = records.len() - walk.rest().len();
        walk.next()?;
        let after = records.len() - walk.rest().len();
        if spans == max_spans || (after > max_bytes && spans > 0) {
            return Some((before, spans));
        }
        spans += 1;
    }
}
