//! The traces in memory: span bytes as they arrived, indexed by trace; decoded when they are read.
//!
//! One order serves both ends: the traces that got spans last are listed first, the others leave first.

mod request;
mod schema;
mod trace;

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracer_factory_core::ids::TraceId;
use tracer_factory_core::otlp::DecodeError;

use self::request::{Chunk, parse};
use self::trace::StoredTrace;
use crate::api::{TraceQuery, TraceSummary};

/// What became of a request's spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ingested {
    /// Stored now.
    pub(crate) accepted: u64,
    /// Without a valid trace or span identifier.
    pub(crate) rejected: u64,
    /// Stored before, byte for byte: a request that was sent again.
    pub(crate) duplicates: u64,
}

/// What the store holds and what it let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    pub(crate) traces: usize,
    pub(crate) spans: u64,
    pub(crate) bytes: usize,
    pub(crate) evicted_traces: u64,
    pub(crate) evicted_spans: u64,
}

#[derive(Debug)]
pub(crate) struct Store {
    max_bytes: usize,
    hasher: RandomState,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    traces: HashMap<TraceId, StoredTrace>,
    /// Traces by when they last got a span.
    order: BTreeMap<u64, TraceId>,
    next_turn: u64,
    totals: Totals,
}

impl Store {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, hasher: RandomState::new(), inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No panic can leave it half changed in a way that matters: at worst a count is off.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the spans of an `ExportTraceServiceRequest`: all that have identifiers, or nothing when it is malformed.
    pub(crate) fn ingest(&self, request: &[u8]) -> Result<Ingested, DecodeError> {
        let parsed = parse(request, |seed, bytes| self.hasher.hash_one((seed, bytes)))?;
        let mut result = Ingested { rejected: parsed.rejected, ..Ingested::default() };
        let mut inner = self.lock();
        for chunk in parsed.chunks {
            inner.add(chunk, &mut result);
        }
        inner.make_room(self.max_bytes);
        Ok(result)
    }

    /// The newest traces that `query` describes.
    pub(crate) fn list(&self, query: &TraceQuery) -> Vec<TraceSummary> {
        let inner = self.lock();
        let newest_first = inner.order.values().rev();
        newest_first
            .filter_map(|id| {
                inner.traces.get(id).filter(|trace| trace.matches(query)).map(|trace| trace.summary(*id))
            })
            .take(query.limit)
            .collect()
    }

    /// The whole trace as an `ExportTraceServiceRequest`.
    pub(crate) fn request_of(&self, id: TraceId) -> Option<Vec<u8>> {
        self.lock().traces.get(&id).map(StoredTrace::request)
    }

    pub(crate) fn totals(&self) -> Totals {
        let inner = self.lock();
        Totals { traces: inner.traces.len(), ..inner.totals }
    }
}

impl Inner {
    fn add(&mut self, chunk: Chunk, result: &mut Ingested) {
        let turn = self.next_turn;
        let id = chunk.trace_id;
        let trace = self.traces.entry(id).or_default();
        // A trace without spans is not counted yet.
        let before = if trace.spans() > 0 { (trace.bytes(), trace.spans()) } else { (0, 0) };
        let offered = chunk.spans();
        trace.add(chunk);
        let added = trace.spans() - before.1;
        result.accepted += added;
        result.duplicates += offered - added;
        if added > 0 {
            self.totals.bytes = self.totals.bytes + trace.bytes() - before.0;
            self.totals.spans += added;
            if let Some(last) = trace.turn.replace(turn) {
                self.order.remove(&last);
            }
            self.order.insert(turn, id);
            self.next_turn += 1;
        }
    }

    /// Lets traces go, the longest untouched first; of the last one only as much as it takes.
    fn make_room(&mut self, max_bytes: usize) {
        while self.totals.bytes > max_bytes && self.order.len() > 1 {
            self.evict_last();
        }
        let Some(trace) = self.order.values().next().and_then(|id| self.traces.get_mut(id)) else { return };
        while self.totals.bytes > max_bytes && trace.spans() > 0 {
            let before = (trace.bytes(), trace.spans());
            trace.drop_oldest();
            let dropped = before.1 - trace.spans();
            self.totals.bytes -= before.0 - trace.bytes();
            self.totals.spans -= dropped;
            self.totals.evicted_spans += dropped;
        }
        if trace.spans() == 0 {
            self.evict_last();
        }
    }

    fn evict_last(&mut self) {
        let Some(trace) = self.order.pop_first().and_then(|(_, id)| self.traces.remove(&id)) else { return };
        self.totals.bytes -= trace.bytes();
        self.totals.spans -= trace.spans();
        self.totals.evicted_traces += 1;
        self.totals.evicted_spans += trace.spans();
    }
}

#[cfg(test)]
mod tests;
