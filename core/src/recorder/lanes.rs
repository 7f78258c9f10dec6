//! The lanes of one tracer: registered by recording threads, emptied by delivery, counted for the report.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tracer_factory_ring::{Consumer, RecordHeader, Records};

use super::last_trace::{Capture, LastTrace};

/// What one recording thread shares with everybody else.
#[derive(Debug, Default)]
pub(crate) struct ThreadShare {
    pub(crate) last: Mutex<LastTrace>,
}

impl ThreadShare {
    pub(crate) fn last(&self) -> std::sync::MutexGuard<'_, LastTrace> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counters of everything that was ever handed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Spans that ended and were to be delivered.
    pub(crate) accepted: u64,
    /// Spans a full lane or a full queue of large spans did not take.
    pub(crate) refused: u64,
    /// Spans still waiting to be gathered.
    pub(crate) waiting: u64,
}

/// All lanes of a tracer.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    live: Vec<(Consumer, Arc<ThreadShare>)>,
    /// Counters of lanes whose threads ended.
    retired_pushed: u64,
    retired_refused: u64,
    /// Last traces of threads that ended, by worker.
    retired_last: HashMap<Option<i64>, LastTrace>,
    large: LargeSpans,
}

/// Spans too large for a lane: rare, so a lock is fine.
#[derive(Debug, Default)]
struct LargeSpans {
    records: VecDeque<Vec<u8>>,
    bytes: usize,
    pushed: u64,
    refused: u64,
}

impl Lanes {
    /// Bytes of large spans that may wait.
    const LARGE_BYTES: usize = 32 << 20;

    pub(crate) fn register(&mut self, consumer: Consumer, share: Arc<ThreadShare>) {
        self.live.push((consumer, share));
    }

    pub(crate) fn push_large(&mut self, header: &RecordHeader, span: &[u8]) {
        if self.large.bytes + span.len() > Self::LARGE_BYTES {
            self.large.refused += 1;
            return;
        }
        let mut record = Vec::with_capacity(span.len() + 64);
        header.append_to(span, &mut record);
        self.large.bytes += record.len();
        self.large.records.push_back(record);
        self.large.pushed += 1;
    }

    /// Takes records out of every lane and hands them over in runs of at most about `max_bytes` bytes and `max_spans` spans.
    pub(crate) fn gather(&mut self, max_bytes: usize, max_spans: usize, mut batch: impl FnMut(Vec<u8>)) {
        let mut run = Vec::new();
        let mut split = |run: &mut Vec<u8>| {
            let mut rest = std::mem::take(run);
            while let Some(at) = split_point(&rest, max_bytes, max_spans) {
                let tail = rest.split_off(at);
                batch(std::mem::replace(&mut rest, tail));
            }
            *run = rest;
        };
        for (consumer, _) in &mut self.live {
            while consumer.drain_into(&mut run, max_bytes) > 0 {
                split(&mut run);
            }
        }
        while let Some(record) = self.large.records.pop_front() {
            self.large.bytes -= record.len();
            run.extend_from_slice(&record);
            split(&mut run);
        }
        if !run.is_empty() {
            batch(run);
        }
        self.retire();
    }

    /// Lets go of lanes whose threads ended and whose records are all taken.
    fn retire(&mut self) {
        let (mut pushed, mut refused) = (0, 0);
        let retired_last = &mut self.retired_last;
        self.live.retain(|(consumer, share)| {
            if !consumer.is_finished() {
                return true;
            }
            let counts = consumer.lane().counts();
            pushed += counts.pushed;
            refused += counts.refused;
            let last = std::mem::take(&mut *share.last());
            let kept = retired_last.entry(last.worker).or_default();
            if last.end > kept.end {
                *kept = last;
            }
            false
        });
        self.retired_pushed += pushed;
        self.retired_refused += refused;
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts {
            accepted: self.retired_pushed + self.retired_refused + self.large.pushed + self.large.refused,
            refused: self.retired_refused + self.large.refused,
            waiting: self.large.records.len() as u64,
        };
        for (consumer, _) in &self.live {
            let lane = consumer.lane().counts();
            counts.accepted += lane.pushed + lane.refused;
            counts.refused += lane.refused;
            counts.waiting += lane.pushed - lane.popped;
        }
        counts
    }

    /// The newest last trace of `worker`; of anyone when that worker has none.
    pub(crate) fn last_trace(&self, worker: Option<i64>) -> Option<Capture> {
        self.newest(|last| worker.is_some() && last.worker == worker).or_else(|| self.newest(|_| true))
    }

    fn newest(&self, wanted: impl Fn(&LastTrace) -> bool) -> Option<Capture> {
        let mut newest = (0, None);
        let mut consider = |last: &LastTrace| {
            if last.end > newest.0 && wanted(last) {
                newest = (last.end, Some(last.capture()));
            }
        };
        self.retired_last.values().for_each(&mut consider);
        for (_, share) in &self.live {
            consider(&share.last());
        }
        newest.1
    }
}

/// Where the first batch of `records` ends; `None` when all of it is not yet more than one batch.
fn split_point(records: &[u8], max_bytes: usize, max_spans: usize) -> Option<usize> {
    if records.len() <= max_bytes && records.len() / tracer_factory_ring::HEADER_BYTES <= max_spans {
        return None;
    }
    let (mut walk, mut spans) = (Records::new(records), 0);
    loop {
        let before = records.len() - walk.rest().len();
        walk.next()?;
        let after = records.len() - walk.rest().len();
        if spans == max_spans || (after > max_bytes && spans > 0) {
            return Some(before);
        }
        spans += 1;
    }
}
