//! Protobuf primitives: writing into a growing buffer, reading from a slice. OTLP's messages are built on them.

mod buffer;
mod read;
mod write;

pub(crate) use buffer::{Buffer, copy_into};
pub use read::{DecodeError, Field, Reader};
pub(crate) use write::{
    close_nested, fixed32, fixed64, length_delimited, nested, varint, varint_field, varint_into, varint_len,
};
