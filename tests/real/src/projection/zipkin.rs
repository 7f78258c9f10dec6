//! What Zipkin keeps, read back from `/api/v2/trace/{id}`.
//!
//! | recorded | shown |
//! |---|---|
//! | times in nanoseconds | `timestamp`, `duration`: microseconds, cut; a duration is at least 1 |
//! | name, `service.name` | in lower case |
//! | kind | `kind`; none for internal |
//! | attributes | `tags`, all text: arrays and maps as JSON, bytes in base64, no value as empty text, doubles as Rust writes them |
//! | events | `annotations`: the name, or `"name":{attributes as JSON}` |
//! | links | tag `otel.links`, JSON |
//! | status | tags `otel.status_code` and, for errors, `error` with the words, empty when there are none |
//! | scope | tags `otel.scope.*` and the same as `otel.library.*` |
//! | resource | `service.name` in `localEndpoint`, the rest as tags |
//! | trace state | tag `w3c.tracestate` |
//! | `peer.service`, `server.address`, `server.port` of clients | tags, and `remoteEndpoint` |
//! | trace flags, whether the parent is remote | not kept |
//!
//! The upstream exporter sends less ([`Via::Sdk`]): no endpoints, so that there is no service and no graph; no
//! resource, links, trace state or new names of the scope; events without attributes; and texts in arrays
//! without escapes, which is not JSON any more.

use serde_json::{Map, Value, json};
use tracer_factory::json::{base64, to_json};
use tracer_factory::{AttrValue, Event, Link, SpanData, SpanKind, StatusCode};

use super::sort_by_text;

/// Who encoded the spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// `zipkin`.
    Own,
    /// `zipkin-sdk`: the opentelemetry-zipkin crate.
    Sdk,
}

/// What Zipkin must show.
pub fn of(spans: &[SpanData], via: Via) -> Value {
    let mut spans: Vec<Value> = spans.iter().map(|span| span_of(span, via)).collect();
    sort_by_text(&mut spans, "id");
    Value::Array(spans)
}

fn span_of(span: &SpanData, via: Via) -> Value {
    let mut shown = json!({
        "traceId": span.trace_id().to_string(),
        "id": span.span_id().to_string(),
        "name": span.name.to_lowercase(),
        "timestamp": span.start_unix_nanos / 1000,
        "duration": ((span.end_unix_nanos - span.start_unix_nanos) / 1000).max(1),
        "tags": tags(span, via),
    });
    if let Some(parent) = span.parent_span_id {
        shown["parentId"] = parent.to_string().into();
    }
    if span.kind != SpanKind::Internal {
        shown["kind"] = span.kind.as_str().to_uppercase().into();
    }
    if !span.events.is_empty() {
        shown["annotations"] = span.events.iter().map(|event| annotation(event, via)).collect();
    }
    if via == Via::Own {
        shown["localEndpoint"] = json!({ "serviceName": span.resource.service_name().to_lowercase() });
        if span.kind == SpanKind::Client {
            shown["remoteEndpoint"] = json!({
                "serviceName": span.attribute("peer.service").map(|name| name.to_string().to_lowercase()),
                "ipv4": span.attribute("server.address").map(ToString::to_string),
                "port": span.attribute("server.port").and_then(AttrValue::as_int),
            });
        }
    }
    shown
}

/// [`shown`] has taken the JSON apart that an annotation has for text.
fn annotation(event: &Event, via: Via) -> Value {
    let value = if event.attributes.is_empty() || via == Via::Sdk {
        Value::from(event.name.clone())
    } else {
        json!({ &event.name: object(&event.attributes) })
    };
    json!({ "timestamp": event.time_unix_nanos / 1000, "value": value })
}

fn object(attributes: &[(String, AttrValue<'static>)]) -> Value {
    Value::Object(attributes.iter().map(|(key, value)| (key.clone(), to_json(value))).collect())
}

fn tags(span: &SpanData, via: Via) -> Value {
    let mut tags = Map::new();
    let resource =
        span.resource.attributes.iter().filter(|(key, _)| via == Via::Own && key != "service.name");
    for (key, value) in resource.chain(&span.attributes) {
        tags.insert(key.clone(), text(value, via).into());
    }
    let mut say = |key: &str, value: &str| tags.insert(key.to_owned(), value.into());
    say("otel.library.name", &span.scope.name);
    say("otel.library.version", &span.scope.version);
    match span.status.code {
        StatusCode::Unset => {}
        StatusCode::Ok => drop(say("otel.status_code", "OK")),
        StatusCode::Error => {
            say("otel.status_code", "ERROR");
            say("error", &span.status.message);
        }
    }
    if via == Via::Own {
        say("otel.scope.name", &span.scope.name);
        say("otel.scope.version", &span.scope.version);
        if !span.context.trace_state.is_empty() {
            say("w3c.tracestate", span.context.trace_state.as_str());
        }
        if !span.links.is_empty() {
            tags.insert("otel.links".to_owned(), span.links.iter().map(link).collect());
        }
    }
    Value::Object(tags)
}

fn link(link: &Link) -> Value {
    let mut shown = json!({
        "traceId": link.context.trace_id.to_string(), "spanId": link.context.span_id.to_string(),
    });
    if !link.context.trace_state.is_empty() {
        shown["traceState"] = link.context.trace_state.to_string().into();
    }
    if !link.attributes.is_empty() {
        shown["attributes"] = object(&link.attributes);
    }
    shown
}

fn text(value: &AttrValue<'_>, via: Via) -> String {
    match value {
        AttrValue::Str(text) => text.to_string(),
        AttrValue::Bool(value) => value.to_string(),
        AttrValue::Int(value) => value.to_string(),
        AttrValue::Double(value) => value.to_string(),
        AttrValue::Bytes(bytes) => base64(bytes),
        AttrValue::Array(items) if via == Via::Sdk && items.iter().all(|item| item.as_str().is_some()) => {
            let items: Vec<_> = items.iter().map(|item| format!("\"{item}\"")).collect();
            format!("[{}]", items.join(","))
        }
        AttrValue::Array(_) | AttrValue::Map(_) => to_json(value).to_string(),
        _ => String::new(),
    }
}

/// What Zipkin showed, with the JSON in its texts taken apart, since the order within it says nothing.
pub fn shown(trace: &[Value]) -> Value {
    let mut spans = trace.to_vec();
    for span in &mut spans {
        if let Some(links) = span.pointer_mut("/tags/otel.links") {
            *links = parsed(links.as_str().unwrap_or_default());
        }
        for annotation in span.get_mut("annotations").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(text) = annotation["value"].as_str().filter(|text| text.starts_with('"')) {
                annotation["value"] = parsed(&format!("{{{text}}}"));
            }
        }
    }
    sort_by_text(&mut spans, "id");
    Value::Array(spans)
}

/// What is no JSON stays a text, and then it is not what was expected.
fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| json.into())
}
