//! What Jaeger keeps, read back from `/api/traces/{id}`.
//!
//! | recorded | shown |
//! |---|---|
//! | times in nanoseconds | `startTime`, `duration`, `timestamp`: microseconds, cut; the duration is cut by itself |
//! | parent | the first reference, `CHILD_OF` |
//! | links | references `FOLLOWS_FROM`, identifiers only |
//! | attributes and trace state of a link | by Thrift: a log `event` = `link` at the span's start; by OTLP: nothing |
//! | attributes | tags with types `string`, `bool`, `int64`, `float64`, `binary` (base64) |
//! | integers beyond 53 bits | text with the type `int64` |
//! | NaN and the infinities | by Thrift: the words as `string`; by OTLP Jaeger can't show a trace with them |
//! | arrays, maps | `string`: their JSON |
//! | no value | `string`, empty |
//! | events | logs, the name under `event` |
//! | kind | tag `span.kind`; by Thrift none for internal |
//! | status | tags `otel.status_code`, `error` = true, `otel.status_description` when not empty |
//! | scope, trace state | tags `otel.scope.name`, `otel.scope.version`, `w3c.tracestate` |
//! | resource | the process: `service.name` as `serviceName`, the rest as tags |
//! | trace flags, whether the parent is remote | not kept |
//!
//! Not compared: `warnings`, which are Jaeger's own remarks (such as that the caller's span is not there), and
//! the order of tags.

use serde_json::{Map, Value, json};
use tracer_factory::json::{base64, double_text, to_json};
use tracer_factory::{AttrValue, Link, SpanData, SpanKind, StatusCode};

use super::sort_by_text;

/// How the spans reached Jaeger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Thrift, translated on our side.
    Thrift,
    /// OTLP, translated by Jaeger.
    Otlp,
}

/// What Jaeger must show.
pub fn of(spans: &[SpanData], via: Via) -> Value {
    let mut spans: Vec<Value> = spans.iter().map(|span| span_of(span, via)).collect();
    sort_by_text(&mut spans, "spanID");
    Value::Array(spans)
}

fn span_of(span: &SpanData, via: Via) -> Value {
    let events = span.events.iter().map(|event| {
        let name = ("event".to_owned(), AttrValue::from(event.name.clone()));
        let fields: Vec<_> = std::iter::once(name).chain(event.attributes.iter().cloned()).collect();
        log(event.time_unix_nanos, &fields)
    });
    let links = span.links.iter().filter(|_| via == Via::Thrift);
    let links = links.filter(|link| !link.attributes.is_empty() || !link.context.trace_state.is_empty());
    let links = links.map(|link| log(span.start_unix_nanos, &link_fields(link)));
    let mut resource = span.resource.attributes.clone();
    resource.retain(|(key, _)| key != "service.name");
    json!({
        "traceID": span.trace_id().to_string(),
        "spanID": span.span_id().to_string(),
        "operationName": span.name,
        "startTime": span.start_unix_nanos / 1000,
        "duration": (span.end_unix_nanos - span.start_unix_nanos) / 1000,
        "references": references(span),
        "tags": tags(&span_tags(span, via)),
        "logs": events.chain(links).collect::<Vec<_>>(),
        "process": { "serviceName": span.resource.service_name(), "tags": tags(&resource) },
    })
}

fn references(span: &SpanData) -> Vec<Value> {
    let reference =
        |kind: &str, trace: String, id: String| json!({ "refType": kind, "traceID": trace, "spanID": id });
    let parent =
        span.parent_span_id.map(|id| reference("CHILD_OF", span.trace_id().to_string(), id.to_string()));
    let links = span.links.iter().map(|Link { context, .. }| {
        reference("FOLLOWS_FROM", context.trace_id.to_string(), context.span_id.to_string())
    });
    parent.into_iter().chain(links).collect()
}

fn span_tags(span: &SpanData, via: Via) -> Vec<(String, AttrValue<'static>)> {
    let mut tags = span.attributes.clone();
    let mut say = |key: &str, value: AttrValue<'static>| tags.push((key.to_owned(), value));
    say("otel.scope.name", span.scope.name.clone().into());
    say("otel.scope.version", span.scope.version.clone().into());
    if span.kind != SpanKind::Internal || via == Via::Otlp {
        say("span.kind", span.kind.as_str().into());
    }
    match span.status.code {
        StatusCode::Unset => {}
        StatusCode::Ok => say("otel.status_code", "OK".into()),
        StatusCode::Error => {
            say("otel.status_code", "ERROR".into());
            say("error", true.into());
        }
    }
    if !span.status.message.is_empty() {
        say("otel.status_description", span.status.message.clone().into());
    }
    if !span.context.trace_state.is_empty() {
        say("w3c.tracestate", span.context.trace_state.to_string().into());
    }
    tags
}

fn link_fields(link: &Link) -> Vec<(String, AttrValue<'static>)> {
    let mut fields = link.attributes.clone();
    let mut say = |key: &str, value: String| fields.push((key.to_owned(), value.into()));
    say("event", "link".to_owned());
    say("trace_id", link.context.trace_id.to_string());
    say("span_id", link.context.span_id.to_string());
    if !link.context.trace_state.is_empty() {
        say("w3c.tracestate", link.context.trace_state.to_string());
    }
    fields
}

fn log(unix_nanos: u64, fields: &[(String, AttrValue<'static>)]) -> Value {
    json!({ "timestamp": unix_nanos / 1000, "fields": tags(fields) })
}

fn tags(attributes: &[(String, AttrValue<'static>)]) -> Value {
    let mut tags: Vec<Value> = attributes.iter().map(|(key, value)| tag(key, value)).collect();
    sort_by_text(&mut tags, "key");
    Value::Array(tags)
}

fn tag(key: &str, value: &AttrValue<'static>) -> Value {
    const EXACT_IN_JSON: std::ops::RangeInclusive<i64> = -(1 << 53) + 1..=(1 << 53) - 1;
    let (kind, value) = match value {
        AttrValue::Str(text) => ("string", Value::from(text.as_ref())),
        AttrValue::Bool(value) => ("bool", Value::from(*value)),
        AttrValue::Int(value) if EXACT_IN_JSON.contains(value) => ("int64", Value::from(*value)),
        AttrValue::Int(value) => ("int64", Value::from(value.to_string())),
        AttrValue::Double(value) if value.is_finite() => ("float64", Value::from(*value)),
        AttrValue::Double(value) => ("string", Value::from(double_text(*value))),
        AttrValue::Bytes(bytes) => ("binary", Value::from(base64(bytes))),
        AttrValue::Empty => ("string", Value::from("")),
        array_or_map => ("string", Value::from(to_json(array_or_map).to_string())),
    };
    json!({ "key": key, "type": kind, "value": value })
}

/// What Jaeger showed, a trace of its query API: each span with its process, tags in order.
pub fn shown(trace: &Value) -> Value {
    let processes = &trace["processes"];
    let mut spans: Vec<Value> = trace["spans"].as_array().into_iter().flatten().cloned().collect();
    for span in spans.iter_mut().filter_map(Value::as_object_mut) {
        span.remove("warnings");
        let process = span.remove("processID").unwrap_or_default();
        span.insert("process".to_owned(), processes[process.as_str().unwrap_or_default()].clone());
        in_order(span, "tags");
        span.get_mut("process")
            .and_then(Value::as_object_mut)
            .into_iter()
            .for_each(|process| in_order(process, "tags"));
        let logs = span.get_mut("logs").and_then(Value::as_array_mut);
        logs.into_iter().flatten().filter_map(Value::as_object_mut).for_each(|log| in_order(log, "fields"));
    }
    sort_by_text(&mut spans, "spanID");
    Value::Array(spans)
}

fn in_order(object: &mut Map<String, Value>, tags: &str) {
    let Some(tags) = object.get_mut(tags).and_then(Value::as_array_mut) else { return };
    for tag in tags.iter_mut().filter(|tag| tag["type"] == "float64") {
        // Whole ones come without a decimal point.
        tag["value"] = tag["value"].as_f64().into();
    }
    sort_by_text(tags, "key");
}
