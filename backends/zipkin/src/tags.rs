//! Zipkin's tags: text by name. Everything of a span that has no field of its own goes here.

use std::collections::HashSet;

use tracer_factory_core::json::base64;
use tracer_factory_core::otlp::{Attribute, LinkRef, SpanRef};
use tracer_factory_core::span::{Resource, StatusCode};
use tracer_factory_core::value::AttrValue;

use crate::json::{
    Object, write_array, write_attributes, write_integer, write_nested, write_text, write_value,
};

/// Names that mean something to Zipkin or to OpenTelemetry's mapping: attributes can't take them.
fn is_reserved(key: &str) -> bool {
    matches!(
        key,
        "error"
            | "otel.status_code"
            | "otel.scope.name"
            | "otel.scope.version"
            | "otel.library.name"
            | "otel.library.version"
            | "otel.dropped_attributes_count"
            | "otel.dropped_events_count"
            | "otel.dropped_links_count"
            | "otel.links"
            | "w3c.tracestate"
    )
}

/// The tags of a resource, encoded once for all of its spans.
#[derive(Debug, Default)]
pub(crate) struct ResourceTags(Vec<(String, Vec<u8>)>);

impl ResourceTags {
    pub(crate) fn new(resource: &Resource) -> Self {
        let mut seen = HashSet::from(["service.name"]);
        let mut tags = Vec::with_capacity(resource.attributes.len());
        for (key, value) in resource.attributes.iter().rev() {
            if !is_reserved(key) && seen.insert(key) {
                let mut member = Vec::new();
                write_text(&mut member, key);
                member.push(b':');
                write_tag_value(&mut member, value);
                tags.push((key.clone(), member));
            }
        }
        Self(tags)
    }
}

/// The names of a span's attributes.
enum Names<'s, 'a> {
    /// Comparing few is quicker than hashing them.
    Few(&'s [Attribute<'a>]),
    Many(HashSet<&'a str>),
}

impl<'s, 'a> Names<'s, 'a> {
    const FEW: usize = 16;

    fn of(attributes: &'s [Attribute<'a>]) -> Self {
        if attributes.len() <= Self::FEW {
            Self::Few(attributes)
        } else {
            Self::Many(attributes.iter().map(|(key, _)| *key).collect())
        }
    }

    fn contain(&self, key: &str) -> bool {
        match self {
            Self::Few(attributes) => attributes.iter().any(|(name, _)| *name == key),
            Self::Many(names) => names.contains(key),
        }
    }
}

/// Shows each attribute that is the last of its name, the last one first.
fn last_of_each<'s, 'a>(attributes: &'s [Attribute<'a>], mut see: impl FnMut(&'s Attribute<'a>)) {
    let mut later = (attributes.len() > Names::FEW).then(HashSet::new);
    for (at, attribute) in attributes.iter().enumerate().rev() {
        let is_last = match &mut later {
            Some(later) => later.insert(attribute.0),
            None => attributes.iter().skip(at + 1).all(|(key, _)| *key != attribute.0),
        };
        if is_last {
            see(attribute);
        }
    }
}

/// Writes the object of all tags. Of one name the span's own facts win, then its attributes
/// (the last of them), then the resource's.
pub(crate) fn write_tags(out: &mut Vec<u8>, span: &SpanRef<'_>, resource: &ResourceTags) {
    let mut tags = Object::begin(out);
    write_facts(&mut tags, span);
    last_of_each(&span.attributes, |(key, value)| {
        if !is_reserved(key) {
            write_tag_value(tags.any_key(key), value);
        }
    });
    let names = Names::of(&span.attributes);
    for (key, member) in &resource.0 {
        if !names.contain(key) {
            tags.members(member);
        }
    }
    tags.end();
}

fn write_facts(tags: &mut Object<'_>, span: &SpanRef<'_>) {
    match span.status {
        StatusCode::Unset => {}
        StatusCode::Ok => tags.text("otel.status_code", "OK"),
        StatusCode::Error => {
            tags.text("otel.status_code", "ERROR");
            // Also without words: to Zipkin a span has failed when the tag is there.
            tags.text("error", span.status_message);
        }
    }
    // The mapping asks for the old names beside the new ones.
    for (names, value) in [
        (["otel.scope.name", "otel.library.name"], &span.scope.name),
        (["otel.scope.version", "otel.library.version"], &span.scope.version),
    ] {
        if !value.is_empty() {
            names.iter().for_each(|name| tags.text(name, value));
        }
    }
    for (name, count) in [
        ("otel.dropped_attributes_count", span.dropped_attributes),
        ("otel.dropped_events_count", span.dropped_events),
        ("otel.dropped_links_count", span.dropped_links),
    ] {
        if count > 0 {
            tags.text(name, &count.to_string());
        }
    }
    if !span.context.trace_state.is_empty() {
        tags.text("w3c.tracestate", span.context.trace_state.as_str());
    }
    if !span.links.is_empty() {
        write_nested(tags.key("otel.links"), |out| {
            write_array(out, &span.links, |out, link| write_link(out, span, link))
        });
    }
}

fn write_link(out: &mut Vec<u8>, span: &SpanRef<'_>, link: &LinkRef) {
    let mut object = Object::begin(out);
    object.id("traceId", &link.context.trace_id.to_bytes());
    object.id("spanId", &link.context.span_id.to_bytes());
    if !link.context.trace_state.is_empty() {
        object.text("traceState", link.context.trace_state.as_str());
    }
    let attributes = span.details(&link.attributes);
    if !attributes.is_empty() {
        write_attributes(object.key("attributes"), attributes.iter().map(|(key, value)| (*key, value)));
    }
    if link.dropped_attributes > 0 {
        object.number("droppedAttributesCount", link.dropped_attributes.into());
    }
    object.end();
}

/// A tag's value is always text: arrays and maps as JSON, bytes in base64.
fn write_tag_value(out: &mut Vec<u8>, value: &AttrValue<'_>) {
    match value {
        AttrValue::Str(text) => write_text(out, text),
        AttrValue::Int(value) => {
            out.push(b'"');
            write_integer(out, *value);
            out.push(b'"');
        }
        AttrValue::Bool(value) => out.extend_from_slice(if *value { b"\"true\"" } else { b"\"false\"" }),
        AttrValue::Array(_) | AttrValue::Map(_) => write_nested(out, |out| write_value(out, value)),
        AttrValue::Bytes(bytes) => write_text(out, &base64(bytes)),
        other => write_text(out, &other.to_string()),
    }
}
