//! What the rules look at of a span, wherever it is from.

use std::borrow::Cow;
use std::collections::HashMap;

use tracer_factory_core::span::{Event, SpanData};
use tracer_factory_core::value::Value;

use crate::python::seconds::seconds;

/// A span as the rules see it.
#[derive(Debug, Clone)]
pub(crate) struct Record<'a> {
    pub(crate) trace_id: Cow<'a, str>,
    pub(crate) span_id: Cow<'a, str>,
    pub(crate) parent_id: Option<Cow<'a, str>>,
    pub(crate) name: &'a str,
    /// Each name once, at the place where it first came, with the value that came last.
    pub(crate) attributes: Vec<(&'a str, Cow<'a, Value>)>,
    pub(crate) resource: &'a [(String, Value)],
    pub(crate) events: &'a [Event],
    /// Trace and span of what it links to.
    pub(crate) links: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// As the package has it.
    pub(crate) start: Option<f64>,
    pub(crate) end: Option<f64>,
    /// Nanoseconds since the epoch.
    pub(crate) start_nanos: Option<u64>,
    pub(crate) end_nanos: Option<u64>,
    /// Rollout and attempt, where they are not attributes.
    pub(crate) attempt: Option<(&'a str, &'a str)>,
    /// Its place in the order of its attempt, when it says one.
    pub(crate) sequence: Option<i64>,
}

impl<'a> Record<'a> {
    pub(crate) fn of_span(span: &'a SpanData) -> Self {
        let time = |nanos: u64| (nanos != 0).then_some(nanos);
        let mut record = Self {
            trace_id: Cow::Owned(span.trace_id().to_string()),
            span_id: Cow::Owned(span.span_id().to_string()),
            parent_id: span.parent_span_id.map(|parent| Cow::Owned(parent.to_string())),
            name: &span.name,
            attributes: unique(&span.attributes),
            resource: &span.resource.attributes,
            events: &span.events,
            links: (span.links.iter())
                .map(|link| {
                    (link.context.trace_id.to_string().into(), link.context.span_id.to_string().into())
                })
                .collect(),
            start: seconds(span.start_unix_nanos),
            end: seconds(span.end_unix_nanos),
            start_nanos: time(span.start_unix_nanos),
            end_nanos: time(span.end_unix_nanos),
            attempt: None,
            sequence: None,
        };
        record.sequence = record.or_resource("agentlightning.span_sequence_id").and_then(sequence);
        record
    }

    /// The value of attribute `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_ref())
    }

    /// The text of attribute `name`.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The value of attribute `name`, else that of the resource's.
    pub(crate) fn or_resource(&self, name: &str) -> Option<&Value> {
        self.get(name)
            .or_else(|| self.resource.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value))
    }
}

/// A whole number that isn't negative, or its text.
fn sequence(value: &Value) -> Option<i64> {
    let number = match value {
        Value::Int(number) => Some(*number),
        Value::Str(text) => match crate::python::digits::int_of_text(text) {
            Some(crate::json::Json::Int(number)) => Some(number),
            _ => None,
        },
        _ => None,
    };
    number.filter(|number| *number >= 0)
}

/// Attributes as a Python dictionary has them.
pub(crate) fn unique(attributes: &[(String, Value)]) -> Vec<(&str, Cow<'_, Value>)> {
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(attributes.len());
    let mut unique: Vec<(&str, Cow<'_, Value>)> = Vec::with_capacity(attributes.len());
    for (name, value) in attributes {
        let place = *places.entry(name).or_insert(unique.len());
        match unique.get_mut(place) {
            Some((_, known)) => *known = Cow::Borrowed(value),
            None => unique.push((name, Cow::Borrowed(value))),
        }
    }
    unique
}
