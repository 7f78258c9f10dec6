//! What we write, the `thrift` crate reads back unchanged, by both protocols.

use std::io::Cursor;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use thrift::protocol::{TBinaryInputProtocol, TCompactInputProtocol};
use tracer_factory_core::delivery::Batch;
use tracer_factory_core::ids::TraceId;
use tracer_factory_core::span::{Resource, SpanData};

use super::reader::{self, ReadBatch, ReadSpan, ReadTag, ReadValue};
use super::reference::Span;
use super::spans::{any_resource, any_span, large, small};
use crate::collector::encode;
use crate::model::{Process, Tag, TagValue};
use crate::packets::{MAX_PACKET, Packets};

/// By the bytes: the collector's form.
pub(super) fn read_binary(bytes: &[u8]) -> ReadBatch {
    let mut cursor = Cursor::new(bytes);
    let read = reader::batch(&mut TBinaryInputProtocol::new(&mut cursor, true));
    assert_eq!(cursor.position(), bytes.len() as u64, "bytes are left");
    read
}

/// By the bytes: the agent's form.
pub(super) fn read_packet(bytes: &[u8]) -> ReadBatch {
    let mut cursor = Cursor::new(bytes);
    let read = reader::emit_batch(&mut TCompactInputProtocol::new(&mut cursor));
    assert_eq!(cursor.position(), bytes.len() as u64, "bytes are left");
    read
}

pub(super) fn read_tags(tags: &[Tag<'_>]) -> Vec<ReadTag> {
    let value = |value: &TagValue<'_>| match value {
        TagValue::Str(text) => ReadValue::Str(text.to_string()),
        TagValue::Double(value) => ReadValue::Double(*value),
        TagValue::Bool(value) => ReadValue::Bool(*value),
        TagValue::Long(value) => ReadValue::Long(*value),
        TagValue::Binary(bytes) => ReadValue::Binary(bytes.to_vec()),
    };
    tags.iter().map(|tag| ReadTag { key: tag.key.to_owned(), value: value(&tag.value) }).collect()
}

fn halves(id: TraceId) -> (i64, i64) {
    let bytes = id.to_bytes();
    let half = |at: usize| i64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
    (half(8), half(0))
}

/// What a tracer with `resource` would deliver.
fn batch(resource: &Resource, spans: &[SpanData]) -> Batch {
    let resource = Arc::new(resource.clone());
    let spans = spans.iter().map(|span| SpanData { resource: Arc::clone(&resource), ..span.clone() });
    // A batch has its first span's resource; one without spans needs none.
    Batch::from_spans(&spans.collect::<Vec<_>>())
}

fn expected(process: &Process<'_>, spans: &[Span<'_>]) -> ReadBatch {
    let span = |span: &Span<'_>| ReadSpan {
        trace_id_low: halves(span.trace_id).0,
        trace_id_high: halves(span.trace_id).1,
        span_id: i64::from_be_bytes(span.span_id.to_bytes()),
        parent_span_id: i64::from_be_bytes(span.parent_span_id.to_bytes()),
        operation_name: span.operation_name.to_owned(),
        references: span
            .references
            .iter()
            .map(|to| {
                let (low, high) = halves(to.trace_id);
                (1, low, high, i64::from_be_bytes(to.span_id.to_bytes()))
            })
            .collect(),
        flags: span.flags,
        start_time: span.start_time,
        duration: span.duration,
        tags: read_tags(&span.tags),
        logs: span.logs.iter().map(|log| (log.timestamp, read_tags(&log.fields))).collect(),
    };
    ReadBatch {
        service_name: process.service_name.to_string(),
        process_tags: read_tags(&process.tags),
        spans: spans.iter().map(span).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn binary_reads_back(resource in any_resource(), spans in vec(any_span(), 0..4)) {
        let (invalid, body) = encode(&batch(&resource, &spans), b"before".to_vec());
        let valid: Vec<_> = spans.iter().filter(|span| span.context.is_valid()).map(Span::new).collect();
        prop_assert_eq!(invalid, (spans.len() - valid.len()) as u64);
        prop_assert_eq!(body.is_some(), !valid.is_empty());
        if let Some(body) = body {
            prop_assert_eq!(read_binary(&body), expected(&Process::new(&resource), &valid));
        }
    }

    #[test]
    fn packets_read_back(resource in any_resource(), spans in vec(any_span(), 0..20), limit in 300usize..MAX_PACKET) {
        let process = Process::new(&resource);
        let Packets { packets, oversize, invalid } = Packets::new(&batch(&resource, &spans), limit);
        let mut arrived = Vec::new();
        for packet in &packets {
            prop_assert!(packet.len() <= limit);
            let read = read_packet(packet);
            prop_assert!(!read.spans.is_empty());
            prop_assert_eq!(&read.process_tags, &read_tags(&process.tags));
            arrived.extend(read.spans);
        }
        let valid: Vec<_> = spans.iter().filter(|span| span.context.is_valid()).map(Span::new).collect();
        let mut expected = expected(&process, &valid).spans;
        prop_assert_eq!(arrived.len() as u64 + oversize, expected.len() as u64);
        prop_assert_eq!(invalid, (spans.len() - valid.len()) as u64);
        let alone = |span: &SpanData| Packets::new(&batch(&resource, std::slice::from_ref(span)), limit).oversize;
        prop_assert_eq!(oversize, spans.iter().map(alone).sum::<u64>());
        expected.retain(|span| arrived.contains(span));
        prop_assert_eq!(arrived, expected, "order");
    }
}

/// Sizes around every border: a packet that is exactly full, a list's longer form, a span that just doesn't fit.
#[test]
fn packets_are_filled_to_the_last_byte() {
    for count in [1usize, 14, 15, 127, 128, 129] {
        let spans: Vec<_> = (1..=count as u64).map(small).collect();
        let batch = Batch::from_spans(&spans);
        let whole = Packets::new(&batch, MAX_PACKET).packets;
        assert_eq!(whole.len(), 1);
        let exact = whole[0].len();
        assert_eq!(Packets::new(&batch, exact).packets, whole, "{count} spans");
        let less = Packets::new(&batch, exact - 1);
        let in_all: usize = less.packets.iter().map(|packet| read_packet(packet).spans.len()).sum();
        let expected = if count == 1 { (0, 1, 0) } else { (2, 0, count) };
        assert_eq!((less.packets.len(), less.oversize, in_all), expected, "{count} spans");
    }
}

#[test]
fn an_oversize_span_is_counted_and_the_others_go() {
    let spans = [small(1), large(2, MAX_PACKET), small(3), large(4, 40_000), large(5, 40_000), small(6)];
    let split = Packets::new(&Batch::from_spans(&spans), MAX_PACKET);
    let ids: Vec<Vec<i64>> = split
        .packets
        .iter()
        .map(|p| read_packet(p).spans.iter().map(|span| span.span_id).collect())
        .collect();
    assert_eq!((ids, split.oversize), (vec![vec![1, 3, 4], vec![5, 6]], 1));
}

#[test]
fn a_process_that_fills_the_packet_leaves_no_room_for_spans() {
    let mut resource = (*small(1).resource).clone();
    resource.attributes.push(("filler".to_owned(), super::spans::text(&"x".repeat(MAX_PACKET))));
    let split = Packets::new(&batch(&resource, &[small(1), small(2)]), MAX_PACKET);
    assert_eq!(split, Packets { packets: Vec::new(), oversize: 2, invalid: 0 });
}
