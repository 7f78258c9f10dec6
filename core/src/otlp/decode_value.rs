//! Attributes' values out of OTLP bytes, borrowed but for lists.

use std::borrow::Cow;

use super::budget::Budget;
use crate::ids::TraceFlags;
use crate::value::{AttrValue, Value};
use crate::wire::{DecodeError, Field, Reader};

/// A bit with no meaning yet stays out, lest it be taken for one of ours.
pub(super) fn trace_flags(flags: u32) -> TraceFlags {
    TraceFlags::from_byte(TraceFlags::from_byte(flags as u8).to_w3c_byte())
}

/// One `KeyValue` message, borrowed but for arrays and maps.
pub(super) fn decode_key_value<'a>(
    bytes: &'a [u8],
    depth: u32,
    budget: &Budget,
) -> Result<(&'a str, AttrValue<'a>), DecodeError> {
    budget.pay::<(String, Value)>().ok_or(DecodeError::TooManyElements)?;
    let (mut name, mut value) = ("", AttrValue::Empty);
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        match number {
            1 => name = field.text(number)?,
            2 => merge_any(&mut value, field.bytes(number)?, depth, budget)?,
            _ => {}
        }
    }
    Ok((name, value))
}

/// Reads an `AnyValue` over what another one of the same field said.
fn merge_any<'a>(
    value: &mut AttrValue<'a>,
    bytes: &'a [u8],
    depth: u32,
    budget: &Budget,
) -> Result<(), DecodeError> {
    if depth >= DecodeError::DEPTH {
        return Err(DecodeError::TooDeep);
    }
    let mut reader = Reader::new(bytes);
    while let Some((number, field)) = reader.field()? {
        *value = match (number, std::mem::take(value)) {
            (1, _) => AttrValue::Str(Cow::Borrowed(field.text(number)?)),
            (2, _) => AttrValue::Bool(field.varint(number)? != 0),
            (3, _) => AttrValue::Int(field.varint(number)? as i64),
            (4, _) => AttrValue::Double(f64::from_bits(field.fixed64(number)?)),
            (5, before) => {
                let mut items = if let AttrValue::Array(items) = before { items } else { Vec::new() };
                repeated(field, number, |bytes| {
                    budget.pay::<Value>().ok_or(DecodeError::TooManyElements)?;
                    let mut item = AttrValue::Empty;
                    merge_any(&mut item, bytes, depth + 1, budget)?;
                    items.push(item);
                    Ok(())
                })?;
                AttrValue::Array(items)
            }
            (6, before) => {
                let mut items = if let AttrValue::Map(items) = before { items } else { Vec::new() };
                repeated(field, number, |bytes| {
                    let (name, item) = decode_key_value(bytes, depth + 1, budget)?;
                    items.push((Cow::Borrowed(name), item));
                    Ok(())
                })?;
                AttrValue::Map(items)
            }
            (7, _) => AttrValue::Bytes(Cow::Borrowed(field.bytes(number)?)),
            (_, before) => before,
        };
    }
    Ok(())
}

/// Visits the elements of an `ArrayValue` or `KeyValueList`, which both are field 1 of their message.
fn repeated<'a>(
    field: Field<'a>,
    number: u32,
    mut visit: impl FnMut(&'a [u8]) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut reader = Reader::new(field.bytes(number)?);
    while let Some((number, field)) = reader.field()? {
        if number == 1 {
            visit(field.bytes(number)?)?;
        }
    }
    Ok(())
}
