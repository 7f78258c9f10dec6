//! OTLP's protobuf: any bytes in; what was read is written and read again; prost is the judge.

use std::fmt::Debug;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tracer_factory_core::otlp::{DecodeError, decode_request, decode_span, encode_request, encode_span};
use tracer_factory_core::span::{Event, Link, SpanData, StatusCode};
use tracer_factory_core::value::Value;

use crate::spans::comparable;

/// Whole requests.
pub fn otlp_request(input: &[u8]) {
    let judge = ExportTraceServiceRequest::decode(input);
    let spans = match decode_request(input) {
        Ok(spans) => spans,
        Err(error) => return refused(input, error, judge.is_ok()),
    };
    assert!(memory_of(&spans) <= most_of(input), "{} bytes became more than they may", input.len());
    if let Ok(judge) = judge
        && let Some(retold) = unless_dense(decode_request(&judge.encode_to_vec()))
    {
        assert_same(&comparable(&spans), &comparable(&retold), &judge);
    }
    written_and_read_again(spans);
}

/// What can be read is refused only where it would take far more memory than any real request.
fn refused(input: &[u8], error: DecodeError, prost_reads_it: bool) {
    let is_dense = error == DecodeError::TooManyElements && input.len() > FREE / ELEMENT;
    assert!(is_dense || !prost_reads_it, "prost reads it: {error}");
}

/// Decoded bytes that any input may have, and those for each of its bytes.
const FREE: usize = 64 << 10;
const PER_BYTE: usize = 16;
/// More than the structure of any element that is counted takes.
const ELEMENT: usize = 512;

/// What was written again without what is unknown is shorter, and may be too dense for that.
fn unless_dense<T: Debug>(read: Result<T, DecodeError>) -> Option<T> {
    match read {
        Err(DecodeError::TooManyElements) => None,
        other => Some(other.unwrap()),
    }
}

fn most_of(input: &[u8]) -> usize {
    FREE + PER_BYTE * input.len()
}

/// Of the structures that spans are made of.
fn memory_of(spans: &[SpanData]) -> usize {
    let attributes = |list: &[(String, Value)]| {
        list.iter().map(|(_, value)| size_of::<(String, Value)>() + memory_of_value(value)).sum::<usize>()
    };
    let events = |list: &[Event]| {
        list.iter().map(|event| size_of::<Event>() + attributes(&event.attributes)).sum::<usize>()
    };
    let links = |list: &[Link]| {
        list.iter().map(|link| size_of::<Link>() + attributes(&link.attributes)).sum::<usize>()
    };
    let of = |span: &SpanData| {
        size_of::<SpanData>() + attributes(&span.attributes) + events(&span.events) + links(&span.links)
    };
    spans.iter().map(of).sum()
}

fn memory_of_value(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(|item| size_of::<Value>() + memory_of_value(item)).sum(),
        Value::Map(items) => {
            items.iter().map(|(_, item)| size_of::<(String, Value)>() + memory_of_value(item)).sum()
        }
        _ => 0,
    }
}

/// Values by index into a table of texts are known to prost and are for profiles: in a span they are unknown fields.
fn assert_same<T: PartialEq + Debug>(ours: &T, retold: &T, judge: &impl Debug) {
    if ours != retold {
        assert!(
            format!("{judge:?}").contains("StringValueStrindex("),
            "prost reads something else: {ours:?}\n{retold:?}"
        );
    }
}

/// What encoding keeps of any spans: everything.
pub(crate) fn written_and_read_again(mut spans: Vec<SpanData>) {
    let bytes = encode_request(&spans);
    ExportTraceServiceRequest::decode(&*bytes).unwrap();
    let Some(again) = unless_dense(decode_request(&bytes)) else { return };
    assert_eq!(encode_request(&again), bytes, "written twice, it differs");
    assert_eq!(again.len(), spans.len());
    if spans.iter().all(can_be_written) {
        spans.iter_mut().for_each(only_errors_have_words);
        assert_eq!(comparable(&again), comparable(&spans));
    }
}

/// Single spans, as records hold them.
pub fn otlp_span(input: &[u8]) {
    let judge = Span::decode(input);
    let mut span = match decode_span(input) {
        Ok(span) => span,
        Err(error) => return refused(input, error, judge.is_ok()),
    };
    if let Ok(judge) = judge
        && let Some(retold) = unless_dense(decode_span(&judge.encode_to_vec()))
    {
        assert_same(&format!("{span:?}"), &format!("{retold:?}"), &judge);
    }
    let mut bytes = Vec::new();
    encode_span(&span, &mut bytes);
    Span::decode(&*bytes).unwrap();
    let Some(again) = unless_dense(decode_span(&bytes)) else { return };
    let mut twice = Vec::new();
    encode_span(&again, &mut twice);
    assert_eq!(twice, bytes, "written twice, it differs");
    if can_be_written(&span) {
        only_errors_have_words(&mut span);
        assert_eq!(format!("{again:?}"), format!("{span:?}"));
    }
}

/// A status that nobody set is not written.
fn only_errors_have_words(span: &mut SpanData) {
    if span.status.code == StatusCode::Unset {
        span.status.message.clear();
    }
}

/// False with values that are nested deeper than they are written.
fn can_be_written(span: &SpanData) -> bool {
    let events = span.events.iter().map(|event| &event.attributes);
    let links = span.links.iter().map(|link| &link.attributes);
    let lists = [&span.attributes, &span.resource.attributes].into_iter().chain(events).chain(links);
    lists.flatten().all(|(_, value)| is_shallow(value, 23))
}

fn is_shallow(value: &Value, deeper: u32) -> bool {
    let Some(inner) = deeper.checked_sub(1) else { return !matches!(value, Value::Array(_) | Value::Map(_)) };
    match value {
        Value::Array(items) => items.iter().all(|item| is_shallow(item, inner)),
        Value::Map(items) => items.iter().all(|(_, item)| is_shallow(item, inner)),
        _ => true,
    }
}
