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
use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use tracer_factory_core::otlp::{
    DecodeError, decode_json_request, decode_request, decode_span, encode_request, encode_span,
    request_to_json,
};
use tracer_factory_core::span::{SpanData, SpanKind};

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
    fn floats_come_back_from_json(bits in any::<u64>()) {
        let float = f64::from_bits(bits);
        prop_assume!(!float.is_nan());
        let span = SpanData { attributes: vec![("f".to_owned(), float.into())], ..SpanData::default() };
        let json = request_to_json([span.clone()]).to_string();
        prop_assert_eq!(decode_json_request(json.as_bytes()).unwrap(), [span]);
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

/// The bytes of one span whose only attribute is made of these fields, as repeated messages may come.
fn attribute(value_fields: &[AnyValue]) -> Vec<u8> {
    let mut key_value = Vec::new();
    prost::encoding::string::encode(1, &"k".to_owned(), &mut key_value);
    for value in value_fields {
        prost::encoding::message::encode(2, value, &mut key_value);
    }
    let mut span = Vec::new();
    prost::encoding::bytes::encode(9, &key_value, &mut span);
    span
}

#[test]
fn repeated_messages_merge_as_prost_merges_them() {
    let list = |items: &[i64]| {
        let values = items.iter().map(|n| AnyValue { value: Some(ProtoValue::IntValue(*n)) }).collect();
        AnyValue { value: Some(ProtoValue::ArrayValue(ArrayValue { values })) }
    };
    let map = |key: &str| {
        let values = vec![pair(key.to_owned(), list(&[1]))];
        AnyValue { value: Some(ProtoValue::KvlistValue(KeyValueList { values })) }
    };
    let (none, text) =
        (AnyValue { value: None }, AnyValue { value: Some(ProtoValue::StringValue("t".to_owned())) });
    for fields in [
        vec![list(&[1]), list(&[2, 3])],
        vec![map("a"), map("b")],
        vec![list(&[1]), map("a"), list(&[2])],
        vec![text.clone(), none.clone()],
        vec![list(&[1]), none, text],
    ] {
        let bytes = attribute(&fields);
        let merged = proto::Span::decode(&*bytes).unwrap();
        assert_eq!(decode_span(&bytes), decode_span(&merged.encode_to_vec()), "{fields:?}");
        assert_eq!(decode_span(&bytes).unwrap().attributes.len(), 1);
    }
}

#[test]
fn numbers_beyond_an_enum_are_cut_as_prost_cuts_them() {
    let mut bytes = Vec::new();
    prost::encoding::uint64::encode(6, &0x1_0000_0002, &mut bytes);
    assert_eq!(proto::Span::decode(&*bytes).unwrap().kind, 2);
    assert_eq!(decode_span(&bytes).unwrap().kind, SpanKind::Server);
}

#[test]
fn flags_without_a_meaning_stay_out() {
    let flags = |number| {
        let link = proto::span::Link { flags: 0xff, ..proto::span::Link::default() };
        let span = proto::Span { flags: number, links: vec![link], ..proto::Span::default() };
        decode_span(&span.encode_to_vec()).unwrap()
    };
    let span = flags(0xfc);
    assert_eq!((span.context.flags.to_byte(), span.links[0].context.flags.to_byte()), (0, 3));
    let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"flags":255,"links":[{"flags":252}]}]}]}]}"#;
    let span = decode_json_request(json).unwrap().remove(0);
    assert_eq!((span.context.flags.to_byte(), span.links[0].context.flags.to_byte()), (3, 0));
    let debug = SpanData {
        context: SpanContext::new(TraceId::from_int(1), SpanId::from_int(1), TraceFlags::DEBUG),
        ..SpanData::default()
    };
    let json = request_to_json([debug]);
    assert_eq!(json.pointer("/resourceSpans/0/scopeSpans/0/spans/0/flags"), Some(&1.into()));
}

#[test]
fn a_resource_that_does_not_equal_itself_is_written_once() {
    let json = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"nan","value":{"doubleValue":"NaN"}}]},
        "scopeSpans":[{"spans":[{},{},{}]}]}]}"#;
    let spans = decode_json_request(json.as_bytes()).unwrap();
    let request = ExportTraceServiceRequest::decode(&*encode_request(&spans)).unwrap();
    assert_eq!(request.resource_spans.len(), 1);
    assert_eq!(request.resource_spans[0].scope_spans[0].spans.len(), 3);
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

/// A length-delimited field.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(content);
    out
}

fn request_of(spans: &[u8]) -> Vec<u8> {
    field(1, &field(2, spans))
}

#[test]
fn a_small_body_does_not_fill_the_memory() {
    let empty = |number| field(number, b"").repeat(100_000);
    let one_span = |content: &[u8]| request_of(&field(2, content));
    let value = |number| field(9, &field(2, &field(number, &empty(1))));
    let (event, link) = (field(11, &empty(3)), field(13, &empty(4)));
    for (what, body) in [
        ("spans", request_of(&empty(2))),
        ("attributes", one_span(&empty(9))),
        ("events", one_span(&empty(11))),
        ("links", one_span(&empty(13))),
        ("attributes of an event", one_span(&event)),
        ("attributes of a link", one_span(&link)),
        ("elements of a map", one_span(&value(6))),
        ("attributes of a resource", field(1, &field(1, &empty(1)))),
    ] {
        assert_eq!(decode_request(&body), Err(DecodeError::TooManyElements), "{what}");
    }
    assert_eq!(decode_span(&empty(9)).unwrap_err(), DecodeError::TooManyElements);
}

#[test]
fn the_bound_on_memory_is_far_from_any_real_request() {
    let spare =
        |span: &proto::Span| decode_request(&request_of(&field(2, &span.encode_to_vec()).repeat(2_000)));
    let mut span = proto::Span { trace_id: vec![1; 16], ..proto::Span::default() };
    assert_eq!(spare(&span).unwrap().len(), 2_000, "an identifier and nothing else");
    span.span_id = vec![2; 8];
    let flag = AnyValue { value: Some(ProtoValue::BoolValue(true)) };
    span.attributes = vec![pair("a".to_owned(), flag.clone()); 10];
    span.attributes.push(pair(
        "b".to_owned(),
        AnyValue { value: Some(ProtoValue::ArrayValue(ArrayValue { values: vec![flag; 100] })) },
    ));
    assert_eq!(spare(&span).unwrap().len(), 2_000, "the shortest attributes there are");
}
