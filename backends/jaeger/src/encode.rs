//! Jaeger's structs through a Thrift protocol; the numbers are those of jaeger.thrift and agent.thrift.
//!
//! A span is written in one pass over its fields. Lists say their length first, so what is in one is counted before.

use tracer_factory_core::ids::{SpanId, TraceId};
use tracer_factory_core::otlp::{EventRef, LinkRef, SpanRef};

use crate::model::{DROPPED_ATTRIBUTES, EVENT, Facts, Process, TRACE_STATE, Tag, TagValue, micros};
use crate::thrift::Protocol;

pub(crate) fn process<P: Protocol>(out: &mut P, process: &Process<'_>) {
    out.begin_struct();
    out.bytes_field(1, process.service_name.as_bytes());
    if !process.tags.is_empty() {
        out.struct_list_field(2, process.tags.len());
        process.tags.iter().for_each(|each| tag(out, each));
    }
    out.end_struct();
}

pub(crate) fn span<P: Protocol>(out: &mut P, span: &SpanRef<'_>) {
    const SAMPLED: i32 = 1;
    let (high, low) = halves(span.context.trace_id);
    out.begin_struct();
    out.i64_field(1, low);
    out.i64_field(2, high);
    out.i64_field(3, bits(span.context.span_id));
    // Jaeger makes the `CHILD_OF` reference of this one itself; all zeros for a root.
    out.i64_field(4, span.parent_span_id.map_or(0, bits));
    out.bytes_field(5, span.name.as_bytes());
    references(out, span);
    // Jaeger's second bit means "debug", W3C's "random": only the first one means the same.
    out.i32_field(7, if span.context.flags.is_sampled() { SAMPLED } else { 0 });
    out.i64_field(8, micros(span.start_unix_nanos));
    out.i64_field(9, micros(span.duration_nanos()));
    tags(out, span);
    logs(out, span);
    out.end_struct();
}

/// To spans that are not the parent.
fn references<P: Protocol>(out: &mut P, span: &SpanRef<'_>) {
    const FOLLOWS_FROM: i32 = 1;
    let (trace_id, span_id) = (span.context.trace_id, span.context.span_id);
    // A reference to itself would make Jaeger take the span for its own parent.
    let refers = |link: &&LinkRef| {
        link.context.is_valid() && (link.context.trace_id, link.context.span_id) != (trace_id, span_id)
    };
    let links = span.links.iter().filter(refers);
    let count = links.clone().count();
    if count == 0 {
        return;
    }
    out.struct_list_field(6, count);
    for link in links {
        let (high, low) = halves(link.context.trace_id);
        out.begin_struct();
        out.i32_field(1, FOLLOWS_FROM);
        out.i64_field(2, low);
        out.i64_field(3, high);
        out.i64_field(4, bits(link.context.span_id));
        out.end_struct();
    }
}

/// What Jaeger has no field for, then the attributes.
fn tags<P: Protocol>(out: &mut P, span: &SpanRef<'_>) {
    let facts = Facts::of(span);
    let others = span.attributes.iter().filter(|(key, _)| !facts.have(key));
    let count = facts.tags().len() + others.clone().count();
    if count == 0 {
        return;
    }
    out.struct_list_field(10, count);
    facts.tags().iter().for_each(|each| tag(out, each));
    others.for_each(|(key, value)| tag(out, &Tag::from_attribute(key, value)));
}

/// Events, and what of links is no reference.
fn logs<P: Protocol>(out: &mut P, span: &SpanRef<'_>) {
    // References carry identifiers and no more, so whatever else a link has becomes a log at the span's start.
    let says_more = |link: &&LinkRef| {
        link.dropped_attributes > 0
            || !span.details(&link.attributes).is_empty()
            || !link.context.trace_state.is_empty()
    };
    let links = span.links.iter().filter(says_more);
    let count = span.events.len() + links.clone().count();
    if count == 0 {
        return;
    }
    out.struct_list_field(11, count);
    span.events.iter().for_each(|event| event_log(out, span, event));
    links.for_each(|link| link_log(out, span, link));
}

fn event_log<P: Protocol>(out: &mut P, span: &SpanRef<'_>, event: &EventRef<'_>) {
    let attributes = span.details(&event.attributes);
    // An attribute of this name takes precedence, as the mapping wants it.
    let named = !event.name.is_empty() && !attributes.iter().any(|(key, _)| *key == EVENT);
    let name = named.then(|| Tag::text(EVENT, event.name));
    let dropped = Tag::count(DROPPED_ATTRIBUTES, event.dropped_attributes);
    let count = usize::from(named) + attributes.len() + usize::from(dropped.is_some());
    begin_log(out, event.time_unix_nanos, count);
    name.iter().for_each(|each| tag(out, each));
    attributes.iter().for_each(|(key, value)| tag(out, &Tag::from_attribute(key, value)));
    dropped.iter().for_each(|each| tag(out, each));
    out.end_struct();
}

fn link_log<P: Protocol>(out: &mut P, span: &SpanRef<'_>, link: &LinkRef) {
    let state = link.context.trace_state.as_str();
    let mut own = vec![
        Tag::text(EVENT, "link"),
        Tag::text("trace_id", link.context.trace_id.to_string()),
        Tag::text("span_id", link.context.span_id.to_string()),
    ];
    if !state.is_empty() {
        own.push(Tag::text(TRACE_STATE, state));
    }
    let others = span.details(&link.attributes).iter();
    let others = others.filter(|(key, _)| !own.iter().any(|field| field.key == *key));
    let dropped = Tag::count(DROPPED_ATTRIBUTES, link.dropped_attributes);
    let count = own.len() + others.clone().count() + usize::from(dropped.is_some());
    begin_log(out, span.start_unix_nanos, count);
    own.iter().for_each(|each| tag(out, each));
    others.for_each(|(key, value)| tag(out, &Tag::from_attribute(key, value)));
    dropped.iter().for_each(|each| tag(out, each));
    out.end_struct();
}

/// Up to its fields, of which there are `fields`: the list is required, so it is there even without an element.
fn begin_log<P: Protocol>(out: &mut P, unix_nanos: u64, fields: usize) {
    out.begin_struct();
    out.i64_field(1, micros(unix_nanos));
    out.struct_list_field(2, fields);
}

fn tag<P: Protocol>(out: &mut P, tag: &Tag<'_>) {
    out.begin_struct();
    out.bytes_field(1, tag.key.as_bytes());
    match &tag.value {
        TagValue::Str(text) => {
            out.i32_field(2, 0);
            out.bytes_field(3, text.as_bytes());
        }
        TagValue::Double(value) => {
            out.i32_field(2, 1);
            out.double_field(4, *value);
        }
        TagValue::Bool(value) => {
            out.i32_field(2, 2);
            out.bool_field(5, *value);
        }
        TagValue::Long(value) => {
            out.i32_field(2, 3);
            out.i64_field(6, *value);
        }
        TagValue::Binary(bytes) => {
            out.i32_field(2, 4);
            out.bytes_field(7, bytes);
        }
    }
    out.end_struct();
}

/// Thrift has no unsigned integers: the bits stay, the sign is read into them.
fn halves(id: TraceId) -> (i64, i64) {
    let bits = id.to_int();
    (((bits >> 64) as u64).cast_signed(), (bits as u64).cast_signed())
}

fn bits(id: SpanId) -> i64 {
    id.to_int().cast_signed()
}
