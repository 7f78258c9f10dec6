//! A trace as Jaeger's query API gives it, for its pages to open.

use serde_json::{Value as Json, json};
use tracer_factory_core::ids::TraceId;
use tracer_factory_core::span::{Event, SpanData, SpanKind, StatusCode};
use tracer_factory_core::value::{AttrValue, Value};

use super::text::value_text;

/// `{"data":[{…}]}` with one trace.
pub(super) fn jaeger_trace(id: TraceId, spans: &[SpanData]) -> Json {
    let mut processes: Vec<&SpanData> = Vec::new();
    let spans: Vec<Json> = spans
        .iter()
        .map(|span| {
            let known = processes.iter().position(|known| known.resource == span.resource);
            let process = known.unwrap_or_else(|| {
                processes.push(span);
                processes.len() - 1
            });
            span_json(span, process)
        })
        .collect();
    let processes: serde_json::Map<String, Json> = processes
        .iter()
        .enumerate()
        .map(|(at, span)| {
            let tags = span.resource.attributes.iter().filter(|(key, _)| key != "service.name").map(tag);
            let process = json!({
                "serviceName": span.resource.service_name(),
                "tags": tags.collect::<Vec<_>>(),
            });
            (format!("p{}", at + 1), process)
        })
        .collect();
    let trace = json!({
        "traceID": id.to_string(),
        "spans": spans,
        "processes": processes,
        "warnings": null,
    });
    json!({ "data": [trace], "total": 0, "limit": 0, "offset": 0, "errors": null })
}

fn span_json(span: &SpanData, process: usize) -> Json {
    let reference = |kind: &str, trace: TraceId, span: String| json!({ "refType": kind, "traceID": trace.to_string(), "spanID": span });
    let parent = span.parent_span_id.map(|parent| reference("CHILD_OF", span.trace_id(), parent.to_string()));
    let links = span
        .links
        .iter()
        .map(|link| reference("FOLLOWS_FROM", link.context.trace_id, link.context.span_id.to_string()));
    let mut tags: Vec<Json> = span.attributes.iter().map(tag).collect();
    let mut add = |key: &str, kind: &str, value: Json| {
        tags.push(json!({ "key": key, "type": kind, "value": value }));
    };
    if span.kind != SpanKind::Internal {
        add("span.kind", "string", span.kind.as_str().into());
    }
    match span.status.code {
        StatusCode::Unset => {}
        StatusCode::Ok => add("otel.status_code", "string", "OK".into()),
        StatusCode::Error => {
            add("otel.status_code", "string", "ERROR".into());
            add("error", "bool", true.into());
        }
    }
    if !span.status.message.is_empty() {
        add("otel.status_description", "string", span.status.message.as_str().into());
    }
    if !span.scope.name.is_empty() {
        add("otel.scope.name", "string", span.scope.name.as_str().into());
    }
    if !span.scope.version.is_empty() {
        add("otel.scope.version", "string", span.scope.version.as_str().into());
    }
    json!({
        "traceID": span.trace_id().to_string(),
        "spanID": span.span_id().to_string(),
        "flags": span.context.flags.to_w3c_byte(),
        "operationName": span.name,
        "references": parent.into_iter().chain(links).collect::<Vec<_>>(),
        "startTime": span.start_unix_nanos / 1_000,
        "duration": span.duration_nanos() / 1_000,
        "tags": tags,
        "logs": span.events.iter().map(log).collect::<Vec<_>>(),
        "processID": format!("p{}", process + 1),
        "warnings": null,
    })
}

fn log(event: &Event) -> Json {
    let name = json!({ "key": "event", "type": "string", "value": event.name });
    let fields: Vec<Json> = std::iter::once(name).chain(event.attributes.iter().map(tag)).collect();
    json!({ "timestamp": event.time_unix_nanos / 1_000, "fields": fields })
}

fn tag((key, value): &(String, Value)) -> Json {
    let (kind, value) = match value {
        AttrValue::Bool(value) => ("bool", Json::from(*value)),
        AttrValue::Int(value) => ("int64", Json::from(*value)),
        AttrValue::Double(value) if value.is_finite() => ("float64", Json::from(*value)),
        other => ("string", value_text(other).into()),
    };
    json!({ "key": key, "type": kind, "value": value })
}
