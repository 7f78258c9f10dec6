//! Spans as Jaeger has them: OpenTelemetry's mapping, borrowed from the decoded span.

use std::borrow::Cow;

use tracer_factory_core::ids::{SpanId, TraceId};
use tracer_factory_core::json;
use tracer_factory_core::span::{Event, Link, Resource, SpanData, SpanKind, StatusCode};
use tracer_factory_core::value::{AttrValue, Value};

/// Who sent a batch of spans.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Process<'a> {
    pub(crate) service_name: Cow<'a, str>,
    pub(crate) tags: Vec<Tag<'a>>,
}

/// One span.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Span<'a> {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    /// Jaeger makes the `CHILD_OF` reference of this one itself; all zeros for a root.
    pub(crate) parent_span_id: SpanId,
    pub(crate) operation_name: &'a str,
    pub(crate) references: Vec<FollowsFrom>,
    pub(crate) flags: i32,
    /// In microseconds since the Unix epoch.
    pub(crate) start_time: i64,
    /// In microseconds.
    pub(crate) duration: i64,
    pub(crate) tags: Vec<Tag<'a>>,
    pub(crate) logs: Vec<Log<'a>>,
}

/// A reference to a span that is not the parent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FollowsFrom {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
}

/// Something that happened at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Log<'a> {
    /// In microseconds since the Unix epoch.
    pub(crate) timestamp: i64,
    pub(crate) fields: Vec<Tag<'a>>,
}

/// A named, typed value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tag<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: TagValue<'a>,
}

/// The types a tag has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TagValue<'a> {
    Str(Cow<'a, str>),
    Double(f64),
    Bool(bool),
    Long(i64),
    Binary(&'a [u8]),
}

const SAMPLED: i32 = 1;
const EVENT: &str = "event";
const TRACE_STATE: &str = "w3c.tracestate";
const DROPPED_ATTRIBUTES: &str = "otel.dropped_attributes_count";

impl<'a> Process<'a> {
    pub(crate) fn new(resource: &'a Resource) -> Self {
        const SERVICE_NAME: &str = "service.name";
        let service_name = match resource.get(SERVICE_NAME) {
            Some(Value::Str(name)) if !name.is_empty() => Cow::Borrowed(name.as_ref()),
            // Jaeger files spans by this name, so it may not be missing.
            _ => Cow::Borrowed("unknown_service"),
        };
        let tags = resource.attributes.iter().filter(|(key, _)| key != SERVICE_NAME).map(Tag::from_attribute);
        Self { service_name, tags: tags.collect() }
    }
}

impl<'a> Span<'a> {
    pub(crate) fn new(span: &'a SpanData) -> Self {
        let context = &span.context;
        // A reference to itself would make Jaeger take the span for its own parent.
        let refers = |link: &&Link| {
            link.context.is_valid()
                && (link.context.trace_id, link.context.span_id) != (context.trace_id, context.span_id)
        };
        let references = span.links.iter().filter(refers);
        let events = span.events.iter().map(Log::from_event);
        let links = span.links.iter().filter_map(|link| Log::from_link(link, span.start_unix_nanos));
        Self {
            trace_id: context.trace_id,
            span_id: context.span_id,
            parent_span_id: span.parent_span_id.unwrap_or(SpanId::INVALID),
            operation_name: &span.name,
            references: references
                .map(|link| FollowsFrom { trace_id: link.context.trace_id, span_id: link.context.span_id })
                .collect(),
            // Jaeger's second bit means "debug", W3C's "random": only the first one means the same.
            flags: if context.flags.is_sampled() { SAMPLED } else { 0 },
            start_time: micros(span.start_unix_nanos),
            duration: micros(span.duration_nanos()),
            tags: span_tags(span),
            logs: events.chain(links).collect(),
        }
    }
}

/// The tags that say what Jaeger has no field for, then the attributes, except those of the same names.
fn span_tags(span: &SpanData) -> Vec<Tag<'_>> {
    let mut tags = Vec::with_capacity(span.attributes.len() + 6);
    if !span.scope.name.is_empty() {
        tags.push(Tag::text("otel.scope.name", &*span.scope.name));
    }
    if !span.scope.version.is_empty() {
        tags.push(Tag::text("otel.scope.version", &*span.scope.version));
    }
    if span.kind != SpanKind::Internal {
        tags.push(Tag::text("span.kind", span.kind.as_str()));
    }
    match span.status.code {
        StatusCode::Unset => {}
        StatusCode::Ok => tags.push(Tag::text("otel.status_code", "OK")),
        StatusCode::Error => {
            tags.push(Tag::text("otel.status_code", "ERROR"));
            tags.push(Tag { key: "error", value: TagValue::Bool(true) });
            if !span.status.message.is_empty() {
                tags.push(Tag::text("otel.status_description", &*span.status.message));
            }
        }
    }
    if !span.context.trace_state.is_empty() {
        tags.push(Tag::text(TRACE_STATE, span.context.trace_state.to_string()));
    }
    tags.extend(Tag::count(DROPPED_ATTRIBUTES, span.dropped_attributes));
    tags.extend(Tag::count("otel.dropped_events_count", span.dropped_events));
    tags.extend(Tag::count("otel.dropped_links_count", span.dropped_links));
    let own = tags.len();
    for attribute in &span.attributes {
        if !tags[..own].iter().any(|tag| tag.key == attribute.0) {
            tags.push(Tag::from_attribute(attribute));
        }
    }
    tags
}

impl<'a> Log<'a> {
    fn from_event(event: &'a Event) -> Self {
        let mut fields = Vec::with_capacity(event.attributes.len() + 1);
        // An attribute of this name takes precedence, as the mapping wants it.
        if !event.name.is_empty() && !event.attributes.iter().any(|(key, _)| key == EVENT) {
            fields.push(Tag::text(EVENT, &*event.name));
        }
        fields.extend(event.attributes.iter().map(Tag::from_attribute));
        fields.extend(Tag::count(DROPPED_ATTRIBUTES, event.dropped_attributes));
        Self { timestamp: micros(event.time_unix_nanos), fields }
    }

    /// References carry identifiers and no more, so whatever else a link has becomes a log at the span's start.
    fn from_link(link: &'a Link, start_unix_nanos: u64) -> Option<Self> {
        let state = &link.context.trace_state;
        if link.attributes.is_empty() && link.dropped_attributes == 0 && state.is_empty() {
            return None;
        }
        let mut fields = vec![
            Tag::text(EVENT, "link"),
            Tag::text("trace_id", link.context.trace_id.to_string()),
            Tag::text("span_id", link.context.span_id.to_string()),
        ];
        if !state.is_empty() {
            fields.push(Tag::text(TRACE_STATE, state.to_string()));
        }
        let own = fields.len();
        for attribute in &link.attributes {
            if !fields[..own].iter().any(|field| field.key == attribute.0) {
                fields.push(Tag::from_attribute(attribute));
            }
        }
        fields.extend(Tag::count(DROPPED_ATTRIBUTES, link.dropped_attributes));
        Some(Self { timestamp: micros(start_unix_nanos), fields })
    }
}

impl<'a> Tag<'a> {
    fn text(key: &'a str, value: impl Into<Cow<'a, str>>) -> Self {
        Self { key, value: TagValue::Str(value.into()) }
    }

    /// Nothing for zero.
    fn count(key: &'a str, count: u32) -> Option<Self> {
        (count > 0).then_some(Self { key, value: TagValue::Long(count.into()) })
    }

    fn from_attribute((key, value): &'a (String, Value)) -> Self {
        let value = match value {
            AttrValue::Str(text) => TagValue::Str(Cow::Borrowed(text)),
            AttrValue::Bool(value) => TagValue::Bool(*value),
            AttrValue::Int(value) => TagValue::Long(*value),
            AttrValue::Double(value) if value.is_finite() => TagValue::Double(*value),
            // Jaeger's query service can't put these into JSON and fails the whole trace.
            AttrValue::Double(value) => TagValue::Str(Cow::Borrowed(json::double_text(*value))),
            AttrValue::Bytes(bytes) => TagValue::Binary(bytes),
            AttrValue::Empty => TagValue::Str(Cow::Borrowed("")),
            array_or_map => TagValue::Str(Cow::Owned(array_or_map.to_string())),
        };
        Self { key, value }
    }
}

/// Whole microseconds; a `u64` of nanoseconds always fits.
fn micros(nanos: u64) -> i64 {
    (nanos / 1000) as i64
}
