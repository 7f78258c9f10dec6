//! Our OTLP encoder and decoder against prost's own types, on random spans and random bytes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProtoValue;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope as ProtoScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;
use opentelemetry_proto::tonic::trace::v1::{self as proto, ResourceSpans, ScopeSpans};
use proptest::prelude::*;
use prost::Message;
use tracer_factory_core::otlp::{decode_request, decode_span, encode_request, encode_span};
use tracer_factory_core::span::SpanData;

fn value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        ".{0,20}".prop_map(|s| Some(ProtoValue::StringValue(s))),
        any::<bool>().prop_map(|b| Some(ProtoValue::BoolValue(b))),
        any::<i64>().prop_map(|i| Some(ProtoValue::IntValue(i))),
        (-1e300..1e300f64).prop_map(|d| Some(ProtoValue::DoubleValue(d))),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|b| Some(ProtoValue::BytesValue(b))),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(3, 12, 4, |inner| {
        let array = prop::collection::vec(inner.clone(), 0..4)
            .prop_map(|values| Some(ProtoValue::ArrayValue(ArrayValue { values })));
        let map = prop::collection::vec((".{0,6}", inner), 0..4).prop_map(|pairs| {
            let values = pairs.into_iter().map(|(key, value)| pair(key, value)).collect();
            Some(ProtoValue::KvlistValue(KeyValueList { values }))
        });
        prop_oneof![array, map].prop_map(|value| AnyValue { value })
    })
}

fn pair(key: String, value: AnyValue) -> KeyValue {
    KeyValue { key, value: Some(value), ..KeyValue::default() }
}

fn pairs(most: usize) -> impl Strategy<Value = Vec<KeyValue>> {
    prop::collection::vec((".{0,12}", value()).prop_map(|(key, value)| pair(key, value)), 0..most)
}

prop_compose! {
    fn event()(name in ".{0,10}", time_unix_nano in any::<u64>(), attributes in pairs(3), dropped_attributes_count in 0u32..3) -> proto::span::Event {
        proto::span::Event { time_unix_nano, name, attributes, dropped_attributes_count }
    }
}

prop_compose! {
    fn link()(trace in any::<[u8; 16]>(), span in any::<[u8; 8]>(), attributes in pairs(3), remote in any::<bool>(), flags in 0u32..4, dropped in 0u32..3) -> proto::span::Link {
        proto::span::Link {
            trace_id: trace.to_vec(),
            span_id: span.to_vec(),
            trace_state: String::new(),
            attributes,
            dropped_attributes_count: dropped,
            flags: flags | 0x100 | if remote { 0x200 } else { 0 },
        }
    }
}

prop_compose! {
    fn span()(
        (trace, span, parent) in (any::<[u8; 16]>(), any::<[u8; 8]>(), prop::option::of(any::<[u8; 8]>().prop_filter("zero", |id| *id != [0; 8]))),
        name in ".{0,30}",
        kind in 1i32..6,
        (start_time_unix_nano, end_time_unix_nano) in any::<(u64, u64)>(),
        attributes in pairs(6),
        events in prop::collection::vec(event(), 0..3),
        links in prop::collection::vec(link(), 0..3),
        (a, b, c) in (0u32..3, 0u32..3, 0u32..3),
        status in prop_oneof![Just(None), Just(Some((String::new(), 1))), ".{0,10}".prop_map(|message| Some((message, 2)))],
        state in prop_oneof![Just(String::new()), Just("a=1,b=2".to_owned())],
        flags in 0u32..4,
        remote in prop::option::of(any::<bool>()),
    ) -> proto::Span {
        let remote = match remote { None => 0, Some(false) => 0x100, Some(true) => 0x300 };
        proto::Span {
            trace_id: trace.to_vec(),
            span_id: span.to_vec(),
            trace_state: state,
            parent_span_id: parent.map(Vec::from).unwrap_or_default(),
            flags: flags | remote,
            name,
            kind,
            start_time_unix_nano,
            end_time_unix_nano,
            attributes,
            dropped_attributes_count: a,
            events,
            dropped_events_count: b,
            links,
            dropped_links_count: c,
            status: status.map(|(message, code)| proto::Status { message, code }),
        }
    }
}

prop_compose! {
    fn request()(groups in prop::collection::vec((pairs(3), ".{0,5}", prop::collection::vec(span(), 1..4)), 1..4)) -> ExportTraceServiceRequest {
        let resource_spans = groups.into_iter().enumerate().map(|(n, (mut attributes, scope, spans))| {
            // Equal resources would be one group on the way back.
            attributes.push(pair("n".to_owned(), AnyValue { value: Some(ProtoValue::IntValue(n as i64)) }));
            ResourceSpans {
                resource: Some(ProtoResource { attributes, ..ProtoResource::default() }),
                scope_spans: vec![ScopeSpans {
                    scope: Some(ProtoScope { name: scope, version: "1".to_owned(), ..ProtoScope::default() }),
                    spans,
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            }
        });
        ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_prost_writes_we_read_and_write_back_equal(request in request()) {
        let spans = decode_request(&request.encode_to_vec()).unwrap();
        let back = ExportTraceServiceRequest::decode(&*encode_request(&spans)).unwrap();
        prop_assert_eq!(back, request);
    }

    #[test]
    fn a_span_cut_anywhere_is_an_error_or_a_shorter_span(span in span(), at in any::<prop::sample::Index>()) {
        let bytes = span.encode_to_vec();
        let cut = at.index(bytes.len());
        // Never a panic; and prost agrees on whether it is a message at all.
        let (ours, theirs) = (decode_span(&bytes[..cut]), proto::Span::decode(&bytes[..cut]));
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?}", ours, theirs);
    }

    #[test]
    fn noise_never_panics_and_what_we_take_prost_takes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(span) = decode_span(&bytes) {
            let mut back = Vec::new();
            encode_span(&span, &mut back);
            prop_assert!(proto::Span::decode(&*back).is_ok());
        }
    }
}

#[test]
fn values_as_deep_as_a_stack_are_an_error() {
    let mut value = AnyValue { value: None };
    for _ in 0..200 {
        value = AnyValue { value: Some(ProtoValue::ArrayValue(ArrayValue { values: vec![value] })) };
    }
    let span = proto::Span { attributes: vec![pair("deep".to_owned(), value)], ..proto::Span::default() };
    assert!(decode_span(&span.encode_to_vec()).is_err());
}

#[test]
fn an_empty_request_has_no_spans() {
    assert_eq!(decode_request(&[]), Ok(Vec::<SpanData>::new()));
    assert!(encode_request(&[]).is_empty());
}
