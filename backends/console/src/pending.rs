//! Spans on their way into a tree: held by trace until the root of the trace in this process is there.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tracer_factory_core::ids::TraceId;
use tracer_factory_core::span::SpanData;

/// How long a trace may wait for its root.
const MAX_AGE: Duration = Duration::from_secs(30);
/// How many spans may wait; beyond, the traces that wait longest are printed without their roots.
const MAX_SPANS: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Pending {
    traces: HashMap<TraceId, Held>,
    spans: usize,
    arrivals: u64,
}

#[derive(Debug)]
struct Held {
    spans: Vec<SpanData>,
    arrival: u64,
    since: Instant,
    rooted: bool,
}

impl Pending {
    pub(crate) fn add(&mut self, span: SpanData, now: Instant) {
        self.arrivals += 1;
        self.spans += 1;
        let held = self.traces.entry(span.trace_id()).or_insert_with(|| Held {
            spans: Vec::new(),
            arrival: self.arrivals,
            since: now,
            rooted: false,
        });
        held.rooted |= is_local_root(&span);
        held.spans.push(span);
    }

    /// The traces that wait no longer, oldest first.
    pub(crate) fn take_ready(&mut self, now: Instant) -> Vec<Vec<SpanData>> {
        let mut excess = self.spans.saturating_sub(MAX_SPANS);
        let mut waiting: Vec<_> = self.traces.iter().map(|(id, held)| (held.arrival, *id)).collect();
        waiting.sort_unstable();
        waiting.retain(|(_, id)| {
            self.traces.get(id).is_some_and(|held| {
                let ready = held.rooted || excess > 0 || now.saturating_duration_since(held.since) >= MAX_AGE;
                if ready {
                    excess = excess.saturating_sub(held.spans.len());
                }
                ready
            })
        });
        waiting.into_iter().filter_map(|(_, id)| self.take(id)).collect()
    }

    /// Every trace, oldest first.
    pub(crate) fn take_all(&mut self) -> Vec<Vec<SpanData>> {
        self.spans = 0;
        let mut traces: Vec<Held> = self.traces.drain().map(|(_, held)| held).collect();
        traces.sort_unstable_by_key(|held| held.arrival);
        traces.into_iter().map(|held| held.spans).collect()
    }

    fn take(&mut self, id: TraceId) -> Option<Vec<SpanData>> {
        let held = self.traces.remove(&id)?;
        self.spans -= held.spans.len();
        Some(held.spans)
    }
}

/// Whether nothing of this process can come above it.
fn is_local_root(span: &SpanData) -> bool {
    span.parent_span_id.is_none() || span.parent_is_remote == Some(true)
}

#[cfg(test)]
mod tests {
    use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags};

    use super::*;

    fn span(trace: u128, parent: Option<u64>) -> SpanData {
        SpanData {
            context: SpanContext::new(TraceId::from_int(trace), SpanId::from_int(7), TraceFlags::SAMPLED),
            parent_span_id: parent.map(SpanId::from_int),
            ..SpanData::default()
        }
    }

    fn traces(ready: &[Vec<SpanData>]) -> Vec<(u128, usize)> {
        ready.iter().map(|spans| (spans[0].trace_id().to_int(), spans.len())).collect()
    }

    #[test]
    fn a_trace_comes_out_with_its_root() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        pending.add(span(1, Some(9)), now);
        pending.add(span(2, Some(9)), now);
        assert!(pending.take_ready(now).is_empty());
        pending.add(span(2, None), now);
        pending.add(SpanData { parent_is_remote: Some(true), ..span(3, Some(9)) }, now);
        assert_eq!(traces(&pending.take_ready(now)), [(2, 2), (3, 1)]);
        assert_eq!(traces(&pending.take_all()), [(1, 1)]);
        assert!(pending.take_all().is_empty());
    }

    #[test]
    fn age_and_number_bound_the_wait() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        pending.add(span(1, Some(9)), now);
        let later = now + MAX_AGE;
        pending.add(span(2, Some(9)), later);
        assert_eq!(traces(&pending.take_ready(later)), [(1, 1)]);
        for trace in 0..MAX_SPANS as u128 + 1 {
            pending.add(span(trace + 3, Some(9)), later);
        }
        assert_eq!(traces(&pending.take_ready(later)), [(2, 1), (3, 1)]);
        assert_eq!(pending.spans, MAX_SPANS);
    }
}
