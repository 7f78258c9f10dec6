//! OTLP's protobuf: any bytes in; what was read is written and read again; prost is the judge.

use std::fmt::Debug;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tracer_factory_core::otlp::{decode_request, decode_span, encode_request, encode_span};
use tracer_factory_core::span::{SpanData, StatusCode};
use tracer_factory_core::value::Value;

use crate::spans::comparable;

/// Whole requests.
pub fn otlp_request(input: &[u8]) {
    let judge = ExportTraceServiceRequest::decode(input);
    let Ok(spans) = decode_request(input) else {
        assert!(judge.is_err(), "prost reads it");
        return;
    };
    if let Ok(judge) = judge {
        let retold = decode_request(&judge.encode_to_vec()).unwrap();
        assert_same(&comparable(&spans), &comparable(&retold), &judge);
    }
    written_and_read_again(spans);
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
    let again = decode_request(&bytes).unwrap();
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
    let Ok(mut span) = decode_span(input) else {
        assert!(judge.is_err(), "prost reads it");
        return;
    };
    if let Ok(judge) = judge {
        let retold = decode_span(&judge.encode_to_vec()).unwrap();
        assert_same(&format!("{span:?}"), &format!("{retold:?}"), &judge);
    }
    let mut bytes = Vec::new();
    encode_span(&span, &mut bytes);
    Span::decode(&*bytes).unwrap();
    let again = decode_span(&bytes).unwrap();
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
