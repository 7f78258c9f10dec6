//! What the two senders write, for fuzzing.

use tracer_factory_core::delivery::Batch;
use tracer_factory_core::span::SpanData;

use crate::collector;
use crate::packets::Packets;

/// How many spans have no identifiers, and the body of a request to a collector for the others.
pub fn collector_body(spans: &[SpanData]) -> (u64, Option<Vec<u8>>) {
    collector::encode(&Batch::from_spans(spans), Vec::new())
}

/// Packets to an agent, how many spans fit none, and how many have no identifiers.
pub fn agent_packets(spans: &[SpanData], limit: usize) -> (Vec<Vec<u8>>, u64, u64) {
    let Packets { packets, oversize, invalid } = Packets::new(&Batch::from_spans(spans), limit);
    (packets, oversize, invalid)
}
