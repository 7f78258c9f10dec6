//! Thrift's two wire protocols, for writing only, with the types that Jaeger's structs use and no others.

mod binary;
mod compact;

pub(crate) use binary::Binary;
pub(crate) use compact::{Compact, list_header_len};

/// A wire protocol as the encoder sees it. Within a struct, fields come in ascending order of their identifiers.
pub(crate) trait Protocol {
    /// Starts a struct: the whole message, an element of a list, or the value of a field just announced.
    fn begin_struct(&mut self);
    /// Ends the struct started last.
    fn end_struct(&mut self);

    /// A truth value.
    fn bool_field(&mut self, id: u8, value: bool);
    /// A 32-bit integer, which is also how enumerations travel.
    fn i32_field(&mut self, id: u8, value: i32);
    /// A 64-bit integer.
    fn i64_field(&mut self, id: u8, value: i64);
    /// A 64-bit float.
    fn double_field(&mut self, id: u8, value: f64);
    /// Text or bytes: the wire does not tell them apart.
    fn bytes_field(&mut self, id: u8, value: &[u8]);
    /// Announces a struct, which the caller then writes.
    fn struct_field(&mut self, id: u8);
    /// Announces `len` structs, which the caller then writes.
    fn struct_list_field(&mut self, id: u8, len: usize);
}

/// A length as Thrift carries it. Nothing that fits a batch comes near the limit.
fn length(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}

/// The part of `value` whose length Thrift can carry.
fn bounded(value: &[u8]) -> &[u8] {
    &value[..value.len().min(i32::MAX as usize)]
}
