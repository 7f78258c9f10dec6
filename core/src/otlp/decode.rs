//! OTLP bytes to decoded spans, by protobuf's rules: the last scalar wins, messages merge, unknown fields are passed over.
//!
//! Memory stays within a multiple of the input, however it was made.

use std::sync::Arc;

use super::SpanRef;
use super::budget::Budget;
use super::decode_value::decode_key_value;
use crate::span::{InstrumentationScope, Resource, SpanData};
use crate::wire::{DecodeError, Reader};

/// Every span of an `ExportTraceServiceRequest` (or `TracesData`), with its resource and scope.
pub fn decode_request(bytes: &[u8]) -> Result<Vec<SpanData>, DecodeError> {
    let budget = Budget::new(bytes, Budget::PER_PROTOBUF_BYTE);
    let mut spans = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        if number == 1 {
            decode_resource_spans(field.bytes(number)?, &mut spans, &budget)?;
        }
    }
    Ok(spans)
}

fn decode_resource_spans(
    bytes: &[u8],
    spans: &mut Vec<SpanData>,
    budget: &Budget,
) -> Result<(), DecodeError> {
    // The resource may follow its spans, so it is read first.
    let mut resource = Resource::default();
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        if number == 1 {
            resource = read_resource(field.bytes(number)?, budget)?;
        }
    }
    budget.pay::<Resource>().ok_or(DecodeError::TooManyElements)?;
    let resource = Arc::new(resource);
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        if number == 2 {
            decode_scope_spans(field.bytes(number)?, &resource, spans, budget)?;
        }
    }
    Ok(())
}

fn decode_scope_spans(
    bytes: &[u8],
    resource: &Arc<Resource>,
    spans: &mut Vec<SpanData>,
    budget: &Budget,
) -> Result<(), DecodeError> {
    let mut scope = InstrumentationScope::default();
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        if number == 1 {
            scope = decode_scope(field.bytes(number)?)?;
        }
    }
    budget.pay::<InstrumentationScope>().ok_or(DecodeError::TooManyElements)?;
    let mut span = SpanRef::default();
    span.scope = Arc::new(scope);
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        if number == 2 {
            budget.pay::<SpanData>().ok_or(DecodeError::TooManyElements)?;
            span.read(field.bytes(number)?, budget)?;
            spans.push(span.to_data(resource));
        }
    }
    Ok(())
}

/// One `Resource` message.
pub(super) fn decode_resource(bytes: &[u8]) -> Result<Resource, DecodeError> {
    read_resource(bytes, &Budget::new(bytes, Budget::PER_PROTOBUF_BYTE))
}

fn read_resource(bytes: &[u8], budget: &Budget) -> Result<Resource, DecodeError> {
    let mut resource = Resource::default();
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        if number == 1 {
            let (name, value) = decode_key_value(field.bytes(number)?, 0, budget)?;
            resource.attributes.push((name.to_owned(), value.into_owned()));
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
    let mut span = SpanRef::default();
    span.read(bytes, &Budget::new(bytes, Budget::PER_PROTOBUF_BYTE))?;
    Ok(span.to_data(&Arc::default()))
}
