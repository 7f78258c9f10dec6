//! One span as one line of JSON, field names as in OTLP's JSON, attributes as plain JSON.

use serde::{Serialize, Serializer};
use tracer_factory_core::ids::SpanContext;
use tracer_factory_core::json::to_json;
use tracer_factory_core::span::{Event, Link, SpanData};
use tracer_factory_core::value::Value;

/// A span as JSON without a line break at its end; there is none within either.
///
/// Times are nanoseconds since the Unix epoch, as text, because JSON numbers lose their last digits in many readers.
pub fn json_line(span: &SpanData) -> String {
    let line = Line {
        trace_id: span.trace_id().to_string(),
        span_id: span.span_id().to_string(),
        parent_span_id: span.parent_span_id.map(|id| id.to_string()),
        parent_is_remote: span.parent_is_remote,
        flags: span.context.flags.to_w3c_byte(),
        trace_state: span.context.trace_state.as_str(),
        name: &span.name,
        kind: span.kind.as_str(),
        service: span.resource.service_name(),
        start_time_unix_nano: span.start_unix_nanos.to_string(),
        end_time_unix_nano: span.end_unix_nanos.to_string(),
        duration_nano: span.duration_nanos(),
        status: StatusLine { code: span.status.code.as_str(), message: &span.status.message },
        attributes: Attributes(&span.attributes),
        dropped_attributes_count: span.dropped_attributes,
        events: span.events.iter().map(EventLine::from).collect(),
        dropped_events_count: span.dropped_events,
        links: span.links.iter().map(LinkLine::from).collect(),
        dropped_links_count: span.dropped_links,
        scope: ScopeLine { name: &span.scope.name, version: &span.scope.version },
        resource: Attributes(&span.resource.attributes),
    };
    // Every key is text and every value has a JSON form, so this has no error to tell of.
    without_controls(serde_json::to_string(&line).unwrap_or_default())
}

/// JSON need not escape DEL and the C1 controls, which some terminals obey.
fn without_controls(json: String) -> String {
    if !json.contains(char::is_control) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if c.is_control() {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_is_remote: Option<bool>,
    flags: u8,
    #[serde(skip_serializing_if = "str::is_empty")]
    trace_state: &'a str,
    name: &'a str,
    kind: &'static str,
    service: &'a str,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    duration_nano: u64,
    status: StatusLine<'a>,
    attributes: Attributes<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<EventLine<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_events_count: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<LinkLine<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_links_count: u32,
    scope: ScopeLine<'a>,
    resource: Attributes<'a>,
}

#[derive(Serialize)]
struct StatusLine<'a> {
    code: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
}

#[derive(Serialize)]
struct ScopeLine<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventLine<'a> {
    name: &'a str,
    time_unix_nano: String,
    attributes: Attributes<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u32,
}

impl<'a> From<&'a Event> for EventLine<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            name: &event.name,
            time_unix_nano: event.time_unix_nanos.to_string(),
            attributes: Attributes(&event.attributes),
            dropped_attributes_count: event.dropped_attributes,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LinkLine<'a> {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "is_false")]
    is_remote: bool,
    flags: u8,
    #[serde(skip_serializing_if = "str::is_empty")]
    trace_state: &'a str,
    attributes: Attributes<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u32,
}

impl<'a> From<&'a Link> for LinkLine<'a> {
    fn from(link: &'a Link) -> Self {
        let SpanContext { trace_id, span_id, flags, trace_state, is_remote } = &link.context;
        Self {
            trace_id: trace_id.to_string(),
            span_id: span_id.to_string(),
            is_remote: *is_remote,
            flags: flags.to_w3c_byte(),
            trace_state: trace_state.as_str(),
            attributes: Attributes(&link.attributes),
            dropped_attributes_count: link.dropped_attributes,
        }
    }
}

/// Attributes as an object, in their own order.
struct Attributes<'a>(&'a [(String, Value)]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, to_json(value))))
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use tracer_factory_core::ids::{SpanId, TraceFlags, TraceId};
    use tracer_factory_core::span::{Resource, Status, StatusCode};

    use super::*;

    #[test]
    fn a_line_has_everything_and_no_line_break() {
        let context = SpanContext::new(TraceId::from_int(1), SpanId::from_int(2), TraceFlags::SAMPLED);
        let mut remote = SpanContext::new(TraceId::from_int(4), SpanId::from_int(5), TraceFlags::NONE);
        remote.is_remote = true;
        let span = SpanData {
            context: context.clone(),
            parent_span_id: Some(SpanId::from_int(3)),
            parent_is_remote: Some(true),
            name: "a\nb\u{1b}\u{9b}\u{7f}".into(),
            start_unix_nanos: u64::MAX - 1,
            end_unix_nanos: u64::MAX,
            attributes: vec![
                ("z".into(), f64::NAN.into()),
                ("a".into(), Value::from(&b"\x00\xff"[..]).into_owned()),
            ],
            dropped_attributes: 1,
            events: vec![Event { name: "e".into(), time_unix_nanos: 5, ..Event::default() }],
            links: vec![
                Link { context: remote, ..Link::default() },
                Link { context, attributes: vec![("l".into(), 1.into())], ..Link::default() },
            ],
            status: Status { code: StatusCode::Error, message: "no".into() },
            resource: Arc::new(Resource { attributes: vec![("service.name".into(), "s".into())] }),
            ..SpanData::default()
        };
        let line = json_line(&span);
        assert!(!line.chars().any(char::is_control), "{line}");
        assert!(line.contains(r#""attributes":{"z":"NaN","a":"AP8="}"#), "{line}");
        let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            parsed,
            json!({
                "traceId": "00000000000000000000000000000001", "spanId": "0000000000000002",
                "parentSpanId": "0000000000000003", "parentIsRemote": true, "flags": 1, "name": "a\nb\u{1b}\u{9b}\u{7f}", "kind": "internal", "service": "s",
                "startTimeUnixNano": "18446744073709551614", "endTimeUnixNano": "18446744073709551615",
                "durationNano": 1, "status": { "code": "error", "message": "no" },
                "attributes": { "z": "NaN", "a": "AP8=" }, "droppedAttributesCount": 1,
                "events": [{ "name": "e", "timeUnixNano": "5", "attributes": {} }],
                "links": [{
                    "traceId": "00000000000000000000000000000004", "spanId": "0000000000000005", "isRemote": true,
                    "flags": 0, "attributes": {},
                }, {
                    "traceId": "00000000000000000000000000000001", "spanId": "0000000000000002", "flags": 1,
                    "attributes": { "l": 1 },
                }],
                "scope": { "name": "" }, "resource": { "service.name": "s" },
            })
        );
    }
}
