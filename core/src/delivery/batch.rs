//! A batch: records of one tracer on their way to one destination, as bytes or decoded.

use std::sync::Arc;

use tracer_factory_ring::{RecordHeader, Records};

use super::split::halves;
#[cfg(feature = "http")]
use crate::otlp::frame_request_into;
use crate::otlp::{ResourceBytes, SpanRef, frame_request};
use crate::recorder::Run;
use crate::span::{Resource, SpanData};
use crate::spare::Spare;

/// Finished spans of one tracer. OTLP sends them as they are; other backends decode.
#[derive(Clone, Debug)]
pub struct Batch {
    records: Vec<u8>,
    spans: usize,
    resource: Arc<ResourceBytes>,
    /// Where the records' memory goes.
    home: Option<Arc<Spare>>,
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            home.keep(std::mem::take(&mut self.records));
        }
    }
}

impl Batch {
    /// Over whole records of one tracer.
    pub fn new(records: Vec<u8>, resource: Arc<ResourceBytes>) -> Self {
        let spans = Records::new(&records).count();
        Self { records, spans, resource, home: None }
    }

    /// Over what was gathered, and counted on the way. The memory goes to `home` afterwards.
    pub(crate) fn of(run: Run, resource: Arc<ResourceBytes>, home: Arc<Spare>) -> Self {
        Self { records: run.records, spans: run.spans, resource, home: Some(home) }
    }

    /// Two parts of about the same size, the older spans first; `None` when there is only one span.
    pub fn split(&self) -> Option<(Self, Self)> {
        let (older, newer) = halves(&self.records)?;
        let part = |records: &[u8]| Self::new(records.to_vec(), Arc::clone(&self.resource));
        Some((part(older), part(newer)))
    }

    /// A batch of decoded spans that share the first one's resource, for tests of destinations.
    pub fn from_spans(spans: &[SpanData]) -> Self {
        let resource = spans.first().map_or_else(Default::default, |span| (*span.resource).clone());
        let bytes = Arc::new(ResourceBytes::new(resource));
        let mut records = Vec::new();
        for span in spans {
            let scope = bytes.add_scope((*span.scope).clone());
            crate::otlp::encode_record(span, scope, &mut records);
        }
        Self { records, spans: spans.len(), resource: bytes, home: None }
    }

    /// How many spans it has.
    pub fn len(&self) -> usize {
        self.spans
    }

    /// True when it has none.
    pub fn is_empty(&self) -> bool {
        self.spans == 0
    }

    /// Bytes of the records, headers included.
    pub fn bytes(&self) -> usize {
        self.records.len()
    }

    /// The resource its spans share.
    pub fn resource(&self) -> &Arc<Resource> {
        self.resource.resource()
    }

    /// An OTLP `ExportTraceServiceRequest` around the span bytes as they were recorded.
    pub fn otlp_request(&self) -> Vec<u8> {
        frame_request(&self.records, &self.resource)
    }

    /// The same in place of what `out` has. Returns where the request begins; before it there is `room` at least.
    #[cfg(feature = "http")]
    pub(crate) fn write_otlp_request(&self, room: usize, out: &mut Vec<u8>) -> usize {
        frame_request_into(&self.records, &self.resource, room, out)
    }

    /// The spans as values, in order.
    pub fn decode(&self) -> impl Iterator<Item = SpanData> + '_ {
        let mut reading = Reading::new(self);
        self.records()
            .map(move |(header, bytes)| reading.next(header, bytes).to_data(self.resource.resource()))
    }

    /// Shows every span, in order, as its bytes hold it. One whose bytes can't be read is a span without identifiers.
    pub fn visit<'a>(&'a self, mut see: impl FnMut(&SpanRef<'a>)) {
        let mut reading = Reading::new(self);
        for (header, bytes) in self.records() {
            see(reading.next(header, bytes));
        }
    }

    /// The bytes of the records.
    pub(crate) fn record_bytes(&self) -> &[u8] {
        &self.records
    }

    /// The records, as the lanes had them.
    pub fn records(&self) -> Records<'_> {
        Records::new(&self.records)
    }
}

/// One span after the other, in the same place.
struct Reading<'a> {
    resource: &'a ResourceBytes,
    span: SpanRef<'a>,
    /// The number of the scope that `span` has.
    scope: Option<u16>,
}

impl<'a> Reading<'a> {
    fn new(batch: &'a Batch) -> Self {
        Self { resource: &batch.resource, span: SpanRef::default(), scope: None }
    }

    fn next(&mut self, header: RecordHeader, bytes: &'a [u8]) -> &SpanRef<'a> {
        // What can't be read has become a span of nothing.
        let _ = self.span.read_own(bytes);
        if self.scope != Some(header.scope) {
            self.span.scope = self.resource.scope(header.scope);
            self.scope = Some(header.scope);
        }
        &self.span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_keep_every_span_in_order() {
        let spans: Vec<_> =
            (0..7).map(|n| SpanData { name: format!("span {n}"), ..SpanData::default() }).collect();
        let batch = Batch::from_spans(&spans);
        let (older, newer) = batch.split().unwrap();
        assert_eq!(older.len() + newer.len(), 7);
        let names: Vec<_> = older.decode().chain(newer.decode()).map(|span| span.name).collect();
        assert_eq!(names, (0..7).map(|n| format!("span {n}")).collect::<Vec<_>>());
        assert!(Batch::from_spans(&spans[..1]).split().is_none());
    }
}
