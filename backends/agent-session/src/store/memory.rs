//! Storage that ends with the process: requests as they came, in order, and all traces in one index.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tracer_factory_core::ids::TraceId;
use tracer_factory_core::otlp::DecodeError;

use super::entry::Entry;
use super::index::Index;
use super::scan::Scanned;
use super::view::{Flow, ReadError, Row, View};
use super::{Ingested, Keep, Totals, cost_of};

#[derive(Debug)]
pub(super) struct Memory {
    keep: Keep,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    index: Index,
    batches: VecDeque<Batch>,
    /// The number of the first batch that is there, or of the next one.
    oldest: u64,
    next_turn: u64,
    totals: Totals,
}

/// A request whose spans are stored.
#[derive(Debug)]
struct Batch {
    arrived: Instant,
    first_turn: u64,
    spans: u64,
    cost: usize,
    request: Box<[u8]>,
}

impl Memory {
    pub(super) fn new(keep: Keep) -> Self {
        let inner = Inner { next_turn: 1, ..Inner::default() };
        Self { keep, inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No panic can leave it half changed in a way that matters: at worst a count is off.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ingest(&self, request: Vec<u8>, scanned: Scanned) -> Result<Ingested, DecodeError> {
        let mut result = Ingested { rejected: scanned.rejected, ..Ingested::default() };
        let cost = cost_of(&request, &scanned);
        let mut inner = self.lock();
        let (oldest, first_turn) = (inner.oldest, inner.next_turn);
        let batch = oldest + inner.batches.len() as u64;
        for group in scanned.groups {
            let turn = inner.next_turn;
            inner.next_turn += 1;
            result.accepted += inner.index.add(group, &request, (batch, oldest), turn)?;
        }
        result.duplicates = scanned.spans - result.accepted;
        if result.accepted > 0 {
            inner.totals.spans += result.accepted;
            inner.totals.bytes += cost;
            let arrived = Instant::now();
            let request = request.into_boxed_slice();
            inner.batches.push_back(Batch { arrived, first_turn, spans: result.accepted, cost, request });
        }
        inner.let_go(self.keep);
        Ok(result)
    }

    /// Lets go what is too old.
    pub(super) fn tick(&self) {
        self.lock().let_go(self.keep);
    }

    pub(super) fn totals(&self) -> Totals {
        let inner = self.lock();
        Totals { traces: inner.index.len(), ..inner.totals }
    }

    pub(super) fn view(&self) -> MemoryView<'_> {
        MemoryView(self.lock())
    }
}

impl Inner {
    fn let_go(&mut self, keep: Keep) {
        while let Some(first) = self.batches.front()
            && (self.totals.bytes > keep.max_bytes || first.arrived.elapsed() > keep.max_age)
        {
            self.totals.bytes -= first.cost;
            self.totals.spans -= first.spans;
            self.totals.evicted_spans += first.spans;
            self.batches.pop_front();
            self.oldest += 1;
            // Traces without a span since have none left.
            let turn = self.batches.front().map_or(self.next_turn, |batch| batch.first_turn);
            self.totals.evicted_traces += self.index.expire(turn) as u64;
        }
    }

    fn row<'a>(&self, id: TraceId, entry: &'a Entry) -> Row<'a> {
        let (spans, omitted_spans) = entry.counts(self.oldest);
        Row { id, turn: entry.turn, facts: &entry.facts, spans, omitted_spans }
    }
}

/// The traces, which do not change as long as this lives.
#[derive(Debug)]
pub(super) struct MemoryView<'a>(MutexGuard<'a, Inner>);

impl View for MemoryView<'_> {
    fn newest(&self, before: u64, visit: &mut dyn FnMut(&Row<'_>) -> Flow) -> Result<(), ReadError> {
        for (id, entry) in self.0.index.newest(before) {
            if let ControlFlow::Break(()) = visit(&self.0.row(id, entry))? {
                break;
            }
        }
        Ok(())
    }

    fn of_session(&self, session: &str, visit: &mut dyn FnMut(&Row<'_>)) -> Result<(), ReadError> {
        self.0.index.of_session(session).for_each(|(id, entry)| visit(&self.0.row(id, entry)));
        Ok(())
    }

    fn one(&self, id: TraceId, visit: &mut dyn FnMut(&Row<'_>)) -> Result<(), ReadError> {
        if let Some(entry) = self.0.index.get(id) {
            visit(&self.0.row(id, entry));
        }
        Ok(())
    }

    fn request_of(&self, id: TraceId) -> Result<Option<Vec<u8>>, ReadError> {
        let Some(entry) = self.0.index.get(id) else { return Ok(None) };
        let mut request = Vec::new();
        for chunk in &entry.chunks {
            let batch = chunk.batch.checked_sub(self.0.oldest).and_then(|at| usize::try_from(at).ok());
            if let Some(batch) = batch.and_then(|at| self.0.batches.get(at)) {
                chunk.write_request(&batch.request, &mut request);
            }
        }
        Ok(Some(request))
    }
}
