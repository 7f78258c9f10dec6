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
mod sqlite;
mod view;

use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;
use tracer_factory_core::ids::TraceId;
use tracer_factory_core::otlp::DecodeError;

use self::counts::Counters;
pub(crate) use self::counts::Counts;
use self::fingerprint::FingerprintKey;
use self::memory::Memory;
use self::scan::{Scanned, scan};
use self::sqlite::Sqlite;
pub(crate) use self::view::ReadError;
use crate::api::{Facets, SessionList, SessionQuery, SessionTraces, TraceList, TraceQuery, TraceSummary};
use crate::error::ServerError;

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
    #[error("spans can't be stored at present: {0}")]
    Unavailable(String),
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
    pub(crate) max_age: Duration,
}

#[derive(Debug)]
pub(crate) struct Store {
    key: FingerprintKey,
    storage: Storage,
    counts: Counters,
    /// Told whenever something was stored.
    changes: watch::Sender<()>,
}

#[derive(Debug)]
enum Storage {
    Memory(Memory),
    Disk(Sqlite),
}

/// Asks `$question` of a view of the traces, wherever they are.
macro_rules! ask {
    ($store:expr, $view:ident => $question:expr) => {
        match &$store.storage {
            Storage::Memory(memory) => {
                memory.tick();
                let $view = &memory.view();
                $question
            }
            Storage::Disk(disk) => {
                let $view = &disk.view();
                $question
            }
        }
    };
}

impl Store {
    pub(crate) fn in_memory(keep: Keep) -> Self {
        Self::of(Storage::Memory(Memory::new(keep)), FingerprintKey::random())
    }

    /// In `directory`, which is made if need be.
    pub(crate) fn on_disk(directory: &Path, keep: Keep) -> Result<Self, ServerError> {
        let disk = Sqlite::open(directory, keep)?;
        let key = disk.key();
        Ok(Self::of(Storage::Disk(disk), key))
    }

    fn of(storage: Storage, key: FingerprintKey) -> Self {
        Self { key, storage, counts: Counters::default(), changes: watch::Sender::new(()) }
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
        match &self.storage {
            Storage::Memory(memory) => Ok(memory.ingest(request, scanned)?),
            Storage::Disk(disk) => disk.ingest(request, scanned).await,
        }
    }

    /// The newest traces that `query` describes.
    pub(crate) fn list(&self, query: &TraceQuery) -> Result<TraceList, ReadError> {
        ask!(self, view => view::list(view, query))
    }

    /// The whole trace as an `ExportTraceServiceRequest`.
    pub(crate) fn request_of(&self, id: TraceId) -> Result<Option<Vec<u8>>, ReadError> {
        ask!(self, view => view::View::request_of(view, id))
    }

    /// The newest sessions that `query` describes.
    pub(crate) fn sessions(&self, query: &SessionQuery) -> Result<SessionList, ReadError> {
        ask!(self, view => view::sessions(view, query))
    }

    /// A session and its traces.
    pub(crate) fn session(&self, id: &str) -> Result<Option<SessionTraces>, ReadError> {
        ask!(self, view => view::session(view, id))
    }

    /// What filters can ask for.
    pub(crate) fn facets(&self) -> Result<Facets, ReadError> {
        ask!(self, view => view::facets(view))
    }

    /// The newest traces' identifiers.
    pub(crate) fn newest_ids(&self, limit: usize) -> Result<Vec<TraceId>, ReadError> {
        ask!(self, view => view::newest_ids(view, limit))
    }

    /// At most `limit` of the traces that got spans after the turn `since`, the newest first, and the newest turn.
    pub(crate) fn changed(&self, since: u64, limit: usize) -> Result<(Vec<TraceSummary>, u64), ReadError> {
        ask!(self, view => view::changes(view, since, limit))
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
        match &self.storage {
            Storage::Memory(memory) => memory.totals(),
            Storage::Disk(disk) => disk.totals(),
        }
    }

    /// The directory that traces are kept in.
    pub(crate) fn directory(&self) -> Option<&Path> {
        match &self.storage {
            Storage::Memory(_) => None,
            Storage::Disk(disk) => Some(disk.directory()),
        }
    }

    /// Why spans are refused at present.
    pub(crate) fn failure(&self) -> Option<String> {
        match &self.storage {
            Storage::Memory(_) => None,
            Storage::Disk(disk) => disk.failure(),
        }
    }

    /// Waits until what is stored needs no more work, and gives the directory back.
    pub(crate) fn close(&self) {
        if let Storage::Disk(disk) = &self.storage {
            disk.close();
        }
    }
}

/// What a request takes, its part of the index included.
fn cost_of(request: &[u8], scanned: &Scanned) -> usize {
    request.len() + scanned.groups.len() * TRACE_COST + scanned.spans as usize * SPAN_COST
}

#[cfg(test)]
mod tests;
