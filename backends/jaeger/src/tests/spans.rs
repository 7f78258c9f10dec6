//! Spans to test with: any at all, and one with everything.

use std::borrow::Cow;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use tracer_factory_core::propagation::TraceState;
use tracer_factory_core::span::{
    Event, InstrumentationScope, Link, Resource, SpanData, SpanKind, Status, StatusCode,
};
use tracer_factory_core::value::Value;

pub(super) fn text(value: &str) -> Value {
    Value::Str(Cow::Owned(value.to_owned()))
}

/// Uses every field there is.
pub(super) fn full() -> SpanData {
    let context = SpanContext {
        trace_id: TraceId::from_int(0xf102_0304_0506_0708_8910_1112_1314_1516),
        span_id: SpanId::from_int(0xfedc_ba98_7654_3210),
        flags: TraceFlags::from_byte(3),
        trace_state: TraceState::from_header("vendor=1"),
        is_remote: false,
    };
    let linked = SpanContext::new(TraceId::from_int(7 << 64 | 8), SpanId::from_int(9), TraceFlags::SAMPLED);
    SpanData {
        context,
        parent_span_id: Some(SpanId::from_int(0x0102_0304_0506_0708)),
        parent_is_remote: Some(true),
        name: "na\0me 🦀".to_owned(),
        kind: SpanKind::Server,
        start_unix_nanos: 1_700_000_000_000_001_999,
        end_unix_nanos: 1_700_000_000_002_503_000,
        attributes: vec![
            ("text".to_owned(), text("te\0xt 🦀")),
            ("truth".to_owned(), Value::Bool(true)),
            ("lie".to_owned(), Value::Bool(false)),
            ("long".to_owned(), Value::Int(i64::MIN)),
            ("double".to_owned(), Value::Double(-0.25)),
            ("nan".to_owned(), Value::Double(f64::NAN)),
            ("bytes".to_owned(), Value::Bytes(Cow::Borrowed(&[0, 255]))),
            ("array".to_owned(), Value::Array(vec![text("a"), Value::Int(1)])),
            ("map".to_owned(), Value::Map(vec![(Cow::Borrowed("k"), Value::Bool(true))])),
            ("empty".to_owned(), Value::Empty),
            ("error".to_owned(), text("the user's own")),
        ],
        dropped_attributes: 1,
        events: vec![Event {
            name: "happened".to_owned(),
            time_unix_nanos: 1_700_000_000_000_002_001,
            attributes: vec![("n".to_owned(), Value::Int(5))],
            dropped_attributes: 4,
        }],
        dropped_events: 2,
        links: vec![
            Link { context: linked.clone(), ..Link::default() },
            Link {
                context: linked,
                attributes: vec![("why".to_owned(), text("batch"))],
                dropped_attributes: 0,
            },
        ],
        dropped_links: 3,
        status: Status { code: StatusCode::Error, message: "boom".to_owned() },
        resource: Arc::new(Resource {
            attributes: vec![
                ("service.name".to_owned(), text("svc")),
                ("service.version".to_owned(), text("1.2")),
                ("process.pid".to_owned(), Value::Int(12)),
            ],
        }),
        scope: Arc::new(InstrumentationScope { name: "lib".to_owned(), version: "3".to_owned() }),
    }
}

/// A span with a name, identifiers and nothing else.
pub(super) fn small(number: u64) -> SpanData {
    SpanData {
        context: SpanContext::new(TraceId::from_int(1), SpanId::from_int(number), TraceFlags::SAMPLED),
        name: format!("span {number}"),
        resource: full().resource,
        ..SpanData::default()
    }
}

/// A span whose encoding is a little larger than `bytes`.
pub(super) fn large(number: u64, bytes: usize) -> SpanData {
    SpanData { attributes: vec![("filler".to_owned(), text(&"x".repeat(bytes)))], ..small(number) }
}

pub(super) fn any_span() -> impl Strategy<Value = SpanData> {
    let kinds = prop::sample::select(vec![
        SpanKind::Internal,
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
    ]);
    let status = prop_oneof![
        Just(Status::default()),
        Just(Status { code: StatusCode::Ok, message: String::new() }),
        any_text().prop_map(|message| Status { code: StatusCode::Error, message }),
    ];
    let counts = (small_count(), small_count(), small_count());
    let what = (any_text(), kinds, status, any_text(), any_text());
    (
        any_context(),
        option::of(any::<u64>()),
        what,
        any::<(u64, u64)>(),
        any_attributes(),
        counts,
        any_events(),
        any_links(),
    )
        .prop_map(
            |(
                context,
                parent,
                (name, kind, status, scope, version),
                (start, end),
                attributes,
                counts,
                events,
                links,
            )| {
                SpanData {
                    context,
                    parent_span_id: parent.map(SpanId::from_int),
                    parent_is_remote: None,
                    name,
                    kind,
                    start_unix_nanos: start,
                    end_unix_nanos: end,
                    attributes,
                    dropped_attributes: counts.0,
                    events,
                    dropped_events: counts.1,
                    links,
                    dropped_links: counts.2,
                    status,
                    resource: Arc::default(),
                    scope: Arc::new(InstrumentationScope { name: scope, version }),
                }
            },
        )
}

pub(super) fn any_resource() -> impl Strategy<Value = Resource> {
    any_attributes().prop_map(|attributes| Resource { attributes })
}

fn any_context() -> impl Strategy<Value = SpanContext> {
    any::<(u128, u64, u8, bool)>().prop_map(|(trace, span, flags, state)| SpanContext {
        trace_state: TraceState::from_header(if state { "a=b" } else { "" }),
        ..SpanContext::new(TraceId::from_int(trace), SpanId::from_int(span), TraceFlags::from_byte(flags))
    })
}

fn any_events() -> impl Strategy<Value = Vec<Event>> {
    let event = (any_text(), any::<u64>(), any_attributes(), small_count());
    let event = event
        .prop_map(|(name, time_unix_nanos, attributes, dropped_attributes)| Event {
            name,
            time_unix_nanos,
            attributes,
            dropped_attributes,
        })
        .boxed();
    // Lists of 15 and more have another form on the wire.
    prop_oneof![4 => vec(event.clone(), 0..3), 1 => vec(event, 14..18)]
}

fn any_links() -> impl Strategy<Value = Vec<Link>> {
    let link = (any_context(), any_attributes(), small_count());
    vec(
        link.prop_map(|(context, attributes, dropped_attributes)| Link {
            context,
            attributes,
            dropped_attributes,
        }),
        0..3,
    )
}

fn any_attributes() -> impl Strategy<Value = Vec<(String, Value)>> {
    prop_oneof![4 => vec((any_text(), any_value()), 0..4), 1 => vec((any_text(), any_value()), 13..20)]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Empty),
        any_text().prop_map(|value| Value::Str(Cow::Owned(value))),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        prop::num::f64::ANY.prop_map(Value::Double),
        vec(any::<u8>(), 0..200).prop_map(|value| Value::Bytes(Cow::Owned(value))),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::Array),
            vec((any_text().prop_map(Cow::Owned), inner), 0..3).prop_map(Value::Map),
        ]
    })
}

fn any_text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..12).prop_map(|chars| chars.into_iter().collect())
}

fn small_count() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(0), 1 => any::<u32>()]
}
