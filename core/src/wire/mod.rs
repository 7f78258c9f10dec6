//! Protobuf primitives: writing into a growing buffer, reading from a slice. OTLP's messages are built on them.

mod read;
mod write;

pub use read::{DecodeError, Field, Reader};
pub(crate) use write::{fixed32, fixed64, length_delimited, nested, varint, varint_field, varint_len};
