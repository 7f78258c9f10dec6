//! Jaeger's Thrift: what our encoder makes of any spans, read by the `thrift` crate and held against the mapping.

use std::io::Cursor;

use ::thrift::protocol::{TBinaryInputProtocol, TCompactInputProtocol};
use serde_json::Value as Json;
use tracer_factory_core::ids::TraceId;
use tracer_factory_core::span::{Event, Link, SpanData, SpanKind, StatusCode};
use tracer_factory_core::value::Value;
use tracer_factory_jaeger::fuzzing::{agent_packets, collector_body};

use self::reader::{ReadSpan, ReadTag, ReadValue};
use crate::json::{plain, word};
use crate::spans::any_spans;

/// The reader of the backend's own tests.
#[path = "../../../backends/jaeger/src/tests/reader.rs"]
#[allow(dead_code, reason = "those tests look for tags as well")]
mod reader;

/// A collector's request, full packets, and packets so small that spans have no room.
pub fn thrift(input: &[u8]) {
    let spans = any_spans(input);
    let Some(first) = spans.first() else { return };
    let resource = &*first.resource;

    let valid: Vec<_> = spans.iter().filter(|span| span.context.is_valid()).collect();
    let (invalid, body) = collector_body(&spans);
    assert_eq!((invalid, body.is_some()), ((spans.len() - valid.len()) as u64, !valid.is_empty()));
    let Some(body) = body else { return };
    let mut cursor = Cursor::new(&body[..]);
    let batch = reader::batch(&mut TBinaryInputProtocol::new(&mut cursor, true));
    assert_eq!(cursor.position(), body.len() as u64, "bytes are left");
    let name = Some(resource.service_name()).filter(|name| !name.is_empty());
    assert_eq!(batch.service_name, name.unwrap_or("unknown_service"));
    let others = resource.attributes.iter().filter(|(key, _)| key != "service.name");
    assert_tags(&batch.process_tags, others.map(of_attribute).collect());
    assert_eq!(batch.spans.len(), valid.len());
    for (read, span) in batch.spans.iter().zip(&valid) {
        assert_span(read, span);
    }

    for limit in [65_000, 300 + input.len() % 700] {
        let (packets, oversize, invalid) = agent_packets(&spans, limit);
        assert_eq!(invalid, (spans.len() - valid.len()) as u64);
        let mut expected = batch.spans.iter();
        let mut arrived = 0;
        for packet in packets {
            assert!(packet.len() <= limit);
            let mut cursor = Cursor::new(&packet[..]);
            let read = reader::emit_batch(&mut TCompactInputProtocol::new(&mut cursor));
            assert_eq!(cursor.position(), packet.len() as u64, "bytes are left");
            assert_eq!((&read.service_name, &read.process_tags), (&batch.service_name, &batch.process_tags));
            assert!(!read.spans.is_empty());
            arrived += read.spans.len() as u64;
            // In order, but for those that had no room.
            assert!(read.spans.iter().all(|span| expected.any(|expected| expected == span)));
        }
        assert_eq!(arrived + oversize, valid.len() as u64);
    }
}

fn assert_span(read: &ReadSpan, span: &SpanData) {
    let (low, high) = halves(span.trace_id());
    assert_eq!((read.trace_id_low, read.trace_id_high), (low, high));
    assert_eq!(read.span_id.to_be_bytes(), span.span_id().to_bytes());
    assert_eq!(read.parent_span_id.to_be_bytes(), span.parent_span_id.unwrap_or_default().to_bytes());
    assert_eq!(read.operation_name, span.name);
    assert_eq!(read.flags, i32::from(span.context.flags.is_sampled()));
    assert_eq!(read.start_time as u64, span.start_unix_nanos / 1000);
    assert_eq!(read.duration as u64, span.duration_nanos() / 1000);

    let to_others = span
        .links
        .iter()
        .map(|link| &link.context)
        .filter(|to| to.is_valid() && (to.trace_id, to.span_id) != (span.trace_id(), span.span_id()));
    let references: Vec<_> = to_others
        .map(|to| {
            let (low, high) = halves(to.trace_id);
            (1, low, high, i64::from_be_bytes(to.span_id.to_bytes()))
        })
        .collect();
    assert_eq!(read.references, references);

    assert_tags(&read.tags, tags(span));
    let with_more = |link: &&Link| {
        !link.attributes.is_empty() || link.dropped_attributes > 0 || !link.context.trace_state.is_empty()
    };
    let events = span.events.iter().map(|event| (event.time_unix_nanos, of_event(event)));
    let links = span.links.iter().filter(with_more).map(|link| (span.start_unix_nanos, of_link(link)));
    let logs: Vec<_> = events.chain(links).collect();
    assert_eq!(read.logs.len(), logs.len());
    for ((time, fields), (nanos, expected)) in read.logs.iter().zip(logs) {
        assert_eq!(*time as u64, nanos / 1000);
        assert_tags(fields, expected);
    }
}

fn halves(id: TraceId) -> (i64, i64) {
    let id = id.to_int();
    (id as i64, (id >> 64) as i64)
}

/// What a tag is to be.
enum Expected<'a> {
    Is(ReadValue),
    /// An array or a map, as text.
    Json(&'a Value),
}

type Tags<'a> = Vec<(&'a str, Expected<'a>)>;

fn assert_tags(read: &[ReadTag], expected: Tags<'_>) {
    assert_eq!(read.len(), expected.len());
    for (tag, (key, value)) in read.iter().zip(expected) {
        assert_eq!(tag.key, key);
        match (&tag.value, value) {
            (read, Expected::Is(value)) => assert_eq!(*read, value, "{key}"),
            (ReadValue::Str(text), Expected::Json(value)) => {
                assert_eq!(serde_json::from_str::<Json>(text).unwrap(), plain(value), "{key}");
            }
            (other, Expected::Json(_)) => panic!("{key} is {other:?}"),
        }
    }
}

fn of_attribute((key, value): &(String, Value)) -> (&str, Expected<'_>) {
    let expected = match value {
        Value::Str(text) => ReadValue::Str(text.to_string()),
        Value::Bool(value) => ReadValue::Bool(*value),
        Value::Int(value) => ReadValue::Long(*value),
        Value::Double(value) if value.is_finite() => ReadValue::Double(*value),
        Value::Double(value) => ReadValue::Str(word(*value).to_owned()),
        Value::Bytes(bytes) => ReadValue::Binary(bytes.to_vec()),
        Value::Array(_) | Value::Map(_) => return (key, Expected::Json(value)),
        _ => ReadValue::Str(String::new()),
    };
    (key, Expected::Is(expected))
}

fn text<'a>(key: &'a str, text: impl Into<String>) -> (&'a str, Expected<'a>) {
    (key, Expected::Is(ReadValue::Str(text.into())))
}

fn count(key: &str, count: u32) -> Option<(&str, Expected<'_>)> {
    (count > 0).then(|| (key, Expected::Is(ReadValue::Long(count.into()))))
}

fn dropped(attributes: u32) -> Option<(&'static str, Expected<'static>)> {
    count("otel.dropped_attributes_count", attributes)
}

/// Attributes behind `tags`, but for those whose keys are taken.
fn with_attributes<'a>(mut tags: Tags<'a>, attributes: &'a [(String, Value)]) -> Tags<'a> {
    let own = tags.len();
    for attribute in attributes {
        if tags[..own].iter().all(|(key, _)| *key != attribute.0) {
            tags.push(of_attribute(attribute));
        }
    }
    tags
}

fn tags(span: &SpanData) -> Tags<'_> {
    let mut tags = Vec::new();
    for (key, value) in [("otel.scope.name", &span.scope.name), ("otel.scope.version", &span.scope.version)] {
        tags.extend((!value.is_empty()).then(|| text(key, value)));
    }
    tags.extend((span.kind != SpanKind::Internal).then(|| text("span.kind", span.kind.as_str())));
    if span.status.code != StatusCode::Unset {
        tags.push(text("otel.status_code", span.status.code.as_str().to_uppercase()));
    }
    if span.status.code == StatusCode::Error {
        tags.push(("error", Expected::Is(ReadValue::Bool(true))));
        let words = &span.status.message;
        tags.extend((!words.is_empty()).then(|| text("otel.status_description", words)));
    }
    let state = span.context.trace_state.as_str();
    tags.extend((!state.is_empty()).then(|| text("w3c.tracestate", state)));
    tags.extend(dropped(span.dropped_attributes));
    tags.extend(count("otel.dropped_events_count", span.dropped_events));
    tags.extend(count("otel.dropped_links_count", span.dropped_links));
    with_attributes(tags, &span.attributes)
}

fn of_event(event: &Event) -> Tags<'_> {
    let named = !event.name.is_empty() && event.attributes.iter().all(|(key, _)| key != "event");
    let name = named.then(|| text("event", &event.name));
    name.into_iter()
        .chain(event.attributes.iter().map(of_attribute))
        .chain(dropped(event.dropped_attributes))
        .collect()
}

fn of_link(link: &Link) -> Tags<'_> {
    let (context, state) = (&link.context, link.context.trace_state.as_str());
    let mut fields = vec![
        text("event", "link"),
        text("trace_id", context.trace_id.to_string()),
        text("span_id", context.span_id.to_string()),
    ];
    fields.extend((!state.is_empty()).then(|| text("w3c.tracestate", state)));
    let mut fields = with_attributes(fields, &link.attributes);
    fields.extend(dropped(link.dropped_attributes));
    fields
}
