//! One trace: where its spans are and what is known of them.

use std::collections::VecDeque;

use tracer_factory_core::otlp::DecodeError;

use super::chunk::Chunk;
use super::facts::Facts;
use super::fingerprint::Fingerprints;
use super::scan::Group;

/// A trace that sends its spans one by one for days is bounded too: its oldest spans are let go.
const MOST_CHUNKS: usize = 1 << 16;

#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// When it last got a span, as a place in the store's order.
    pub(super) turn: u64,
    pub(super) facts: Facts,
    pub(super) chunks: VecDeque<Chunk>,
    pub(super) prints: Fingerprints,
    /// Spans in its chunks.
    pub(super) spans: u64,
    pub(super) omitted_spans: u64,
}

impl Entry {
    /// Adds the spans it does not have yet, and says how many that were. `request` is what `group` was found in, with the number
    /// `batch` in the store.
    pub(super) fn add(
        &mut self,
        mut group: Group,
        request: &[u8],
        batch: u64,
        turn: u64,
    ) -> Result<u64, DecodeError> {
        let is_new: Vec<bool> = group.prints.iter().map(|print| self.prints.insert(*print)).collect();
        if is_new.contains(&false) {
            let mut is_new = is_new.into_iter();
            group = group.retain(request, |_| is_new.next().unwrap_or(false))?;
        }
        let added = group.prints.len() as u64;
        if added == 0 {
            return Ok(0);
        }
        if self.spans + self.omitted_spans == 0 {
            self.facts = group.facts;
        } else {
            self.facts.merge(group.facts);
        }
        self.spans += added;
        self.turn = turn;
        self.chunks.push_back(Chunk {
            batch,
            header: group.header,
            // A request has an upper limit far below.
            spans: added as u32,
            runs: group.runs,
        });
        if self.chunks.len() > MOST_CHUNKS {
            self.drop_first();
        }
        Ok(added)
    }

    /// Forgets the spans of batches before `oldest`, which are gone. What lists say of them stays.
    pub(super) fn prune(&mut self, oldest: u64) {
        while self.chunks.front().is_some_and(|chunk| chunk.batch < oldest) {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        let Some(chunk) = self.chunks.pop_front() else { return };
        self.prints.forget(chunk.spans as usize);
        self.spans -= u64::from(chunk.spans);
        self.omitted_spans += u64::from(chunk.spans);
    }

    /// Spans that are stored and spans that were let go, when the batches before `oldest` are gone.
    pub(super) fn counts(&self, oldest: u64) -> (u64, u64) {
        let gone = self.chunks.iter().take_while(|chunk| chunk.batch < oldest);
        let gone: u64 = gone.map(|chunk| u64::from(chunk.spans)).sum();
        (self.spans - gone, self.omitted_spans + gone)
    }
}
