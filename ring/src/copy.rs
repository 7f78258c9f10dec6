//! Records as bytes, into words and out of them: whole runs are copied at once, as wide as the machine can.
//!
//! Words hold bytes in their order in memory, so a run of words is the run of bytes.
//! Under loom words can't be seen as bytes; there each is stored and loaded by itself, and so is seen by the model.

pub(crate) use imp::{append, store, store_pieces};

#[cfg(not(loom))]
mod imp {
    use std::ptr;
    use std::sync::atomic::AtomicU64;

    /// Stores a record into `slots`, which are exactly as many as it needs.
    ///
    /// # Safety
    /// Nobody else reads or writes `slots` now, and there are as many as `bytes` fill.
    #[inline(always)]
    pub(crate) unsafe fn store(slots: &[AtomicU64], bytes: &[u8]) {
        debug_assert_eq!(slots.len() * 8, bytes.len());
        let to: *mut u8 = slots.as_ptr().cast_mut().cast();
        // SAFETY: as promised; atomics may be written through a shared reference.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) }
    }

    /// Stores a record that is in pieces, or that begins in `end` and goes on in `start`.
    ///
    /// # Safety
    /// Nobody else reads or writes `end` and `start` now, and together they have room for the pieces.
    pub(crate) unsafe fn store_pieces(end: &[AtomicU64], start: &[AtomicU64], pieces: &[&[u8]]) {
        let mut at = 0;
        for bytes in pieces {
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

    /// # Safety
    /// None needed; as its namesake for memory.
    pub(crate) unsafe fn store(slots: &[AtomicU64], bytes: &[u8]) {
        // SAFETY: none needed.
        unsafe { store_pieces(slots, &[], &[bytes]) }
    }

    /// # Safety
    /// None needed; as its namesake for memory.
    pub(crate) unsafe fn store_pieces(end: &[AtomicU64], start: &[AtomicU64], pieces: &[&[u8]]) {
        let bytes = pieces.concat();
        for (slot, word) in end.iter().chain(start).zip(bytes.as_chunks().0) {
            slot.store(u64::from_le_bytes(*word), Relaxed);
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
