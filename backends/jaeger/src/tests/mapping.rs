//! OpenTelemetry's mapping to Jaeger, by example.

use tracer_factory_core::delivery::Batch;
use tracer_factory_core::ids::{SpanId, TraceFlags, TraceId};
use tracer_factory_core::span::{Event, Link, Resource, SpanData, SpanKind, Status, StatusCode};
use tracer_factory_core::value::Value;

use super::reader::{ReadBatch, ReadSpan, ReadValue, find};
use super::spans::{full, small, text};
use super::wire::read_binary;
use crate::collector::encode;
use crate::model::Process;

fn sent(span: &SpanData) -> ReadBatch {
    let (invalid, body) = encode(&Batch::from_spans(std::slice::from_ref(span)), Vec::new());
    assert_eq!(invalid, 0);
    read_binary(&body.unwrap())
}

fn sent_span(span: &SpanData) -> ReadSpan {
    sent(span).spans.remove(0)
}

fn string(value: &str) -> ReadValue {
    ReadValue::Str(value.to_owned())
}

#[test]
fn identifiers_times_and_names() {
    let span = sent_span(&full());
    assert_eq!(span.trace_id_high, 0xf102_0304_0506_0708_u64.cast_signed());
    assert_eq!(span.trace_id_low, 0x8910_1112_1314_1516_u64.cast_signed());
    assert_eq!(span.span_id, 0xfedc_ba98_7654_3210_u64.cast_signed());
    assert_eq!(span.parent_span_id, 0x0102_0304_0506_0708);
    assert_eq!(span.operation_name, "na\0me 🦀");
    assert_eq!((span.start_time, span.duration), (1_700_000_000_000_001, 2_501));
    assert_eq!(sent_span(&small(1)).parent_span_id, 0);
}

#[test]
fn only_the_sampled_flag_means_the_same_to_jaeger() {
    assert_eq!(sent_span(&full()).flags, 1);
    let mut unsampled = small(1);
    unsampled.context.flags = TraceFlags::NONE;
    assert_eq!(sent_span(&unsampled).flags, 0);
}

#[test]
fn time_that_ran_backwards_is_no_time() {
    let span = SpanData { start_unix_nanos: 5_000, end_unix_nanos: 1_000, ..small(1) };
    assert_eq!((sent_span(&span).start_time, sent_span(&span).duration), (5, 0));
    let latest = SpanData { end_unix_nanos: u64::MAX, ..small(1) };
    assert_eq!(sent_span(&latest).duration, (u64::MAX / 1000) as i64);
}

#[test]
fn attributes_keep_their_types() {
    let span = sent_span(&full());
    let expected = [
        ("text", string("te\0xt 🦀")),
        ("truth", ReadValue::Bool(true)),
        ("lie", ReadValue::Bool(false)),
        ("long", ReadValue::Long(i64::MIN)),
        ("double", ReadValue::Double(-0.25)),
        ("nan", string("NaN")),
        ("bytes", ReadValue::Binary(vec![0, 255])),
        ("array", string(r#"["a",1]"#)),
        ("map", string(r#"{"k":true}"#)),
        ("empty", string("")),
    ];
    for (key, value) in expected {
        assert_eq!(span.tag(key), Some(&value), "{key}");
    }
}

#[test]
fn what_jaeger_has_no_field_for_becomes_tags() {
    let span = sent_span(&full());
    let expected = [
        ("otel.scope.name", string("lib")),
        ("otel.scope.version", string("3")),
        ("span.kind", string("server")),
        ("otel.status_code", string("ERROR")),
        ("otel.status_description", string("boom")),
        // An attribute of the same name gives way.
        ("error", ReadValue::Bool(true)),
        ("w3c.tracestate", string("vendor=1")),
        ("otel.dropped_attributes_count", ReadValue::Long(1)),
        ("otel.dropped_events_count", ReadValue::Long(2)),
        ("otel.dropped_links_count", ReadValue::Long(3)),
    ];
    for (key, value) in expected {
        assert_eq!(span.tag(key), Some(&value), "{key}");
    }
    assert!(sent_span(&small(1)).tags.is_empty());
}

#[test]
fn kinds_and_statuses() {
    let kind = |kind| sent_span(&SpanData { kind, ..small(1) }).tag("span.kind").cloned();
    assert_eq!(kind(SpanKind::Internal), None);
    assert_eq!(kind(SpanKind::Client), Some(string("client")));
    assert_eq!(kind(SpanKind::Producer), Some(string("producer")));
    assert_eq!(kind(SpanKind::Consumer), Some(string("consumer")));
    let ok = SpanData { status: Status { code: StatusCode::Ok, message: String::new() }, ..small(1) };
    assert_eq!(sent_span(&ok).tag("otel.status_code"), Some(&string("OK")));
    assert_eq!(sent_span(&ok).tag("error"), None);
}

#[test]
fn events_are_logs() {
    let span = sent_span(&full());
    let (time, fields) = &span.logs[0];
    assert_eq!(*time, 1_700_000_000_000_002);
    assert_eq!(find(fields, "event"), Some(&string("happened")));
    assert_eq!(find(fields, "n"), Some(&ReadValue::Long(5)));
    assert_eq!(find(fields, "otel.dropped_attributes_count"), Some(&ReadValue::Long(4)));
    let named = Event {
        name: "name".to_owned(),
        attributes: vec![("event".to_owned(), text("attribute"))],
        ..Event::default()
    };
    let span = sent_span(&SpanData { events: vec![named], ..small(1) });
    assert_eq!(find(&span.logs[0].1, "event"), Some(&string("attribute")));
}

#[test]
fn links_are_references_and_their_attributes_a_log() {
    let span = sent_span(&full());
    assert_eq!(span.references, [(1, 8, 7, 9), (1, 8, 7, 9)]);
    assert_eq!(span.logs.len(), 2);
    let (time, fields) = &span.logs[1];
    assert_eq!(*time, span.start_time);
    assert_eq!(find(fields, "event"), Some(&string("link")));
    assert_eq!(find(fields, "trace_id"), Some(&string("00000000000000070000000000000008")));
    assert_eq!(find(fields, "span_id"), Some(&string("0000000000000009")));
    assert_eq!(find(fields, "why"), Some(&string("batch")));
}

#[test]
fn a_span_never_refers_to_itself_or_to_nothing() {
    let mut span = small(1);
    span.links = vec![Link { context: span.context.clone(), ..Link::default() }, Link::default()];
    assert!(sent_span(&span).references.is_empty());
    span.links[0].context.span_id = SpanId::from_int(2);
    span.links[1].context.trace_id = TraceId::from_int(1);
    assert_eq!(sent_span(&span).references, [(1, 1, 0, 2)]);
}

#[test]
fn the_resource_is_the_process() {
    let batch = sent(&full());
    assert_eq!(batch.service_name, "svc");
    assert_eq!(find(&batch.process_tags, "service.version"), Some(&string("1.2")));
    assert_eq!(find(&batch.process_tags, "process.pid"), Some(&ReadValue::Long(12)));
    assert_eq!(batch.process_tags.len(), 2);
    let nameless = [
        Vec::new(),
        vec![("service.name".to_owned(), text(""))],
        vec![("service.name".to_owned(), Value::Int(1))],
    ];
    for attributes in nameless {
        assert_eq!(Process::new(&Resource { attributes }).service_name, "unknown_service");
    }
}
