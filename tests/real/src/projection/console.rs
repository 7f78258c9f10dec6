//! What the console prints with `TRACER_CONSOLE_FORMAT=json`: everything, a span a line.
//!
//! | recorded | printed |
//! |---|---|
//! | attributes | plain JSON: bytes in base64, NaN and the infinities as text, no value as null |
//! | kind, status | lower-case words |
//! | trace flags | `flags`, W3C's byte |

use serde_json::{Map, Value, json};
use tracer_factory::json::to_json;
use tracer_factory::{AttrValue, SpanContext, SpanData};

use super::sort_by_text;

/// What the console must print.
pub fn of(spans: &[SpanData]) -> Value {
    let mut spans: Vec<Value> = spans.iter().map(span_of).collect();
    sort_by_text(&mut spans, "spanId");
    Value::Array(spans)
}

fn span_of(span: &SpanData) -> Value {
    let mut line = context(&span.context);
    line["name"] = span.name.clone().into();
    line["kind"] = span.kind.as_str().into();
    line["service"] = span.resource.service_name().into();
    line["startTimeUnixNano"] = span.start_unix_nanos.to_string().into();
    line["endTimeUnixNano"] = span.end_unix_nanos.to_string().into();
    line["durationNano"] = (span.end_unix_nanos - span.start_unix_nanos).into();
    line["status"] = json!({ "code": span.status.code.as_str() });
    line["attributes"] = object(&span.attributes);
    line["scope"] = json!({ "name": span.scope.name, "version": span.scope.version });
    line["resource"] = object(&span.resource.attributes);
    if let Some(parent) = span.parent_span_id {
        line["parentSpanId"] = parent.to_string().into();
    }
    if let Some(is_remote) = span.parent_is_remote {
        line["parentIsRemote"] = is_remote.into();
    }
    if !span.status.message.is_empty() {
        line["status"]["message"] = span.status.message.clone().into();
    }
    let events = span.events.iter().map(|event| {
        let time = event.time_unix_nanos.to_string();
        json!({ "name": event.name, "timeUnixNano": time, "attributes": object(&event.attributes) })
    });
    let links = span.links.iter().map(|link| {
        let mut shown = context(&link.context);
        shown["attributes"] = object(&link.attributes);
        shown
    });
    for (key, items) in [("events", events.collect::<Vec<_>>()), ("links", links.collect())] {
        if !items.is_empty() {
            line[key] = items.into();
        }
    }
    line
}

fn context(context: &SpanContext) -> Value {
    let mut shown = json!({
        "traceId": context.trace_id.to_string(),
        "spanId": context.span_id.to_string(),
        "flags": context.flags.to_byte(),
    });
    if !context.trace_state.is_empty() {
        shown["traceState"] = context.trace_state.to_string().into();
    }
    shown
}

fn object(attributes: &[(String, AttrValue<'static>)]) -> Value {
    let attributes: Map<_, _> = attributes.iter().map(|(key, value)| (key.clone(), to_json(value))).collect();
    Value::Object(attributes)
}

/// What the console printed.
///
/// # Errors
/// When a line is no JSON.
pub fn shown(printed: &str) -> serde_json::Result<Value> {
    let mut spans = printed.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    sort_by_text(&mut spans, "spanId");
    Ok(Value::Array(spans))
}
