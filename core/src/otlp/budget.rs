//! A bound on what decoding makes of an input: an element of two bytes can become a structure of hundreds, so that a
//! small body would fill the memory.

use std::cell::Cell;

/// Decoded bytes that any input may have, however short.
const FREE_BYTES: usize = 64 << 10;

/// Bytes of structures that may still be made. Text is not counted: there is no more of it than of the input.
#[derive(Debug)]
pub(super) struct Budget(Cell<usize>);

impl Budget {
    /// What an input byte of protobuf may become. Spans with a trace identifier and nothing else stay below it,
    /// real ones below a half of it.
    pub(super) const PER_PROTOBUF_BYTE: usize = 16;
    /// The same of JSON, which says everything at more length. Real requests stay below 5.
    pub(super) const PER_JSON_BYTE: usize = 8;

    /// For an input of any origin.
    pub(super) fn new(input: &[u8], per_byte: usize) -> Self {
        Self(Cell::new(FREE_BYTES.saturating_add(input.len().saturating_mul(per_byte))))
    }

    /// For what this library has recorded: it was in memory before.
    pub(super) fn unlimited() -> Self {
        Self(Cell::new(usize::MAX))
    }

    /// Pays for one more `T`. `None` when there is not enough left.
    pub(super) fn pay<T>(&self) -> Option<()> {
        let left = self.0.get().checked_sub(size_of::<T>())?;
        self.0.set(left);
        Some(())
    }
}
