//! Spans as OTLP JSON: identifiers in hexadecimal, 64-bit numbers as text, enumerations as numbers.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::encode::flags;
use crate::ids::SpanContext;
use crate::json::{base64, double_text};
use crate::span::{Event, InstrumentationScope, Link, Resource, SpanData, StatusCode};
use crate::value::AttrValue;

/// One resource's spans, by scope.
struct Group {
    resource: Arc<Resource>,
    scopes: Vec<(Arc<InstrumentationScope>, Vec<Value>)>,
}

/// An `ExportTraceServiceRequest` (or `TracesData`): spans grouped by resource, then by scope, each in order of appearance.
pub fn request_to_json(spans: impl IntoIterator<Item = SpanData>) -> Value {
    let mut groups: Vec<Group> = Vec::new();
    for span in spans {
        let same = |a: &Arc<Resource>| Arc::ptr_eq(a, &span.resource) || *a == span.resource;
        let at = groups.iter().rposition(|group| same(&group.resource)).unwrap_or_else(|| {
            groups.push(Group { resource: Arc::clone(&span.resource), scopes: Vec::new() });
            groups.len() - 1
        });
        let scopes = &mut groups[at].scopes;
        let at = scopes.iter().rposition(|(scope, _)| *scope == span.scope).unwrap_or_else(|| {
            scopes.push((Arc::clone(&span.scope), Vec::new()));
            scopes.len() - 1
        });
        scopes[at].1.push(span_to_json(&span));
    }
    let groups: Vec<Value> = groups.into_iter().map(group_to_json).collect();
    json!({ "resourceSpans": groups })
}

fn group_to_json(group: Group) -> Value {
    let scope_spans: Vec<Value> = group
        .scopes
        .into_iter()
        .map(|(scope, spans)| json!({ "scope": { "name": scope.name, "version": scope.version }, "spans": spans }))
        .collect();
    json!({
        "resource": { "attributes": attributes_to_json(&group.resource.attributes) },
        "scopeSpans": scope_spans,
    })
}

/// One `Span` message.
fn span_to_json(span: &SpanData) -> Value {
    let mut out = context_to_json(&span.context, span.parent_is_remote);
    if let Some(parent) = span.parent_span_id {
        out.insert("parentSpanId".to_owned(), parent.to_string().into());
    }
    out.insert("name".to_owned(), span.name.as_str().into());
    out.insert("kind".to_owned(), span.kind.to_otlp().into());
    out.insert("startTimeUnixNano".to_owned(), span.start_unix_nanos.to_string().into());
    out.insert("endTimeUnixNano".to_owned(), span.end_unix_nanos.to_string().into());
    out.insert("attributes".to_owned(), attributes_to_json(&span.attributes));
    out.insert("events".to_owned(), span.events.iter().map(event_to_json).collect());
    out.insert("links".to_owned(), span.links.iter().map(link_to_json).collect());
    put_count(&mut out, "droppedAttributesCount", span.dropped_attributes);
    put_count(&mut out, "droppedEventsCount", span.dropped_events);
    put_count(&mut out, "droppedLinksCount", span.dropped_links);
    let mut status = Map::new();
    match span.status.code {
        StatusCode::Unset => {}
        StatusCode::Ok => put_count(&mut status, "code", 1),
        StatusCode::Error => put_count(&mut status, "code", 2),
    }
    if !span.status.message.is_empty() {
        status.insert("message".to_owned(), span.status.message.as_str().into());
    }
    // Absent when unset, as in protobuf.
    if !status.is_empty() {
        out.insert("status".to_owned(), Value::Object(status));
    }
    Value::Object(out)
}

/// Identifiers, state and flags, which spans and links write alike.
fn context_to_json(context: &SpanContext, is_remote: Option<bool>) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("traceId".to_owned(), context.trace_id.to_string().into());
    out.insert("spanId".to_owned(), context.span_id.to_string().into());
    if !context.trace_state.is_empty() {
        out.insert("traceState".to_owned(), context.trace_state.to_string().into());
    }
    out.insert("flags".to_owned(), flags(context.flags.to_w3c_byte(), is_remote).into());
    out
}

fn event_to_json(event: &Event) -> Value {
    let mut out = Map::new();
    out.insert("timeUnixNano".to_owned(), event.time_unix_nanos.to_string().into());
    out.insert("name".to_owned(), event.name.as_str().into());
    out.insert("attributes".to_owned(), attributes_to_json(&event.attributes));
    put_count(&mut out, "droppedAttributesCount", event.dropped_attributes);
    Value::Object(out)
}

fn link_to_json(link: &Link) -> Value {
    let mut out = context_to_json(&link.context, Some(link.context.is_remote));
    out.insert("attributes".to_owned(), attributes_to_json(&link.attributes));
    put_count(&mut out, "droppedAttributesCount", link.dropped_attributes);
    Value::Object(out)
}

fn put_count(out: &mut Map<String, Value>, name: &str, count: u32) {
    if count > 0 {
        out.insert(name.to_owned(), count.into());
    }
}

fn attributes_to_json(attributes: &[(String, AttrValue<'static>)]) -> Value {
    attributes.iter().map(|(key, value)| json!({ "key": key, "value": any_value_to_json(value) })).collect()
}

fn any_value_to_json(value: &AttrValue<'_>) -> Value {
    match value {
        AttrValue::Empty => json!({}),
        AttrValue::Str(text) => json!({ "stringValue": text }),
        AttrValue::Bool(value) => json!({ "boolValue": value }),
        AttrValue::Int(value) => json!({ "intValue": value.to_string() }),
        AttrValue::Double(value) if value.is_finite() => json!({ "doubleValue": value }),
        AttrValue::Double(value) => json!({ "doubleValue": double_text(*value) }),
        AttrValue::Bytes(bytes) => json!({ "bytesValue": base64(bytes) }),
        AttrValue::Array(items) => {
            let values: Vec<Value> = items.iter().map(any_value_to_json).collect();
            json!({ "arrayValue": { "values": values } })
        }
        AttrValue::Map(items) => {
            let entry = |(key, value): &(std::borrow::Cow<'_, str>, AttrValue<'_>)| json!({ "key": key, "value": any_value_to_json(value) });
            let values: Vec<Value> = items.iter().map(entry).collect();
            json!({ "kvlistValue": { "values": values } })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{SpanId, TraceFlags, TraceId};

    #[test]
    fn the_forms_that_json_demands() {
        let value = |value: AttrValue<'static>| any_value_to_json(&value).to_string();
        assert_eq!(value(AttrValue::Int(i64::MIN)), r#"{"intValue":"-9223372036854775808"}"#);
        assert_eq!(value(AttrValue::Double(f64::NEG_INFINITY)), r#"{"doubleValue":"-Infinity"}"#);
        assert_eq!(value(AttrValue::Double(f64::NAN)), r#"{"doubleValue":"NaN"}"#);
        assert_eq!(value(AttrValue::from(vec![0u8, 255])), r#"{"bytesValue":"AP8="}"#);
        assert_eq!(value(AttrValue::Empty), "{}");
        let nested = AttrValue::Map(vec![("k".into(), AttrValue::Array(vec![true.into()]))]);
        assert_eq!(
            value(nested),
            r#"{"kvlistValue":{"values":[{"key":"k","value":{"arrayValue":{"values":[{"boolValue":true}]}}}]}}"#
        );
    }

    #[test]
    fn spans_are_grouped_in_order() {
        let span = |service: &str, scope: &str, name: &str| SpanData {
            context: SpanContext::new(TraceId::from_int(1), SpanId::from_int(2), TraceFlags::SAMPLED),
            parent_span_id: Some(SpanId::from_int(3)),
            parent_is_remote: Some(true),
            name: name.to_owned(),
            start_unix_nanos: u64::MAX,
            resource: Arc::new(Resource {
                attributes: vec![("service.name".to_owned(), service.to_owned().into())],
            }),
            scope: Arc::new(InstrumentationScope { name: scope.to_owned(), version: String::new() }),
            ..SpanData::default()
        };
        let json = request_to_json([
            span("a", "x", "1"),
            span("b", "x", "2"),
            span("a", "y", "3"),
            span("a", "x", "4"),
        ]);
        let names = |pointer: &str| {
            let spans = json.pointer(pointer).unwrap().as_array().unwrap();
            spans.iter().map(|span| span["name"].as_str().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(names("/resourceSpans/0/scopeSpans/0/spans"), ["1", "4"]);
        assert_eq!(names("/resourceSpans/0/scopeSpans/1/spans"), ["3"]);
        assert_eq!(names("/resourceSpans/1/scopeSpans/0/spans"), ["2"]);
        let first = json.pointer("/resourceSpans/0/scopeSpans/0/spans/0").unwrap();
        assert_eq!(first["traceId"], "00000000000000000000000000000001");
        assert_eq!(first["parentSpanId"], "0000000000000003");
        assert_eq!(first["startTimeUnixNano"], "18446744073709551615");
        assert_eq!((&first["kind"], &first["flags"]), (&json!(1), &json!(0x301)));
    }
}
