//! What the two senders write, for fuzzing.

use tracer_factory_core::span::{Resource, SpanData};

use crate::encode;
use crate::model::{Process, Span};
use crate::packets::Packets;
use crate::thrift::Binary;

/// The body of a request to a collector.
pub fn collector_body(resource: &Resource, spans: &[SpanData]) -> Vec<u8> {
    let spans: Vec<_> = spans.iter().map(Span::new).collect();
    let mut out = Binary::default();
    encode::batch(&mut out, &Process::new(resource), &spans);
    out.into_bytes()
}

/// Packets to an agent, how many spans fit none, and how many have no identifiers.
pub fn agent_packets(resource: &Resource, spans: &[SpanData], limit: usize) -> (Vec<Vec<u8>>, u64, u64) {
    let Packets { packets, oversize, invalid } =
        Packets::new(&Process::new(resource), spans.iter().cloned(), limit);
    (packets, oversize, invalid)
}
