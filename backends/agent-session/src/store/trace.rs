//! One trace: its chunks in the order they came, and the summary that lists show.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use tracer_factory_core::ids::TraceId;

use super::request::{Chunk, SpanFacts};
use crate::api::{TraceQuery, TraceSummary};

/// Services beyond this many are in the spans and not in the summary.
const MOST_SERVICES: usize = 64;
/// What an entry of the fingerprint set takes, its spare room included.
const FINGERPRINT_BYTES: usize = 16;

#[derive(Debug, Default)]
pub(super) struct StoredTrace {
    /// When it last got a span, as a place in the store's order.
    pub(super) turn: Option<u64>,
    chunks: VecDeque<Chunk>,
    fingerprints: HashSet<u64>,
    bytes: usize,
    spans: u64,
    errors: u64,
    omitted_spans: u64,
    services: BTreeSet<Arc<str>>,
    root: Option<Named>,
    earliest: Option<Named>,
    end_unix_nanos: u64,
}

#[derive(Debug)]
struct Named {
    start_unix_nanos: u64,
    name: Box<str>,
}

impl StoredTrace {
    /// Bytes it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.bytes
    }

    pub(super) fn spans(&self) -> u64 {
        self.spans
    }

    /// Adds what it does not have yet.
    pub(super) fn add(&mut self, mut chunk: Chunk) {
        let fingerprints = &mut self.fingerprints;
        let is_new: Vec<bool> =
            chunk.facts.iter().map(|facts| fingerprints.insert(facts.fingerprint)).collect();
        if is_new.contains(&false) {
            let mut is_new = is_new.into_iter();
            chunk.retain(|_| is_new.next().unwrap_or(false));
        }
        if chunk.facts.is_empty() {
            return;
        }
        for facts in &chunk.facts {
            self.errors += u64::from(facts.is_error);
            self.end_unix_nanos = self.end_unix_nanos.max(facts.end_unix_nanos);
            remember(&mut self.earliest, facts);
            if facts.is_root {
                remember(&mut self.root, facts);
            }
        }
        if self.services.len() < MOST_SERVICES {
            self.services.insert(Arc::clone(&chunk.header.service));
        }
        self.spans += chunk.spans();
        chunk.shrink();
        self.bytes += cost(&chunk);
        self.chunks.push_back(chunk);
    }

    /// Lets the spans that came first go. The summary keeps what it learnt from them.
    pub(super) fn drop_oldest(&mut self) {
        let Some(chunk) = self.chunks.pop_front() else { return };
        for facts in &chunk.facts {
            self.fingerprints.remove(&facts.fingerprint);
        }
        self.bytes -= cost(&chunk);
        self.spans -= chunk.spans();
        self.omitted_spans += chunk.spans();
    }

    pub(super) fn matches(&self, query: &TraceQuery) -> bool {
        let name = |part: &String| self.root_name().contains(part.as_str());
        query.service.as_deref().is_none_or(|service| self.services.contains(service))
            && query.name.as_ref().is_none_or(name)
            && query.errors.is_none_or(|errors| errors == (self.errors > 0))
    }

    pub(super) fn summary(&self, id: TraceId) -> TraceSummary {
        let start_unix_nanos = self.earliest.as_ref().map_or(0, |span| span.start_unix_nanos);
        TraceSummary {
            trace_id: id.to_string(),
            root_name: self.root_name().to_owned(),
            has_root: self.root.is_some(),
            services: self.services.iter().map(|service| service.to_string()).collect(),
            start_unix_nanos,
            duration_nanos: self.end_unix_nanos.saturating_sub(start_unix_nanos),
            spans: self.spans,
            errors: self.errors,
            omitted_spans: self.omitted_spans,
        }
    }

    pub(super) fn request(&self) -> Vec<u8> {
        let mut request = Vec::with_capacity(self.bytes);
        for chunk in &self.chunks {
            chunk.write_request(&mut request);
        }
        request
    }

    /// The root's name; while the root is missing, that of the earliest span.
    fn root_name(&self) -> &str {
        self.root.as_ref().or(self.earliest.as_ref()).map_or("", |span| &span.name)
    }
}

fn cost(chunk: &Chunk) -> usize {
    chunk.footprint() + chunk.facts.len() * FINGERPRINT_BYTES
}

/// Of several candidates the one that started first.
fn remember(slot: &mut Option<Named>, facts: &SpanFacts) {
    if slot.as_ref().is_none_or(|known| facts.start_unix_nanos < known.start_unix_nanos) {
        *slot = Some(Named { start_unix_nanos: facts.start_unix_nanos, name: facts.name.clone() });
    }
}
