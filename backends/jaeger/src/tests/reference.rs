//! The mapping once more, from decoded spans and over lists, to compare what is written in one pass with.

use tracer_factory_core::ids::{SpanId, TraceId};
use tracer_factory_core::span::{Event, Link, SpanData, SpanKind, StatusCode};

use crate::model::{DROPPED_ATTRIBUTES, EVENT, TRACE_STATE, Tag, TagValue, micros};

const SAMPLED: i32 = 1;

/// One span.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span<'a> {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    /// Jaeger makes the `CHILD_OF` reference of this one itself; all zeros for a root.
    pub(super) parent_span_id: SpanId,
    pub(super) operation_name: &'a str,
    pub(super) references: Vec<FollowsFrom>,
    pub(super) flags: i32,
    /// In microseconds since the Unix epoch.
    pub(super) start_time: i64,
    /// In microseconds.
    pub(super) duration: i64,
    pub(super) tags: Vec<Tag<'a>>,
    pub(super) logs: Vec<Log<'a>>,
}

/// A reference to a span that is not the parent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FollowsFrom {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
}

/// Something that happened at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Log<'a> {
    /// In microseconds since the Unix epoch.
    pub(super) timestamp: i64,
    pub(super) fields: Vec<Tag<'a>>,
}

impl<'a> Span<'a> {
    pub(super) fn new(span: &'a SpanData) -> Self {
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
        tags.push(Tag::text(TRACE_STATE, span.context.trace_state.as_str()));
    }
    tags.extend(Tag::count(DROPPED_ATTRIBUTES, span.dropped_attributes));
    tags.extend(Tag::count("otel.dropped_events_count", span.dropped_events));
    tags.extend(Tag::count("otel.dropped_links_count", span.dropped_links));
    let own = tags.len();
    for attribute in &span.attributes {
        if !tags[..own].iter().any(|tag| tag.key == attribute.0) {
            tags.push(Tag::from_attribute(&attribute.0, &attribute.1));
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
        fields.extend(event.attributes.iter().map(|(key, value)| Tag::from_attribute(key, value)));
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
            fields.push(Tag::text(TRACE_STATE, state.as_str()));
        }
        let own = fields.len();
        for attribute in &link.attributes {
            if !fields[..own].iter().any(|field| field.key == attribute.0) {
                fields.push(Tag::from_attribute(&attribute.0, &attribute.1));
            }
        }
        fields.extend(Tag::count(DROPPED_ATTRIBUTES, link.dropped_attributes));
        Some(Self { timestamp: micros(start_unix_nanos), fields })
    }
}
