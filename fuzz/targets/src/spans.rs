//! Spans out of any bytes, and a form of spans that can be compared.

use std::borrow::Cow;
use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use tracer_factory_core::otlp::decode_request;
use tracer_factory_core::propagation::TraceState;
use tracer_factory_core::span::{
    Event, InstrumentationScope, Link, Resource, SpanData, SpanKind, Status, StatusCode,
};
use tracer_factory_core::value::Value;

/// The spans of a request, when the bytes are one; else whatever can be made of them. Both are needed: a request
/// can be a seed, and the other way has spans that no request brings.
pub(crate) fn any_spans(input: &[u8]) -> Vec<SpanData> {
    match decode_request(input) {
        Ok(spans) if !spans.is_empty() => spans,
        _ => make_spans(&mut Unstructured::new(input)).unwrap_or_default(),
    }
}

/// Equal for equal spans, NaN or not, in whatever order they are.
pub(crate) fn comparable(spans: &[SpanData]) -> Vec<String> {
    let mut texts: Vec<String> = spans.iter().map(|span| format!("{span:?}")).collect();
    texts.sort_unstable();
    texts
}

/// Keys that mean something to a backend.
const KEYS: [&str; 16] = [
    "service.name",
    "error",
    "event",
    "span.kind",
    "otel.status_code",
    "otel.scope.name",
    "otel.library.name",
    "otel.links",
    "otel.dropped_attributes_count",
    "w3c.tracestate",
    "trace_id",
    "peer.service",
    "server.address",
    "server.port",
    "network.peer.address",
    "host.ip",
];

fn make_spans(u: &mut Unstructured<'_>) -> Result<Vec<SpanData>> {
    let resources = [resource(u)?, resource(u)?];
    let scope = InstrumentationScope { name: text(u)?, version: text(u)? };
    let scopes = [Arc::default(), Arc::new(scope)];
    list(u, 20, |u| {
        let mut span = span(u)?;
        span.resource = Arc::clone(u.choose(&resources)?);
        span.scope = Arc::clone(u.choose(&scopes)?);
        Ok(span)
    })
}

fn resource(u: &mut Unstructured<'_>) -> Result<Arc<Resource>> {
    Ok(Arc::new(Resource { attributes: attributes(u)? }))
}

fn span(u: &mut Unstructured<'_>) -> Result<SpanData> {
    Ok(SpanData {
        context: context(u)?,
        parent_span_id: u.arbitrary::<Option<u64>>()?.map(SpanId::from_int),
        parent_is_remote: u.arbitrary()?,
        name: text(u)?,
        kind: SpanKind::from_otlp(u.int_in_range(1..=5)?),
        start_unix_nanos: u.arbitrary()?,
        end_unix_nanos: u.arbitrary()?,
        attributes: attributes(u)?,
        dropped_attributes: count(u)?,
        events: list(u, 17, |u| {
            Ok(Event {
                name: text(u)?,
                time_unix_nanos: u.arbitrary()?,
                attributes: attributes(u)?,
                dropped_attributes: count(u)?,
            })
        })?,
        dropped_events: count(u)?,
        links: list(u, 4, |u| {
            Ok(Link { context: context(u)?, attributes: attributes(u)?, dropped_attributes: count(u)? })
        })?,
        dropped_links: count(u)?,
        status: Status {
            code: *u.choose(&[StatusCode::Unset, StatusCode::Ok, StatusCode::Error])?,
            message: text(u)?,
        },
        ..SpanData::default()
    })
}

fn context(u: &mut Unstructured<'_>) -> Result<SpanContext> {
    Ok(SpanContext {
        trace_id: TraceId::from_int(u.arbitrary()?),
        span_id: SpanId::from_int(u.arbitrary()?),
        flags: TraceFlags::from_byte(u.arbitrary()?),
        trace_state: TraceState::from_header(u.arbitrary()?),
        is_remote: u.arbitrary()?,
    })
}

fn count(u: &mut Unstructured<'_>) -> Result<u32> {
    Ok(u.arbitrary::<Option<u32>>()?.unwrap_or_default())
}

fn text(u: &mut Unstructured<'_>) -> Result<String> {
    if u.ratio(1, 3)? { Ok((*u.choose(&KEYS)?).to_owned()) } else { u.arbitrary() }
}

fn attributes(u: &mut Unstructured<'_>) -> Result<Vec<(String, Value)>> {
    list(u, 17, |u| Ok((text(u)?, value(u, 6)?)))
}

fn value(u: &mut Unstructured<'_>, deeper: u32) -> Result<Value> {
    let kinds = if deeper == 0 { 5 } else { 7 };
    Ok(match u.int_in_range(0..=kinds)? {
        0 => Value::Empty,
        1 => Value::Str(Cow::Owned(text(u)?)),
        2 => Value::Bool(u.arbitrary()?),
        3 => Value::Int(u.arbitrary()?),
        4 => Value::Double(u.arbitrary()?),
        5 => Value::Bytes(Cow::Owned(u.arbitrary()?)),
        6 => Value::Array(list(u, 8, |u| value(u, deeper - 1))?),
        _ => Value::Map(list(u, 8, |u| Ok((Cow::Owned(text(u)?), value(u, deeper - 1)?)))?),
    })
}

/// Up to `most` items, as long as there are bytes.
fn list<'a, T>(
    u: &mut Unstructured<'a>,
    most: usize,
    mut item: impl FnMut(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut items = Vec::new();
    while items.len() < most && !u.is_empty() && u.arbitrary()? {
        items.push(item(u)?);
    }
    Ok(items)
}
