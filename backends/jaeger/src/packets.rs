//! A batch as UDP packets: `emitBatch` messages in compact Thrift, none longer than Jaeger reads.

use tracer_factory_core::delivery::Batch;

use crate::encode;
use crate::model::Process;
use crate::thrift::{Compact, Protocol, list_header_len};

/// Jaeger's receivers cut a packet off here (`max_packet_size`).
pub(crate) const MAX_PACKET: usize = 65_000;

/// What a batch became.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Packets {
    /// One datagram each.
    pub(crate) packets: Vec<Vec<u8>>,
    /// Spans that fit no packet even alone.
    pub(crate) oversize: u64,
    /// Spans without identifiers, which no receiver can file.
    pub(crate) invalid: u64,
}

impl Packets {
    /// Fills packets of at most `limit` bytes, in order; each repeats the process, as each stands alone.
    pub(crate) fn new(batch: &Batch, limit: usize) -> Self {
        let mut filling = Filling::new(&Process::new(batch.resource()), limit);
        let mut encoded = Compact::default();
        let mut all = Packets::default();
        batch.visit(|span| {
            if !span.context.is_valid() {
                all.invalid += 1;
                return;
            }
            encoded.clear();
            encode::span(&mut encoded, span);
            if !filling.fits_alone(encoded.bytes().len()) {
                all.oversize += 1;
                return;
            }
            if !filling.fits(encoded.bytes().len()) {
                all.packets.extend(filling.finish());
            }
            filling.push(encoded.bytes());
        });
        all.packets.extend(filling.finish());
        all
    }
}

/// The packet under way.
struct Filling {
    /// Everything up to the list of spans.
    prefix: Compact,
    spans: Vec<u8>,
    count: usize,
    limit: usize,
}

impl Filling {
    /// The byte that announces the list of spans, and the ends of `Batch` and of the call's arguments.
    const AROUND_LIST: usize = 3;

    fn new(process: &Process<'_>, limit: usize) -> Self {
        let mut prefix = Compact::default();
        prefix.oneway_message("emitBatch");
        prefix.begin_struct();
        prefix.struct_field(1);
        prefix.begin_struct();
        prefix.struct_field(1);
        encode::process(&mut prefix, process);
        Self { prefix, spans: Vec::new(), count: 0, limit }
    }

    /// Whether a span of so many bytes has room in an empty packet.
    fn fits_alone(&self, span: usize) -> bool {
        self.size(1, span) <= self.limit
    }

    /// Whether a span of so many bytes still has room in this one.
    fn fits(&self, span: usize) -> bool {
        self.size(self.count + 1, self.spans.len() + span) <= self.limit
    }

    fn size(&self, count: usize, spans: usize) -> usize {
        self.prefix.bytes().len() + Self::AROUND_LIST + list_header_len(count) + spans
    }

    fn push(&mut self, span: &[u8]) {
        self.spans.extend_from_slice(span);
        self.count += 1;
    }

    /// The packet, unless it has no span; the next one begins.
    fn finish(&mut self) -> Option<Vec<u8>> {
        if self.count == 0 {
            return None;
        }
        let mut message = self.prefix.clone();
        message.struct_list_field(2, self.count);
        message.append(&self.spans);
        message.end_struct();
        message.end_struct();
        self.spans.clear();
        self.count = 0;
        Some(message.into_bytes())
    }
}
