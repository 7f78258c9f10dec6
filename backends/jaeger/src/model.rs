//! What Jaeger calls things: OpenTelemetry's mapping of a resource, and of all that becomes a tag.

use std::borrow::Cow;

use tracer_factory_core::json;
use tracer_factory_core::otlp::SpanRef;
use tracer_factory_core::span::{Resource, SpanKind, StatusCode};
use tracer_factory_core::value::{AttrValue, Value};

/// Who sent a batch of spans.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Process<'a> {
    pub(crate) service_name: Cow<'a, str>,
    pub(crate) tags: Vec<Tag<'a>>,
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

pub(crate) const EVENT: &str = "event";
pub(crate) const TRACE_STATE: &str = "w3c.tracestate";
pub(crate) const DROPPED_ATTRIBUTES: &str = "otel.dropped_attributes_count";

impl<'a> Process<'a> {
    pub(crate) fn new(resource: &'a Resource) -> Self {
        const SERVICE_NAME: &str = "service.name";
        let service_name = match resource.get(SERVICE_NAME) {
            Some(Value::Str(name)) if !name.is_empty() => Cow::Borrowed(name.as_ref()),
            // Jaeger files spans by this name, so it may not be missing.
            _ => Cow::Borrowed("unknown_service"),
        };
        let others = resource.attributes.iter().filter(|(key, _)| key != SERVICE_NAME);
        Self { service_name, tags: others.map(|(key, value)| Tag::from_attribute(key, value)).collect() }
    }
}

const MOST_FACTS: usize = 10;

/// The tags that say what Jaeger has no field for. Attributes of the same names give way to them.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    tags: [Tag<'a>; MOST_FACTS],
    len: usize,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(span: &'a SpanRef<'_>) -> Self {
        let mut facts =
            Self { tags: [const { Tag { key: "", value: TagValue::Bool(false) } }; MOST_FACTS], len: 0 };
        facts.add_text("otel.scope.name", &span.scope.name);
        facts.add_text("otel.scope.version", &span.scope.version);
        if span.kind != SpanKind::Internal {
            facts.add(Tag::text("span.kind", span.kind.as_str()));
        }
        match span.status {
            StatusCode::Unset => {}
            StatusCode::Ok => facts.add(Tag::text("otel.status_code", "OK")),
            StatusCode::Error => {
                facts.add(Tag::text("otel.status_code", "ERROR"));
                facts.add(Tag { key: "error", value: TagValue::Bool(true) });
                facts.add_text("otel.status_description", span.status_message);
            }
        }
        facts.add_text(TRACE_STATE, span.context.trace_state.as_str());
        let counts = [
            (DROPPED_ATTRIBUTES, span.dropped_attributes),
            ("otel.dropped_events_count", span.dropped_events),
            ("otel.dropped_links_count", span.dropped_links),
        ];
        for tag in counts.into_iter().filter_map(|(key, count)| Tag::count(key, count)) {
            facts.add(tag);
        }
        facts
    }

    fn add_text(&mut self, key: &'static str, text: &'a str) {
        if !text.is_empty() {
            self.add(Tag::text(key, text));
        }
    }

    fn add(&mut self, tag: Tag<'a>) {
        if let Some(place) = self.tags.get_mut(self.len) {
            *place = tag;
            self.len += 1;
        }
    }

    pub(crate) fn tags(&self) -> &[Tag<'a>] {
        self.tags.get(..self.len).unwrap_or_default()
    }

    pub(crate) fn have(&self, key: &str) -> bool {
        self.tags().iter().any(|tag| tag.key == key)
    }
}

impl<'a> Tag<'a> {
    pub(crate) fn text(key: &'a str, value: impl Into<Cow<'a, str>>) -> Self {
        Self { key, value: TagValue::Str(value.into()) }
    }

    /// Nothing for zero.
    pub(crate) fn count(key: &'a str, count: u32) -> Option<Self> {
        (count > 0).then_some(Self { key, value: TagValue::Long(count.into()) })
    }

    pub(crate) fn from_attribute(key: &'a str, value: &'a AttrValue<'_>) -> Self {
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
pub(crate) fn micros(nanos: u64) -> i64 {
    (nanos / 1000) as i64
}
