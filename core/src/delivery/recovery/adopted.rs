//! One directory whose process has ended, and how far each of our destinations is in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::batch::Batch;
use super::super::ledger::{InFlight, Tally, reason};
use super::lanes::InLanes;
use crate::otlp::ResourceBytes;
use crate::spool::{Evicted, Orphan, SpoolError};

pub(super) struct Adopted {
    pub(super) orphan: Orphan,
    lanes: Option<InLanes>,
    /// For each of our destinations what is left for it there.
    left: Vec<Option<Left>>,
    /// Whether it has spans for somebody else, too.
    pub(super) for_others: bool,
    /// The resource of the latest batch, which is nearly always that of all.
    resource: Option<(Arc<[u8]>, Arc<ResourceBytes>)>,
}

#[derive(Clone, Copy)]
struct Left {
    /// The number that the destination has there.
    number: usize,
    /// The first batch that it has not been given.
    next: u64,
    in_flight: Option<InFlight>,
}

/// A batch of an earlier process.
pub(in super::super) struct Recovered {
    pub(in super::super) batch: Arc<Batch>,
    pub(super) directory: PathBuf,
    pub(super) sequence: u64,
}

impl Adopted {
    /// `keys` name our destinations. With `all` it is theirs whatever it was meant for: one that the directory doesn't
    /// know begins with the oldest batch, and has a cursor there from now on.
    pub(super) fn new<'a>(
        mut orphan: Orphan,
        lanes: Option<InLanes>,
        keys: impl Iterator<Item = &'a str>,
        all: bool,
    ) -> Self {
        let known = orphan.destinations().len();
        let lowest = (0..known).map(|number| orphan.cursor(number)).min().unwrap_or_default();
        let mut left = Vec::new();
        for key in keys {
            let number = orphan.destinations().iter().position(|known| known == key);
            let number = match number {
                None if all => Some(orphan.add_destination(key, lowest)),
                number => number,
            };
            left.push(number.map(|number| Left { number, next: orphan.cursor(number), in_flight: None }));
        }
        let mut adopted = Self { orphan, lanes, left, for_others: false, resource: None };
        let ours = |number| adopted.left.iter().flatten().any(|left| left.number == number);
        let mut others = (0..known).filter(|number| !ours(*number));
        // Without its list of destinations nobody knows for whom it is, but whoever is told to take it.
        let unknown = known == 0 && adopted.waiting(0) > 0;
        adopted.for_others =
            !all && (unknown || others.any(|number| adopted.waiting(adopted.orphan.cursor(number)) > 0));
        adopted
    }

    pub(super) fn directory(&self) -> &Path {
        self.orphan.directory()
    }

    /// Whether something is only in lanes, because the disk has no room.
    pub(super) fn is_in_lanes(&self) -> bool {
        self.lanes.is_some()
    }

    /// Spans from a sequence on.
    fn waiting(&self, from: u64) -> u64 {
        let in_lanes = self.lanes.as_ref().map_or(0, |lanes| lanes.pending(from));
        self.orphan.pending(from).spans + in_lanes
    }

    /// Spans of a destination that are not settled.
    pub(super) fn pending(&self, destination: usize) -> u64 {
        let left = self.left.get(destination).and_then(Option::as_ref);
        left.map_or(0, |left| self.waiting(left.next) + left.in_flight.map_or(0, |flight| flight.spans))
    }

    /// Whether nothing is left for any of our destinations.
    pub(super) fn is_done(&self) -> bool {
        let is_done = |left: &Left| left.in_flight.is_none() && self.waiting(left.next) == 0;
        self.left.iter().flatten().all(is_done)
    }

    /// Whether a batch has not been given up since it was taken.
    pub(super) fn has(&self, sequence: u64) -> bool {
        let in_lanes = self.lanes.as_ref().is_some_and(|lanes| lanes.has(sequence));
        in_lanes || self.orphan.first().is_some_and(|first| first <= sequence)
    }

    /// The next batch for a destination.
    pub(super) fn take(&mut self, destination: usize, tally: &mut Tally) -> Option<Recovered> {
        let left = self.left.get_mut(destination)?.as_mut().filter(|left| left.in_flight.is_none())?;
        loop {
            let (sequence, spans, records) = match self.orphan.read(left.next) {
                Ok(found) => {
                    let lost: u64 = found.lost.iter().map(|batch| u64::from(batch.spans)).sum();
                    tally.drop_spans(reason::DAMAGED, lost);
                    if let Some(last) = found.lost.last() {
                        left.next = left.next.max(last.sequence.saturating_add(1));
                    }
                    match found.stored {
                        Some(stored) => (stored.sequence, stored.spans, stored.records),
                        None => {
                            let lanes = self.lanes.as_mut()?;
                            let sequence = left.next.max(lanes.first());
                            match lanes.read(sequence) {
                                Ok(found) => found.map(|(spans, records)| (sequence, spans, records))?,
                                Err(error) => {
                                    tracing::warn!(error = %error, "the lanes of an earlier process can't be read now");
                                    return None;
                                }
                            }
                        }
                    }
                }
                Err(SpoolError::Unreadable { sequence, spans, .. }) => {
                    tally.drop_spans(reason::DAMAGED, u64::from(spans));
                    left.next = sequence.saturating_add(1);
                    continue;
                }
                Err(error) => {
                    tracing::warn!(error = %error, "what an earlier process left on disk can't be read now");
                    return None;
                }
            };
            left.next = sequence.saturating_add(1);
            let resource = resource_of(&self.orphan, sequence, &mut self.resource);
            let batch = Batch::new(records, resource);
            // What it has less than it was written with can't be sent.
            let arrived = batch.len() as u64;
            tally.drop_spans(reason::DAMAGED, u64::from(spans).saturating_sub(arrived));
            if arrived > 0 {
                left.in_flight = Some(InFlight { sequence, spans: arrived });
                let directory = self.orphan.directory().to_owned();
                return Some(Recovered { batch: Arc::new(batch), directory, sequence });
            }
        }
    }

    /// `spans` of the batch in flight are settled.
    pub(super) fn settle(&mut self, destination: usize, spans: u64) {
        let left = self.left.get_mut(destination).and_then(Option::as_mut);
        if let Some(flight) = left.and_then(|left| left.in_flight.as_mut()) {
            flight.spans = flight.spans.saturating_sub(spans);
        }
    }

    /// The batch in flight is dealt with.
    pub(super) fn finish(&mut self, destination: usize) {
        let Some(left) = self.left.get_mut(destination).and_then(Option::as_mut) else { return };
        left.in_flight = None;
        // One that can't be written means spans that are sent twice.
        let _ = self.orphan.set_cursor(left.number, left.next);
    }

    /// Spans of a destination among what was given up. A batch that it was given by then is not lost.
    pub(super) fn share(&self, destination: usize, evicted: &Evicted) -> u64 {
        let Some(left) = self.left.get(destination).and_then(Option::as_ref) else { return 0 };
        let lost = evicted.batches.iter().filter(|batch| batch.sequence >= left.next);
        lost.map(|batch| u64::from(batch.spans)).sum()
    }
}

fn resource_of(
    orphan: &Orphan,
    sequence: u64,
    latest: &mut Option<(Arc<[u8]>, Arc<ResourceBytes>)>,
) -> Arc<ResourceBytes> {
    // What is still in lanes has the latest one.
    let context = orphan.context_of(sequence).unwrap_or_else(|| Arc::clone(orphan.context()));
    if let Some((known, resource)) = latest
        && *known == context
    {
        return Arc::clone(resource);
    }
    let resource = Arc::new(ResourceBytes::from_context(&context).unwrap_or_default());
    *latest = Some((context, Arc::clone(&resource)));
    resource
}
