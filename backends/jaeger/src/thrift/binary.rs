//! The binary protocol: fixed widths, big-endian; what Jaeger's collector takes over HTTP.

use super::{Protocol, bounded, length};

const STOP: u8 = 0;
const BOOL: u8 = 2;
const DOUBLE: u8 = 4;
const I32: u8 = 8;
const I64: u8 = 10;
const STRING: u8 = 11;
const STRUCT: u8 = 12;
const LIST: u8 = 15;

/// Writes the binary protocol.
#[derive(Debug, Default)]
pub(crate) struct Binary {
    out: Vec<u8>,
}

impl Binary {
    /// What was written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    fn field(&mut self, kind: u8, id: u8) {
        self.out.extend_from_slice(&[kind, 0, id]);
    }
}

impl Protocol for Binary {
    fn begin_struct(&mut self) {}

    fn end_struct(&mut self) {
        self.out.push(STOP);
    }

    fn bool_field(&mut self, id: u8, value: bool) {
        self.field(BOOL, id);
        self.out.push(u8::from(value));
    }

    fn i32_field(&mut self, id: u8, value: i32) {
        self.field(I32, id);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn i64_field(&mut self, id: u8, value: i64) {
        self.field(I64, id);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn double_field(&mut self, id: u8, value: f64) {
        self.field(DOUBLE, id);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn bytes_field(&mut self, id: u8, value: &[u8]) {
        let value = bounded(value);
        self.field(STRING, id);
        self.out.extend_from_slice(&length(value.len()).to_be_bytes());
        self.out.extend_from_slice(value);
    }

    fn struct_field(&mut self, id: u8) {
        self.field(STRUCT, id);
    }

    fn struct_list_field(&mut self, id: u8, len: usize) {
        self.field(LIST, id);
        self.out.push(STRUCT);
        self.out.extend_from_slice(&length(len).to_be_bytes());
    }
}
