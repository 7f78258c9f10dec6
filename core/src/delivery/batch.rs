//! A batch: records of one tracer on their way to one destination, as bytes or decoded.

use std::sync::Arc;

use tracer_factory_ring::Records;

use crate::otlp::{ResourceBytes, decode_span, frame_request};
use crate::span::{Resource, SpanData};

/// Finished spans of one tracer. OTLP sends them as they are; other backends decode.
#[derive(Clone, Debug)]
pub struct Batch {
    records: Vec<u8>,
    spans: usize,
    resource: Arc<ResourceBytes>,
}

impl Batch {
    /// Over whole records of one tracer.
    pub fn new(records: Vec<u8>, resource: Arc<ResourceBytes>) -> Self {
        let spans = Records::new(&records).count();
        Self { records, spans, resource }
    }

    /// A batch of decoded spans that share the first one's resource, for tests of destinations.
    pub fn from_spans(spans: &[SpanData]) -> Self {
        let resource = spans.first().map_or_else(Default::default, |span| (*span.resource).clone());
        let bytes = Arc::new(ResourceBytes::new(resource));
        let mut records = Vec::new();
        for span in spans {
            crate::otlp::encode_record(span, &bytes, &mut records);
        }
        Self { records, spans: spans.len(), resource: bytes }
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

    /// The spans as values, in order.
    pub fn decode(&self) -> impl Iterator<Item = SpanData> + '_ {
        Records::new(&self.records).map(|(header, bytes)| {
            let mut span = decode_span(bytes).unwrap_or_default();
            span.resource = Arc::clone(self.resource.resource());
            span.scope = self.resource.scope(header.scope);
            span
        })
    }

    /// The records, as the lanes had them.
    pub fn records(&self) -> Records<'_> {
        Records::new(&self.records)
    }
}
