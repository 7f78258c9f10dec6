//! The compact protocol: variable widths, field numbers as differences; what Jaeger takes over UDP.

use super::{Protocol, bounded};

const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

const PROTOCOL_ID: u8 = 0x82;
const VERSION: u8 = 1;
const ONEWAY: u8 = 4;

/// A list shorter than this has its length in the same byte as the type of its elements.
const SHORT_LIST: usize = 15;

/// Writes the compact protocol.
#[derive(Debug, Default, Clone)]
pub(crate) struct Compact {
    out: Vec<u8>,
    /// The field written last in the current struct.
    last: u8,
    /// The same of the structs around it.
    outer: Vec<u8>,
}

impl Compact {
    /// The header of a call that expects no answer.
    pub(crate) fn oneway_message(&mut self, name: &str) {
        // The number that would match the answer to the call; there is none.
        const SEQUENCE: u8 = 0;
        self.out.extend_from_slice(&[PROTOCOL_ID, VERSION | ONEWAY << 5, SEQUENCE]);
        varint(&mut self.out, name.len() as u64);
        self.out.extend_from_slice(name.as_bytes());
    }

    /// What was written so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// What was written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Forgets what was written and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.out.clear();
        self.outer.clear();
        self.last = 0;
    }

    /// Takes over structs that were encoded elsewhere: the elements of a list announced just before.
    pub(crate) fn append(&mut self, encoded: &[u8]) {
        self.out.extend_from_slice(encoded);
    }

    fn field(&mut self, kind: u8, id: u8) {
        match id.checked_sub(self.last) {
            Some(step @ 1..=15) => self.out.push(step << 4 | kind),
            _ => {
                self.out.push(kind);
                varint(&mut self.out, zigzag(id.into()));
            }
        }
        self.last = id;
    }
}

impl Protocol for Compact {
    fn begin_struct(&mut self) {
        self.outer.push(self.last);
        self.last = 0;
    }

    fn end_struct(&mut self) {
        self.out.push(STOP);
        self.last = self.outer.pop().unwrap_or(0);
    }

    fn bool_field(&mut self, id: u8, value: bool) {
        self.field(if value { TRUE } else { FALSE }, id);
    }

    fn i32_field(&mut self, id: u8, value: i32) {
        self.field(I32, id);
        varint(&mut self.out, zigzag(value.into()));
    }

    fn i64_field(&mut self, id: u8, value: i64) {
        self.field(I64, id);
        varint(&mut self.out, zigzag(value));
    }

    fn double_field(&mut self, id: u8, value: f64) {
        self.field(DOUBLE, id);
        // Little-endian, unlike in the binary protocol: so do all implementations in use.
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    fn bytes_field(&mut self, id: u8, value: &[u8]) {
        let value = bounded(value);
        self.field(BINARY, id);
        varint(&mut self.out, value.len() as u64);
        self.out.extend_from_slice(value);
    }

    fn struct_field(&mut self, id: u8) {
        self.field(STRUCT, id);
    }

    fn struct_list_field(&mut self, id: u8, len: usize) {
        self.field(LIST, id);
        if len < SHORT_LIST {
            self.out.push((len as u8) << 4 | STRUCT);
        } else {
            self.out.push(0xf0 | STRUCT);
            varint(&mut self.out, len as u64);
        }
    }
}

/// How many bytes a list's length and element type take.
pub(crate) fn list_header_len(len: usize) -> usize {
    if len < SHORT_LIST { 1 } else { 1 + (usize::BITS - len.leading_zeros()).div_ceil(7) as usize }
}

/// Small magnitudes of either sign become small numbers.
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
