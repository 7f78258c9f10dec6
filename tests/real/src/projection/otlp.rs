//! What an OTLP receiver keeps, in OTLP's JSON: everything, to the nanosecond and with its type.
//!
//! For the Collector and for our own server's `/api/traces/{id}`. Not compared: how spans are spread over
//! requests and groups, the order of a resource's attributes, and whether something empty is absent.

use serde_json::{Value, json};
use tracer_factory::json::{base64, double_text};
use tracer_factory::{AttrValue, Event, Link, SpanContext, SpanData, StatusCode};

use super::sort_by_text;

/// What the receiver must show: each span with its resource and scope.
pub fn of(spans: &[SpanData]) -> Value {
    let mut spans: Vec<Value> = spans.iter().map(span_of).collect();
    sort_by_text(&mut spans, "spanId");
    Value::Array(spans)
}

fn span_of(span: &SpanData) -> Value {
    let mut shown = context(&span.context, span.parent_is_remote);
    shown["name"] = span.name.clone().into();
    shown["kind"] = span.kind.to_otlp().into();
    shown["startTimeUnixNano"] = span.start_unix_nanos.to_string().into();
    shown["endTimeUnixNano"] = span.end_unix_nanos.to_string().into();
    shown["scope"] = json!({ "name": span.scope.name, "version": span.scope.version });
    if let Some(parent) = span.parent_span_id {
        shown["parentSpanId"] = parent.to_string().into();
    }
    let code = match span.status.code {
        StatusCode::Unset => 0,
        StatusCode::Ok => 1,
        StatusCode::Error => 2,
    };
    if code > 0 {
        shown["status"] = json!({ "code": code });
    }
    if !span.status.message.is_empty() {
        shown["status"]["message"] = span.status.message.clone().into();
    }
    let mut resource: Vec<Value> = span.resource.attributes.iter().map(key_value).collect();
    sort_by_text(&mut resource, "key");
    shown["resource"] = resource.into();
    put(&mut shown, "attributes", span.attributes.iter().map(key_value).collect());
    put(&mut shown, "events", span.events.iter().map(event).collect());
    put(&mut shown, "links", span.links.iter().map(link).collect());
    shown
}

fn put(object: &mut Value, key: &str, items: Vec<Value>) {
    if !items.is_empty() {
        object[key] = items.into();
    }
}

/// The flags are W3C's in the low byte; bit 8 says that bit 9 says whether the other span is remote.
fn context(context: &SpanContext, is_remote: Option<bool>) -> Value {
    let remote = match is_remote {
        None => 0,
        Some(false) => 0x100,
        Some(true) => 0x300,
    };
    let mut shown = json!({
        "traceId": context.trace_id.to_string(),
        "spanId": context.span_id.to_string(),
        "flags": u32::from(context.flags.to_byte()) | remote,
    });
    if !context.trace_state.is_empty() {
        shown["traceState"] = context.trace_state.to_string().into();
    }
    shown
}

fn event(event: &Event) -> Value {
    let mut shown = json!({ "name": event.name, "timeUnixNano": event.time_unix_nanos.to_string() });
    put(&mut shown, "attributes", event.attributes.iter().map(key_value).collect());
    shown
}

fn link(link: &Link) -> Value {
    let mut shown = context(&link.context, Some(link.context.is_remote));
    put(&mut shown, "attributes", link.attributes.iter().map(key_value).collect());
    shown
}

fn key_value((key, value): &(String, AttrValue<'static>)) -> Value {
    json!({ "key": key, "value": any_value(value) })
}

fn any_value(value: &AttrValue<'_>) -> Value {
    match value {
        AttrValue::Str(text) => json!({ "stringValue": text }),
        AttrValue::Bool(value) => json!({ "boolValue": value }),
        AttrValue::Int(value) => json!({ "intValue": value.to_string() }),
        AttrValue::Double(value) if value.is_finite() => json!({ "doubleValue": value }),
        AttrValue::Double(value) => json!({ "doubleValue": double_text(*value) }),
        AttrValue::Bytes(bytes) => json!({ "bytesValue": base64(bytes) }),
        AttrValue::Array(items) => {
            let mut shown = json!({ "arrayValue": {} });
            put(&mut shown["arrayValue"], "values", items.iter().map(any_value).collect());
            shown
        }
        AttrValue::Map(items) => {
            let pair = |(key, value): &(std::borrow::Cow<'_, str>, AttrValue<'_>)| json!({ "key": key, "value": any_value(value) });
            let mut shown = json!({ "kvlistValue": {} });
            put(&mut shown["kvlistValue"], "values", items.iter().map(pair).collect());
            shown
        }
        _ => json!({}),
    }
}

/// The trace's spans in what the receiver showed, export requests in JSON.
pub fn shown(requests: &[Value], trace_id: &str) -> Value {
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let mut spans = Vec::new();
    for group in requests.iter().flat_map(|request| list(request, "resourceSpans")) {
        let mut resource = list(&group["resource"], "attributes");
        sort_by_text(&mut resource, "key");
        for scope_spans in list(&group, "scopeSpans") {
            let of_trace = |span: &Value| span["traceId"].as_str() == Some(trace_id);
            for mut span in list(&scope_spans, "spans").into_iter().filter(of_trace) {
                without_empty(&mut span);
                span["resource"] = resource.clone().into();
                span["scope"] = scope_spans["scope"].clone();
                spans.push(span);
            }
        }
    }
    sort_by_text(&mut spans, "spanId");
    Value::Array(spans)
}

fn without_empty(value: &mut Value) {
    const MAY_BE_ABSENT: [&str; 7] =
        ["attributes", "events", "links", "values", "status", "traceState", "parentSpanId"];
    let is_empty = |value: &Value| *value == json!([]) || *value == json!({}) || *value == json!("");
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_empty),
        Value::Object(object) => {
            object.values_mut().for_each(without_empty);
            object.retain(|key, value| !(MAY_BE_ABSENT.contains(&key.as_str()) && is_empty(value)));
            // Whole ones may come without a decimal point.
            if let Some(double) = object.get_mut("doubleValue").filter(|double| double.is_number()) {
                *double = double.as_f64().into();
            }
        }
        _ => {}
    }
}
