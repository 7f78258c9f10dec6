//! OTLP's trace messages as tables, to check a request whole without building anything from it.

use tracer_factory_core::otlp::{DecodeError, Field, Reader};

/// What a known field must be.
#[derive(Clone, Copy)]
enum Kind {
    Varint,
    Fixed32,
    Fixed64,
    Bytes,
    Text,
    Message(&'static Schema),
}

/// A message's known fields: the entry at index n describes field n + 1.
pub(super) struct Schema(&'static [Option<Kind>]);

use Kind::{Bytes, Fixed32, Fixed64, Message, Text, Varint};

pub(super) static ANY_VALUE: Schema = Schema(&[
    Some(Text),
    Some(Varint),
    Some(Varint),
    Some(Fixed64),
    Some(Message(&ARRAY_VALUE)),
    Some(Message(&KEY_VALUE_LIST)),
    Some(Bytes),
]);
static ARRAY_VALUE: Schema = Schema(&[Some(Message(&ANY_VALUE))]);
static KEY_VALUE_LIST: Schema = Schema(&[Some(Message(&KEY_VALUE))]);
pub(super) static KEY_VALUE: Schema = Schema(&[Some(Text), Some(Message(&ANY_VALUE))]);
pub(super) static RESOURCE: Schema = Schema(&[Some(Message(&KEY_VALUE)), Some(Varint)]);
pub(super) static SCOPE: Schema = Schema(&[Some(Text), Some(Text), Some(Message(&KEY_VALUE)), Some(Varint)]);
static EVENT: Schema = Schema(&[Some(Fixed64), Some(Text), Some(Message(&KEY_VALUE)), Some(Varint)]);
static LINK: Schema =
    Schema(&[Some(Bytes), Some(Bytes), Some(Text), Some(Message(&KEY_VALUE)), Some(Varint), Some(Fixed32)]);
static STATUS: Schema = Schema(&[None, Some(Text), Some(Varint)]);
pub(super) static SPAN: Schema = Schema(&[
    Some(Bytes),
    Some(Bytes),
    Some(Text),
    Some(Bytes),
    Some(Text),
    Some(Varint),
    Some(Fixed64),
    Some(Fixed64),
    Some(Message(&KEY_VALUE)),
    Some(Varint),
    Some(Message(&EVENT)),
    Some(Varint),
    Some(Message(&LINK)),
    Some(Varint),
    Some(Message(&STATUS)),
    Some(Fixed32),
]);

impl Schema {
    /// Whether `message` is one of this kind, down to its last value.
    pub(super) fn check(&'static self, message: &[u8]) -> Result<(), DecodeError> {
        self.check_at(message, DecodeError::DEPTH)
    }

    /// The same for a message that is `levels` below one that would be given to [`Schema::check`].
    pub(super) fn check_below(&'static self, message: &[u8], levels: u32) -> Result<(), DecodeError> {
        self.check_at(message, DecodeError::DEPTH - levels)
    }

    /// The same for one field of such a message.
    pub(super) fn check_field(&'static self, number: u32, field: Field<'_>) -> Result<(), DecodeError> {
        self.check_field_at(number, field, DecodeError::DEPTH - 1)
    }

    fn check_at(&'static self, message: &[u8], depth: u32) -> Result<(), DecodeError> {
        let inner = depth.checked_sub(1).ok_or(DecodeError::TooDeep)?;
        let mut reader = Reader::new(message);
        while let Some((number, field)) = reader.field()? {
            self.check_field_at(number, field, inner)?;
        }
        Ok(())
    }

    fn check_field_at(&'static self, number: u32, field: Field<'_>, depth: u32) -> Result<(), DecodeError> {
        match self.0.get(number as usize - 1).copied().flatten() {
            None => Ok(()),
            Some(Varint) => field.varint(number).map(drop),
            Some(Fixed32) => field.fixed32(number).map(drop),
            Some(Fixed64) => field.fixed64(number).map(drop),
            Some(Bytes) => field.bytes(number).map(drop),
            Some(Text) => field.text(number).map(drop),
            Some(Message(schema)) => schema.check_at(field.bytes(number)?, depth),
        }
    }
}
