//! Where a lane lies: a run of words, the first of them for control, the rest for records.

use crate::sync::AtomicU64;

/// Words before the records: `head` at the first, `tail` half-way, so that producer and consumer, and the first
/// record, are each 128 bytes apart and share no pair of cache lines.
pub const CONTROL_WORDS: usize = 32;
/// Where `head` is.
pub(crate) const HEAD: usize = 0;
/// Where `tail` is.
pub(crate) const TAIL: usize = CONTROL_WORDS / 2;

/// Words that a lane can lie in: [`CONTROL_WORDS`], then a power of two for records.
///
/// # Safety
/// - `words` gives the same words each time, for as long as the storage lives and wherever it is moved to.
/// - While a lane lies in them, nobody else in this process reads or writes them: records are copied in and out as
///   plain bytes, ordered by `head` and `tail` alone.
pub unsafe trait Storage: Send + Sync {
    /// All of them.
    fn words(&self) -> &[AtomicU64];
}

// SAFETY: a box owns its words and leaves them where they are when it is moved.
unsafe impl Storage for Box<[AtomicU64]> {
    #[inline]
    fn words(&self) -> &[AtomicU64] {
        self
    }
}
