//! OpenTelemetry's identifiers, values and times as ours, and back.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace as otel;
use opentelemetry::{Array, KeyValue, SpanId as OtelSpanId, TraceId as OtelTraceId, Value as OtelValue};

use crate::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use crate::plain::{Number, NumberKind};
use crate::propagation::TraceState;
use crate::recorder::{Name, OpenSpan};
use crate::span::SpanKind;
use crate::value::AttrValue;

#[inline]
pub(super) fn from_otel(context: &otel::SpanContext) -> SpanContext {
    SpanContext {
        trace_id: TraceId::from_bytes(context.trace_id().to_bytes()),
        span_id: SpanId::from_bytes(context.span_id().to_bytes()),
        flags: TraceFlags::from_byte(context.trace_flags().to_u8()),
        trace_state: trace_state(context.trace_state()),
        is_remote: context.is_remote(),
    }
}

#[inline]
fn trace_state(state: &otel::TraceState) -> TraceState {
    if *state == otel::TraceState::NONE {
        TraceState::default()
    } else {
        TraceState::from_header(&state.header())
    }
}

#[inline(always)]
pub(super) fn to_otel(context: &SpanContext) -> otel::SpanContext {
    otel::SpanContext::new(
        OtelTraceId::from_bytes(context.trace_id.to_bytes()),
        OtelSpanId::from_bytes(context.span_id.to_bytes()),
        otel::TraceFlags::new(context.flags.to_byte()),
        context.is_remote,
        if context.trace_state.is_empty() { otel::TraceState::NONE } else { entries(&context.trace_state) },
    )
}

/// Entries that OpenTelemetry's own type can't hold are lost to guests only.
#[cold]
#[inline(never)]
fn entries(state: &TraceState) -> otel::TraceState {
    state.as_str().parse().unwrap_or_default()
}

pub(super) fn kind(kind: &otel::SpanKind) -> SpanKind {
    match kind {
        otel::SpanKind::Client => SpanKind::Client,
        otel::SpanKind::Server => SpanKind::Server,
        otel::SpanKind::Producer => SpanKind::Producer,
        otel::SpanKind::Consumer => SpanKind::Consumer,
        otel::SpanKind::Internal => SpanKind::Internal,
    }
}

pub(super) fn nanos(time: SystemTime) -> u64 {
    let nanos = |since: Duration| {
        since.as_secs().saturating_mul(1_000_000_000).saturating_add(since.subsec_nanos().into())
    };
    time.duration_since(UNIX_EPOCH).map_or(0, nanos)
}

fn value(value: &OtelValue) -> AttrValue<'_> {
    match value {
        OtelValue::Bool(value) => AttrValue::Bool(*value),
        OtelValue::I64(value) => AttrValue::Int(*value),
        OtelValue::F64(value) => AttrValue::Double(*value),
        OtelValue::String(text) => AttrValue::Str(Cow::Borrowed(text.as_str())),
        OtelValue::Array(Array::Bool(items)) => items.as_slice().into(),
        OtelValue::Array(Array::I64(items)) => items.as_slice().into(),
        OtelValue::Array(Array::F64(items)) => items.as_slice().into(),
        OtelValue::Array(Array::String(items)) => {
            AttrValue::Array(items.iter().map(|s| s.as_str().into()).collect())
        }
        // The API may grow types; their text is better than nothing.
        other => AttrValue::Str(Cow::Owned(other.to_string())),
    }
}

/// Writes an attribute as it is; only lists take the way by [`value`].
#[inline(always)]
pub(super) fn set(span: &mut OpenSpan, attribute: &KeyValue) {
    let name = Name::new(attribute.key.as_str());
    let number = |kind, bits| Number { kind, bits };
    let number = match &attribute.value {
        OtelValue::String(text) => return span.set_text(name, text.as_str()),
        OtelValue::I64(value) => number(NumberKind::Int, *value as u64),
        OtelValue::Bool(value) => number(NumberKind::Bool, u64::from(*value)),
        OtelValue::F64(value) => number(NumberKind::Double, value.to_bits()),
        other => return span.set_unusual_attribute(name, &value(other)),
    };
    span.set_number(name, number);
}

/// Writes attributes one after the other.
#[inline(never)]
pub(super) fn set_all(span: &mut OpenSpan, attributes: &[KeyValue]) {
    attributes.iter().for_each(|attribute| set(span, attribute));
}

pub(super) fn put_event(span: &mut OpenSpan, name: &str, time: Option<SystemTime>, attributes: &[KeyValue]) {
    let pairs = pairs(attributes);
    span.add_event(name, time.map(nanos), pairs.iter().map(|(name, value)| (*name, value)));
}

#[cold]
#[inline(never)]
pub(super) fn put_events(span: &mut OpenSpan, events: &[otel::Event]) {
    for event in events {
        put_event(span, &event.name, Some(event.timestamp), &event.attributes);
    }
}

pub(super) fn put_link(span: &mut OpenSpan, context: &otel::SpanContext, attributes: &[KeyValue]) {
    let pairs = pairs(attributes);
    span.add_link(&from_otel(context), pairs.iter().map(|(name, value)| (*name, value)));
}

#[cold]
#[inline(never)]
pub(super) fn put_links(span: &mut OpenSpan, links: &[otel::Link]) {
    for link in links {
        put_link(span, &link.span_context, &link.attributes);
    }
}

/// Names and values, borrowed, as the recorder takes them.
fn pairs(attributes: &[KeyValue]) -> Vec<(&str, AttrValue<'_>)> {
    attributes.iter().map(|pair| (pair.key.as_str(), value(&pair.value))).collect()
}
