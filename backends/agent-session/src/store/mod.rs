//! Stored traces: requests as they arrived, an index of what is in them, and answers to what lists and filters ask.
//!
//! A request is checked whole and its facts are learnt when it arrives; its spans are decoded when they are read. Requests leave
//! in the order they came, when they are too many or too old, and a trace leaves with its last span.

mod attributes;
mod chunk;
mod counts;
mod entry;
mod facts;
mod filter;
mod fingerprint;
mod index;
mod kind;
mod memory;
mod scan;
mod schema;
mod session;
mod view;

use std::time::Duration;

use tokio::sync::watch;
use tracer_factory_core::ids::TraceId;
use tracer_factory_core::otlp::DecodeError;

use self::counts::Counters;
pub(crate) use self::counts::Counts;
use self::fingerprint::FingerprintKey;
use self::memory::Memory;
use self::scan::{Scanned, scan};
pub(crate) use self::view::ReadError;
use crate::api::{Facets, SessionList, SessionQuery, SessionTraces, TraceList, TraceQuery, TraceSummary};

/// What an index needs for a trace of a request, and for a span, as far as limits are concerned.
const TRACE_COST: usize = 640;
const SPAN_COST: usize = 16;

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

/// Why a request was not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IngestError {
    #[error("not an OTLP trace request in protobuf: {0}")]
    Malformed(#[from] DecodeError),
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

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keep {
    pub(crate) max_bytes: usize,
    pub(crate) max_age: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct Store {
    key: FingerprintKey,
    memory: Memory,
    counts: Counters,
    /// Told whenever something was stored.
    changes: watch::Sender<()>,
}

impl Store {
    pub(crate) fn in_memory(keep: Keep) -> Self {
        Self {
            key: FingerprintKey::random(),
            memory: Memory::new(keep),
            counts: Counters::default(),
            changes: watch::Sender::new(()),
        }
    }

    /// Stores the spans of an `ExportTraceServiceRequest`: all that have identifiers, or nothing when it is malformed.
    pub(crate) async fn ingest(&self, request: Vec<u8>) -> Result<Ingested, IngestError> {
        let stored = self.store(request).await;
        self.counts.add(&stored);
        let ingested = stored?;
        if ingested.accepted > 0 {
            self.changes.send_replace(());
        }
        Ok(ingested)
    }

    async fn store(&self, request: Vec<u8>) -> Result<Ingested, IngestError> {
        let scanned = scan(&request, self.key)?;
        Ok(self.memory.ingest(request, scanned)?)
    }

    /// The newest traces that `query` describes.
    pub(crate) fn list(&self, query: &TraceQuery) -> Result<TraceList, ReadError> {
        self.memory.tick();
        view::list(&self.memory.view(), query)
    }

    /// The whole trace as an `ExportTraceServiceRequest`.
    pub(crate) fn request_of(&self, id: TraceId) -> Result<Option<Vec<u8>>, ReadError> {
        view::View::request_of(&self.memory.view(), id)
    }

    /// The newest sessions that `query` describes.
    pub(crate) fn sessions(&self, query: &SessionQuery) -> Result<SessionList, ReadError> {
        self.memory.tick();
        view::sessions(&self.memory.view(), query)
    }

    /// A session and its traces.
    pub(crate) fn session(&self, id: &str) -> Result<Option<SessionTraces>, ReadError> {
        view::session(&self.memory.view(), id)
    }

    /// What filters can ask for.
    pub(crate) fn facets(&self) -> Result<Facets, ReadError> {
        view::facets(&self.memory.view())
    }

    /// The newest traces' identifiers.
    pub(crate) fn newest_ids(&self, limit: usize) -> Result<Vec<TraceId>, ReadError> {
        view::newest_ids(&self.memory.view(), limit)
    }

    /// At most `limit` of the traces that got spans after the turn `since`, the newest first, and the newest turn.
    pub(crate) fn changed(&self, since: u64, limit: usize) -> Result<(Vec<TraceSummary>, u64), ReadError> {
        view::changes(&self.memory.view(), since, limit)
    }

    /// Resolves whenever something was stored.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// What became of all spans since the start.
    pub(crate) fn counts(&self) -> Counts {
        self.counts.read()
    }

    pub(crate) fn totals(&self) -> Totals {
        self.memory.totals()
    }
}

/// What a request takes, its part of the index included.
fn cost_of(request: &[u8], scanned: &Scanned) -> usize {
    request.len() + scanned.groups.len() * TRACE_COST + scanned.spans as usize * SPAN_COST
}

#[cfg(test)]
mod tests;
