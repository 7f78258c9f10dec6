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

/// A list whose length is still to be said.
#[derive(Debug)]
pub(crate) struct OpenList {
    at: usize,
}

/// Writes the binary protocol.
#[derive(Debug)]
pub(crate) struct Binary {
    out: Vec<u8>,
}

impl Binary {
    /// Behind what `out` has.
    pub(crate) fn onto(out: Vec<u8>) -> Self {
        Self { out }
    }

    /// What was written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Announces structs whose number is not known yet, for [`Self::set_length`].
    pub(crate) fn open_struct_list(&mut self, id: u8) -> OpenList {
        self.struct_list_field(id, 0);
        OpenList { at: self.out.len() - size_of::<i32>() }
    }

    /// Says how many structs have come.
    pub(crate) fn set_length(&mut self, list: OpenList, len: usize) {
        if let Some(place) = self.out.get_mut(list.at..).and_then(<[u8]>::first_chunk_mut) {
            *place = length(len).to_be_bytes();
        }
    }

    fn field(&mut self, kind: u8, id: u8) {
        self.out.extend_from_slice(&[kind, 0, id]);
    }

    /// A field of eight bytes, in one piece.
    fn wide_field(&mut self, kind: u8, id: u8, value: [u8; 8]) {
        let mut field = [kind, 0, id, 0, 0, 0, 0, 0, 0, 0, 0];
        field[3..].copy_from_slice(&value);
        self.out.extend_from_slice(&field);
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
        let [a, b, c, d] = value.to_be_bytes();
        self.out.extend_from_slice(&[I32, 0, id, a, b, c, d]);
    }

    fn i64_field(&mut self, id: u8, value: i64) {
        self.wide_field(I64, id, value.to_be_bytes());
    }

    fn double_field(&mut self, id: u8, value: f64) {
        self.wide_field(DOUBLE, id, value.to_be_bytes());
    }

    fn bytes_field(&mut self, id: u8, value: &[u8]) {
        let value = bounded(value);
        let [a, b, c, d] = length(value.len()).to_be_bytes();
        self.out.extend_from_slice(&[STRING, 0, id, a, b, c, d]);
        self.out.extend_from_slice(value);
    }

    fn struct_field(&mut self, id: u8) {
        self.field(STRUCT, id);
    }

    fn struct_list_field(&mut self, id: u8, len: usize) {
        let [a, b, c, d] = length(len).to_be_bytes();
        self.out.extend_from_slice(&[LIST, 0, id, STRUCT, a, b, c, d]);
    }
}
