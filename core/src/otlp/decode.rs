//! OTLP bytes to decoded spans, by protobuf's rules: the last scalar wins, messages merge, unknown fields are passed over.

use std::borrow::Cow;
use std::sync::Arc;

use super::key;
use crate::ids::{SpanId, TraceFlags, TraceId};
use crate::propagation::TraceState;
use crate::span::{Event, InstrumentationScope, Link, Resource, SpanData, SpanKind, Status, StatusCode};
use crate::value::Value;
use crate::wire::{DecodeError, Field, Reader};

/// Every span of an `ExportTraceServiceRequest` (or `TracesData`), with its resource and scope.
pub fn decode_request(bytes: &[u8]) -> Result<Vec<SpanData>, DecodeError> {
    let mut spans = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        if number == 1 {
            decode_resource_spans(field.bytes(number)?, &mut spans)?;
        }
    }
    Ok(spans)
}

fn decode_resource_spans(bytes: &[u8], spans: &mut Vec<SpanData>) -> Result<(), DecodeError> {
    // The resource may follow its spans, so it is read first.
    let mut resource = Resource::default();
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        if number == 1 {
            resource = decode_resource(field.bytes(number)?)?;
        }
    }
    let resource = Arc::new(resource);
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        if number == 2 {
            decode_scope_spans(field.bytes(number)?, &resource, spans)?;
        }
    }
    Ok(())
}

fn decode_scope_spans(
    bytes: &[u8],
    resource: &Arc<Resource>,
    spans: &mut Vec<SpanData>,
) -> Result<(), DecodeError> {
    let mut scope = InstrumentationScope::default();
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        if number == 1 {
            scope = decode_scope(field.bytes(number)?)?;
        }
    }
    let scope = Arc::new(scope);
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        if number == 2 {
            let mut span = decode_span(field.bytes(number)?)?;
            span.resource = Arc::clone(resource);
            span.scope = Arc::clone(&scope);
            spans.push(span);
        }
    }
    Ok(())
}

/// One `Resource` message.
pub(super) fn decode_resource(bytes: &[u8]) -> Result<Resource, DecodeError> {
    let mut resource = Resource::default();
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        if number == 1 {
            resource.attributes.push(decode_key_value(field.bytes(number)?, 0)?);
        }
    }
    Ok(resource)
}

/// One `InstrumentationScope` message.
pub(super) fn decode_scope(bytes: &[u8]) -> Result<InstrumentationScope, DecodeError> {
    let mut scope = InstrumentationScope::default();
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        match number {
            1 => scope.name = field.text(number)?.to_owned(),
            2 => scope.version = field.text(number)?.to_owned(),
            _ => {}
        }
    }
    Ok(scope)
}

/// One `Span` message. Resource and scope are left empty.
pub fn decode_span(bytes: &[u8]) -> Result<SpanData, DecodeError> {
    let mut span = SpanData::default();
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        match number {
            1 => span.context.trace_id = trace_id(field.bytes(number)?),
            2 => span.context.span_id = span_id(field.bytes(number)?),
            3 => span.context.trace_state = TraceState::from_header(field.text(number)?),
            4 => span.parent_span_id = Some(span_id(field.bytes(number)?)).filter(|id| id.is_valid()),
            5 => span.name = field.text(number)?.to_owned(),
            // An enum is 32 bits; what is beyond them goes.
            6 => span.kind = SpanKind::from_otlp(u64::from(field.varint(number)? as u32)),
            7 => span.start_unix_nanos = field.fixed64(number)?,
            8 => span.end_unix_nanos = field.fixed64(number)?,
            9 => span.attributes.push(decode_key_value(field.bytes(number)?, 0)?),
            10 => span.dropped_attributes = field.varint(number)? as u32,
            11 => span.events.push(decode_event(field.bytes(number)?)?),
            12 => span.dropped_events = field.varint(number)? as u32,
            13 => span.links.push(decode_link(field.bytes(number)?)?),
            14 => span.dropped_links = field.varint(number)? as u32,
            15 => decode_status(field.bytes(number)?, &mut span.status)?,
            16 => {
                let flags = field.fixed32(number)?;
                span.context.flags = trace_flags(flags);
                span.parent_is_remote =
                    (flags & key::FLAG_HAS_IS_REMOTE != 0).then_some(flags & key::FLAG_IS_REMOTE != 0);
            }
            _ => {}
        }
    }
    Ok(span)
}

/// An identifier of another length than its own names nothing.
fn trace_id(bytes: &[u8]) -> TraceId {
    TraceId::from_slice(bytes).unwrap_or_default()
}

fn span_id(bytes: &[u8]) -> SpanId {
    SpanId::from_slice(bytes).unwrap_or_default()
}

/// A bit with no meaning yet stays out, lest it be taken for one of ours.
pub(super) fn trace_flags(flags: u32) -> TraceFlags {
    TraceFlags::from_byte(TraceFlags::from_byte(flags as u8).to_w3c_byte())
}

fn decode_event(bytes: &[u8]) -> Result<Event, DecodeError> {
    let mut event = Event::default();
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        match number {
            1 => event.time_unix_nanos = field.fixed64(number)?,
            2 => event.name = field.text(number)?.to_owned(),
            3 => event.attributes.push(decode_key_value(field.bytes(number)?, 0)?),
            4 => event.dropped_attributes = field.varint(number)? as u32,
            _ => {}
        }
    }
    Ok(event)
}

fn decode_link(bytes: &[u8]) -> Result<Link, DecodeError> {
    let mut link = Link::default();
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        match number {
            1 => link.context.trace_id = trace_id(field.bytes(number)?),
            2 => link.context.span_id = span_id(field.bytes(number)?),
            3 => link.context.trace_state = TraceState::from_header(field.text(number)?),
            4 => link.attributes.push(decode_key_value(field.bytes(number)?, 0)?),
            5 => link.dropped_attributes = field.varint(number)? as u32,
            6 => {
                let flags = field.fixed32(number)?;
                link.context.flags = trace_flags(flags);
                link.context.is_remote = flags & key::FLAG_IS_REMOTE != 0;
            }
            _ => {}
        }
    }
    Ok(link)
}

fn decode_status(bytes: &[u8], status: &mut Status) -> Result<(), DecodeError> {
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        match number {
            2 => status.message = field.text(number)?.to_owned(),
            3 => {
                status.code = match field.varint(number)? as u32 {
                    1 => StatusCode::Ok,
                    2 => StatusCode::Error,
                    _ => StatusCode::Unset,
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn decode_key_value(bytes: &[u8], depth: u32) -> Result<(String, Value), DecodeError> {
    let (mut name, mut value) = (String::new(), Value::Empty);
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        match number {
            1 => name = field.text(number)?.to_owned(),
            2 => merge_any(&mut value, field.bytes(number)?, depth)?,
            _ => {}
        }
    }
    Ok((name, value))
}

/// Reads an `AnyValue` over what another one of the same field said.
fn merge_any(value: &mut Value, bytes: &[u8], depth: u32) -> Result<(), DecodeError> {
    if depth >= DecodeError::DEPTH {
        return Err(DecodeError::TooDeep);
    }
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        *value = match (number, std::mem::take(value)) {
            (1, _) => Value::Str(Cow::Owned(field.text(number)?.to_owned())),
            (2, _) => Value::Bool(field.varint(number)? != 0),
            (3, _) => Value::Int(field.varint(number)? as i64),
            (4, _) => Value::Double(f64::from_bits(field.fixed64(number)?)),
            (5, before) => {
                let mut items = if let Value::Array(items) = before { items } else { Vec::new() };
                repeated(field, number, |bytes| {
                    let mut item = Value::Empty;
                    merge_any(&mut item, bytes, depth + 1)?;
                    items.push(item);
                    Ok(())
                })?;
                Value::Array(items)
            }
            (6, before) => {
                let mut items = if let Value::Map(items) = before { items } else { Vec::new() };
                repeated(field, number, |bytes| {
                    let (name, item) = decode_key_value(bytes, depth + 1)?;
                    items.push((Cow::Owned(name), item));
                    Ok(())
                })?;
                Value::Map(items)
            }
            (7, _) => Value::Bytes(Cow::Owned(field.bytes(number)?.to_vec())),
            (_, before) => before,
        };
    }
    Ok(())
}

/// Visits the elements of an `ArrayValue` or `KeyValueList`, which both are field 1 of their message.
fn repeated(
    field: Field<'_>,
    number: u32,
    mut visit: impl FnMut(&[u8]) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut reader = Reader::new(field.bytes(number)?);
    while let Some((number, field)) = reader.field()? {
        if number == 1 {
            visit(field.bytes(number)?)?;
        }
    }
    Ok(())
}
