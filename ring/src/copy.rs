//! Records as bytes, into words and out of them: whole runs are copied at once, as wide as the machine can.
//!
//! Words hold bytes in their order in memory, so a run of words is the run of bytes.
//! Under loom words can't be seen as bytes; there each is stored and loaded by itself, and so is seen by the model.

pub(crate) use imp::{append, store_around, store_record};

#[cfg(not(loom))]
mod imp {
    use std::ptr;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use crate::record::{HEADER_WORDS, RecordHeader};

    /// Stores a record into `slots`, which are exactly as many as it needs. What is left of the last word is zero.
    ///
    /// # Safety
    /// Nobody else reads or writes `slots` now, and there are `HEADER_WORDS` and those that `span` fills.
    #[inline]
    pub(crate) unsafe fn store_record(slots: &[AtomicU64], header: &RecordHeader, span: &[u8]) {
        // The length fits: no record is longer than a quarter of a lane.
        debug_assert_eq!(slots.len(), HEADER_WORDS + span.len().div_ceil(8));
        // As atomics, which the compiler does not join: a header is mostly some instructions old, and what was stored in
        // small pieces is slow to load as a large one.
        for (slot, word) in slots.iter().zip(header.to_words_of(span.len() as u32)) {
            slot.store(word.to_le(), Relaxed);
        }
        // SAFETY: after the header there are as many as the span needs.
        unsafe { store_bytes(slots.get_unchecked(HEADER_WORDS..), span) }
    }

    /// Measured to be quicker than a call to `memcpy`, for the some 150 bytes that spans are.
    ///
    /// # Safety
    /// Nobody else reads or writes `slots` now, and there are as many as `bytes` fill.
    #[inline]
    unsafe fn store_bytes(slots: &[AtomicU64], bytes: &[u8]) {
        let Some(last) = bytes.last_chunk::<32>() else {
            // As atomics again, or the compiler makes a call of it.
            let (words, rest) = bytes.as_chunks::<8>();
            for (slot, word) in slots.iter().zip(words) {
                slot.store(u64::from_ne_bytes(*word), Relaxed);
            }
            if let (false, Some(slot)) = (rest.is_empty(), slots.last()) {
                slot.store(last_word(bytes, rest).to_le(), Relaxed);
            }
            return;
        };
        let to: *mut u8 = slots.as_ptr().cast_mut().cast();
        // SAFETY: as promised; atomics may be written through a shared reference. The last block lies over the one before
        // it, and over the last word but for its padding.
        unsafe {
            to.cast::<u64>().add(slots.len() - 1).write(0);
            for (at, block) in bytes.as_chunks::<32>().0.iter().enumerate() {
                to.cast::<[u8; 32]>().add(at).write(*block);
            }
            to.add(bytes.len() - 32).cast::<[u8; 32]>().write(*last);
        }
    }

    /// The bytes after the last whole word, padded with zeros. A shift is cheaper than copying a few bytes.
    #[inline]
    fn last_word(bytes: &[u8], rest: &[u8]) -> u64 {
        match bytes.last_chunk::<8>() {
            Some(tail) => u64::from_le_bytes(*tail) >> (64 - 8 * rest.len()),
            None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        }
    }

    /// As [`store_record`], for a record that begins in `end` and goes on in `start`: once a round.
    ///
    /// # Safety
    /// Nobody else reads or writes `end` and `start` now, and together they have room for the record.
    #[cold]
    pub(crate) unsafe fn store_around(
        end: &[AtomicU64],
        start: &[AtomicU64],
        header: &RecordHeader,
        span: &[u8],
    ) {
        let padding = span.len().next_multiple_of(8) - span.len();
        let header = header.to_words_of(span.len() as u32).map(u64::to_le_bytes);
        let mut at = 0;
        for bytes in [header.as_flattened(), span, &[0; 8][..padding]] {
            // SAFETY: as promised; what does not fit into `end` begins at the start of `start`.
            unsafe {
                let (first, rest) = bytes.split_at(bytes.len().min((end.len() * 8).saturating_sub(at)));
                put(end, at, first);
                put(start, (at + first.len()).saturating_sub(end.len() * 8), rest);
            }
            at += bytes.len();
        }
    }

    /// # Safety
    /// Nobody else reads or writes `slots` now, and `bytes` fit into them at the byte `at`.
    unsafe fn put(slots: &[AtomicU64], at: usize, bytes: &[u8]) {
        if !bytes.is_empty() {
            debug_assert!(at + bytes.len() <= slots.len() * 8);
            let start: *mut u8 = slots.as_ptr().cast_mut().cast();
            // SAFETY: as promised; atomics may be written through a shared reference.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), start.add(at), bytes.len()) }
        }
    }

    /// Appends the bytes of `slots` to `out`.
    ///
    /// # Safety
    /// Nobody writes `slots` now.
    #[inline]
    pub(crate) unsafe fn append(slots: &[AtomicU64], out: &mut Vec<u8>) {
        let len = slots.len() * 8;
        out.reserve(len);
        // SAFETY: `out` has room for `len` bytes more, which are then there; nobody writes the slots meanwhile.
        unsafe {
            ptr::copy_nonoverlapping(slots.as_ptr().cast::<u8>(), out.as_mut_ptr().add(out.len()), len);
            out.set_len(out.len() + len);
        }
    }
}

#[cfg(loom)]
mod imp {
    use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use crate::record::RecordHeader;

    /// # Safety
    /// None needed; as its namesake for memory.
    pub(crate) unsafe fn store_record(slots: &[AtomicU64], header: &RecordHeader, span: &[u8]) {
        // SAFETY: none needed.
        unsafe { store_around(slots, &[], header, span) }
    }

    /// # Safety
    /// None needed; as its namesake for memory.
    pub(crate) unsafe fn store_around(
        end: &[AtomicU64],
        start: &[AtomicU64],
        header: &RecordHeader,
        span: &[u8],
    ) {
        let body = span.chunks(8).map(|bytes| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(word)
        });
        for (slot, word) in
            end.iter().chain(start).zip(header.to_words_of(span.len() as u32).into_iter().chain(body))
        {
            slot.store(word, Relaxed);
        }
    }

    /// # Safety
    /// None needed; as its namesake for memory.
    pub(crate) unsafe fn append(slots: &[AtomicU64], out: &mut Vec<u8>) {
        for slot in slots {
            out.extend_from_slice(&slot.load(Relaxed).to_le_bytes());
        }
    }
}
