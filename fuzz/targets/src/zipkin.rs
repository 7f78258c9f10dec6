//! Zipkin's JSON: what our encoder makes of any spans, read by serde_json and held against the mapping.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use tracer_factory_core::json::base64;
use tracer_factory_core::span::{Event, Link, SpanData, SpanKind, StatusCode};
use tracer_factory_core::value::Value;
use tracer_factory_zipkin::Encoder;

use crate::json::{Strict, plain};
use crate::spans::any_spans;

/// A request's body.
pub fn zipkin(input: &[u8]) {
    let spans = any_spans(input);
    let encoded = Encoder::new().encode(spans.iter().cloned());
    let Strict(body) = serde_json::from_slice(&encoded.body).unwrap();
    let valid: Vec<_> = spans.iter().filter(|span| span.context.is_valid()).collect();
    assert_eq!((encoded.spans, encoded.invalid), (valid.len() as u64, (spans.len() - valid.len()) as u64));
    let body = body.as_array().unwrap();
    assert_eq!(body.len(), valid.len());
    for (json, span) in body.iter().zip(valid) {
        assert_span(json, span);
    }
}

fn assert_span(json: &Json, span: &SpanData) {
    let own_parent = span.parent_span_id == Some(span.span_id());
    let parent = span.parent_span_id.filter(|parent| parent.is_valid() && !own_parent);
    let is_server = span.kind == SpanKind::Server;
    let shared = is_server && own_parent && span.parent_is_remote != Some(false);
    let kind = span.kind.as_str().to_uppercase();
    let micros = |nanos: u64| nanos / 1000;
    for (key, expected) in [
        ("traceId", Some(json!(span.trace_id().to_string()))),
        ("id", Some(json!(span.span_id().to_string()))),
        ("parentId", parent.map(|parent| json!(parent.to_string()))),
        ("kind", (span.kind != SpanKind::Internal).then(|| json!(kind))),
        ("name", (!span.name.is_empty()).then(|| json!(span.name))),
        ("timestamp", Some(micros(span.start_unix_nanos)).filter(|time| *time > 0).map(Json::from)),
        ("duration", Some(json!(micros(span.duration_nanos()).max(1)))),
        ("shared", shared.then_some(json!(true))),
    ] {
        assert_eq!(json.get(key), expected.as_ref(), "{key}");
    }
    assert_eq!(json["localEndpoint"]["serviceName"], span.resource.service_name());
    let annotations = json.get("annotations").map_or(&[][..], |list| list.as_array().unwrap());
    assert_eq!(annotations.len(), span.events.len());
    for (annotation, event) in annotations.iter().zip(&span.events) {
        assert_eq!(annotation["timestamp"], micros(event.time_unix_nanos));
        assert_event(annotation["value"].as_str().unwrap(), event);
    }
    assert_tags(json["tags"].as_object().unwrap(), span);
}

fn assert_event(text: &str, event: &Event) {
    if event.attributes.is_empty() && event.dropped_attributes == 0 {
        assert_eq!(text, event.name);
        return;
    }
    let object = text.strip_prefix(&format!("{}:", json!(event.name))).unwrap();
    let mut expected = object_of(&event.attributes);
    if event.dropped_attributes > 0 {
        expected["otel.dropped_attributes_count"] = event.dropped_attributes.into();
    }
    assert_eq!(serde_json::from_str::<Json>(object).unwrap(), expected);
}

fn object_of(attributes: &[(String, Value)]) -> Json {
    attributes.iter().map(|(key, value)| (key.clone(), plain(value))).collect()
}

/// Names that attributes can't take.
const RESERVED: [&str; 11] = [
    "error",
    "otel.status_code",
    "otel.scope.name",
    "otel.scope.version",
    "otel.library.name",
    "otel.library.version",
    "otel.dropped_attributes_count",
    "otel.dropped_events_count",
    "otel.dropped_links_count",
    "otel.links",
    "w3c.tracestate",
];

fn assert_tags(tags: &serde_json::Map<String, Json>, span: &SpanData) {
    let of_resource = span.resource.attributes.iter().filter(|(key, _)| key != "service.name");
    let attributes: BTreeMap<_, _> = of_resource
        .chain(&span.attributes)
        .filter(|(key, _)| !RESERVED.contains(&key.as_str()))
        .map(|(key, value)| (key.as_str(), value))
        .collect();
    let mut facts = facts(span);
    for (key, tag) in tags.iter().filter(|(key, _)| *key != "otel.links") {
        let text = tag.as_str().unwrap();
        match (facts.remove(key.as_str()), attributes.get(key.as_str())) {
            (Some(fact), None) => assert_eq!(text, fact, "{key}"),
            (None, Some(value)) => assert_tag(text, value),
            other => panic!("{key} is {other:?}"),
        }
    }
    let links =
        tags.get("otel.links").map(|links| serde_json::from_str::<Json>(links.as_str().unwrap()).unwrap());
    let expected = (!span.links.is_empty()).then(|| span.links.iter().map(link).collect::<Json>());
    assert_eq!(links, expected);
    assert!(facts.is_empty(), "{facts:?} is missing");
    assert!(attributes.keys().all(|key| tags.contains_key(*key)));
}

fn facts(span: &SpanData) -> BTreeMap<&'static str, String> {
    let (status, scope) = (&span.status, &span.scope);
    let count = |count: u32| (count > 0).then(|| count.to_string());
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let error = status.code == StatusCode::Error;
    let set = status.code != StatusCode::Unset;
    let facts = [
        ("error", error.then(|| status.message.clone())),
        ("otel.status_code", set.then(|| status.code.as_str().to_uppercase())),
        ("otel.scope.name", text(&scope.name)),
        ("otel.library.name", text(&scope.name)),
        ("otel.scope.version", text(&scope.version)),
        ("otel.library.version", text(&scope.version)),
        ("otel.dropped_attributes_count", count(span.dropped_attributes)),
        ("otel.dropped_events_count", count(span.dropped_events)),
        ("otel.dropped_links_count", count(span.dropped_links)),
        ("w3c.tracestate", text(span.context.trace_state.as_str())),
    ];
    facts.into_iter().filter_map(|(key, fact)| Some((key, fact?))).collect()
}

fn link(link: &Link) -> Json {
    let context = &link.context;
    let mut json = json!({ "traceId": context.trace_id.to_string(), "spanId": context.span_id.to_string() });
    if !context.trace_state.is_empty() {
        json["traceState"] = context.trace_state.as_str().into();
    }
    if !link.attributes.is_empty() {
        json["attributes"] = object_of(&link.attributes);
    }
    if link.dropped_attributes > 0 {
        json["droppedAttributesCount"] = link.dropped_attributes.into();
    }
    json
}

fn assert_tag(text: &str, value: &Value) {
    match value {
        Value::Str(value) => assert_eq!(text, value),
        Value::Bool(value) => assert_eq!(text, value.to_string()),
        Value::Int(value) => assert_eq!(text, value.to_string()),
        Value::Double(value) if value.is_nan() => assert_eq!(text, "NaN"),
        Value::Double(value) => assert_eq!(text.parse(), Ok(*value)),
        Value::Bytes(bytes) => assert_eq!(text, base64(bytes)),
        Value::Array(_) | Value::Map(_) => {
            assert_eq!(serde_json::from_str::<Json>(text).unwrap(), plain(value));
        }
        _ => assert_eq!(text, ""),
    }
}
