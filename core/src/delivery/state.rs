//! One destination's queue and counters. Everything is under one lock, so that every snapshot adds up.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use super::batch::Batch;
use super::destination::{Delivered, DeliveryError};
use crate::lock::lock;
use crate::report::{DestinationHealth, DestinationReport};

/// Reasons for which spans are given up.
pub(crate) mod reason {
    /// The recording thread's lane was full.
    pub(crate) const LANE_FULL: &str = "lane_full";
    /// The destination's queue was full; the oldest went.
    pub(crate) const QUEUE_FULL: &str = "queue_full";
    /// Too large for the transport.
    pub(crate) const OVERSIZE: &str = "oversize";
    /// The destination panicked on them again and again.
    pub(crate) const PANIC: &str = "destination_panicked";
    /// The deadline of teardown passed.
    pub(crate) const SHUTDOWN: &str = "shutdown";
    /// They ended after teardown.
    pub(crate) const TORN_DOWN: &str = "torn_down";
}

/// What a destination's task and everyone who asks about it share.
#[derive(Debug)]
pub(crate) struct DestinationState {
    backend: &'static str,
    endpoint: String,
    queue_bytes: usize,
    inner: Mutex<Inner>,
    /// Something was queued.
    queued: Notify,
    /// Something was settled.
    pub(crate) settled: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<Arc<Batch>>,
    bytes: usize,
    queued_spans: u64,
    in_flight: u64,
    received: u64,
    delivered: u64,
    rejected: u64,
    dropped: BTreeMap<&'static str, u64>,
    error: Option<DeliveryError>,
    overflowing: bool,
}

impl Inner {
    fn drop_spans(&mut self, reason: &'static str, spans: u64) {
        if spans > 0 {
            *self.dropped.entry(reason).or_default() += spans;
        }
    }
}

impl DestinationState {
    pub(crate) fn new(backend: &'static str, endpoint: String, queue_bytes: usize) -> Self {
        let (inner, queued, settled) = (Mutex::default(), Notify::new(), Notify::new());
        Self { backend, endpoint, queue_bytes, inner, queued, settled }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Queues a batch; when that is too much, the oldest go.
    pub(crate) fn push(&self, batch: Arc<Batch>) {
        let mut inner = self.lock();
        let spans = batch.len() as u64;
        inner.received += spans;
        inner.queued_spans += spans;
        inner.bytes += batch.bytes();
        inner.queue.push_back(batch);
        let mut overflow = 0;
        while inner.bytes > self.queue_bytes && inner.queue.len() > 1 {
            let Some(oldest) = inner.queue.pop_front() else { break };
            inner.bytes -= oldest.bytes();
            inner.queued_spans -= oldest.len() as u64;
            overflow += oldest.len() as u64;
        }
        inner.drop_spans(reason::QUEUE_FULL, overflow);
        let first = overflow > 0 && !std::mem::replace(&mut inner.overflowing, true);
        drop(inner);
        self.queued.notify_one();
        if overflow > 0 {
            self.settled.notify_waiters();
        }
        if first {
            tracing::warn!(
                backend = self.backend,
                endpoint = self.endpoint,
                "the queue for this destination is full: the oldest spans are dropped and counted until it answers"
            );
        }
    }

    /// Counts spans that never reach the queue.
    pub(crate) fn give_up(&self, reason: &'static str, spans: u64) {
        let mut inner = self.lock();
        inner.received += spans;
        inner.drop_spans(reason, spans);
    }

    /// The next batch, as soon as there is one.
    pub(crate) async fn next(&self) -> Arc<Batch> {
        loop {
            if let Some(batch) = self.try_next() {
                return batch;
            }
            self.queued.notified().await;
        }
    }

    fn try_next(&self) -> Option<Arc<Batch>> {
        let mut inner = self.lock();
        let batch = inner.queue.pop_front()?;
        inner.bytes -= batch.bytes();
        inner.queued_spans -= batch.len() as u64;
        inner.in_flight = batch.len() as u64;
        Some(batch)
    }

    /// The batch in flight arrived.
    pub(crate) fn delivered(&self, what: &Delivered) {
        let mut inner = self.lock();
        let spans = std::mem::take(&mut inner.in_flight);
        let rejected = what.rejected.min(spans);
        let oversize = what.oversize.min(spans - rejected);
        inner.delivered += spans - rejected - oversize;
        inner.rejected += rejected;
        inner.drop_spans(reason::OVERSIZE, oversize);
        let recovered = inner.error.take().is_some();
        inner.overflowing = false;
        let message = (rejected > 0).then(|| what.message.clone().unwrap_or_default());
        if let Some(message) = &message {
            inner.error =
                Some(DeliveryError::new(&self.endpoint, format!("refused {rejected} spans: {message}")));
        }
        drop(inner);
        self.settled.notify_waiters();
        match message {
            Some(message) if !recovered => {
                tracing::warn!(
                    backend = self.backend,
                    endpoint = self.endpoint,
                    rejected,
                    message,
                    "spans were refused"
                );
            }
            None if recovered => {
                tracing::info!(backend = self.backend, endpoint = self.endpoint, "spans are delivered again");
            }
            _ => {}
        }
    }

    /// The batch in flight will never be taken.
    pub(crate) fn rejected(&self, error: DeliveryError) {
        let mut inner = self.lock();
        let spans = std::mem::take(&mut inner.in_flight);
        inner.rejected += spans;
        drop(inner);
        self.failed(error, "spans were refused for good");
        self.settled.notify_waiters();
    }

    /// The batch in flight is given up.
    pub(crate) fn dropped(&self, reason: &'static str) {
        let mut inner = self.lock();
        let spans = std::mem::take(&mut inner.in_flight);
        inner.drop_spans(reason, spans);
        drop(inner);
        self.settled.notify_waiters();
    }

    /// Remembers a failure, and says it once until something is delivered again.
    pub(crate) fn failed(&self, error: DeliveryError, what: &str) {
        let first = self.lock().error.replace(error.clone()).is_none();
        if first {
            tracing::warn!(backend = self.backend, endpoint = self.endpoint, error = %error, "{what}");
        }
    }

    /// Gives up everything that waits.
    pub(crate) fn abandon(&self, reason: &'static str) {
        let mut inner = self.lock();
        let spans = std::mem::take(&mut inner.queued_spans) + std::mem::take(&mut inner.in_flight);
        inner.queue.clear();
        inner.bytes = 0;
        inner.drop_spans(reason, spans);
        drop(inner);
        self.settled.notify_waiters();
        if spans > 0 {
            tracing::warn!(
                backend = self.backend,
                endpoint = self.endpoint,
                spans,
                reason,
                "spans were given up"
            );
        }
    }

    /// How many spans have come in so far: with `settled_count`, whether those are dealt with.
    pub(crate) fn received(&self) -> u64 {
        self.lock().received
    }

    pub(crate) fn settled_count(&self) -> u64 {
        let inner = self.lock();
        inner.received - inner.queued_spans - inner.in_flight
    }

    /// This destination's share of a report; `waiting` and `refused` are what the lanes say.
    pub(crate) fn report(&self, waiting: u64, refused: u64, late: u64) -> DestinationReport {
        let inner = self.lock();
        let mut dropped = inner.dropped.clone();
        for (reason, count) in [(reason::LANE_FULL, refused), (reason::TORN_DOWN, late)] {
            if count > 0 {
                *dropped.entry(reason).or_default() += count;
            }
        }
        DestinationReport {
            backend: self.backend.to_owned(),
            endpoint: self.endpoint.clone(),
            delivered: inner.delivered,
            rejected: inner.rejected,
            dropped,
            pending: waiting + inner.queued_spans + inner.in_flight,
            last_error: inner.error.as_ref().map(ToString::to_string),
        }
    }

    pub(crate) fn health(&self) -> DestinationHealth {
        let inner = self.lock();
        DestinationHealth {
            backend: self.backend.to_owned(),
            endpoint: self.endpoint.clone(),
            pending: inner.queued_spans + inner.in_flight,
            error: inner.error.as_ref().map(ToString::to_string),
        }
    }
}
