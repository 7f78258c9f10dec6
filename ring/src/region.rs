//! What a lane usually lies in: words on the heap or of a mapped file, behind one pointer and length for both.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::AtomicU64;

use crate::storage::Storage;

/// Words, and whatever keeps them alive.
pub struct Region {
    start: NonNull<AtomicU64>,
    len: usize,
    /// Looked at only to be dropped, so that recording costs the same wherever the words are.
    _owner: Box<dyn Send + Sync>,
}

// SAFETY: atomics may be used from any thread, and so may the owner.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

// SAFETY: start and length never change, the owner keeps the words where they are, and whoever made the region had
// nobody else using them.
unsafe impl Storage for Region {
    #[inline]
    fn words(&self) -> &[AtomicU64] {
        // SAFETY: `new` was promised that many words for as long as the owner lives, which is as long as `self`.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl Region {
    /// # Safety
    /// From `start` on there are `len` words that live until `owner` is dropped, and nobody else in this process uses them.
    pub(crate) unsafe fn new(start: NonNull<AtomicU64>, len: usize, owner: Box<dyn Send + Sync>) -> Self {
        Self { start, len, _owner: owner }
    }

    /// Words on the heap, all zero: pages that no record has reached cost nothing. `len` is a few words at least.
    pub(crate) fn heap(len: usize) -> Self {
        let len = len.max(1);
        let Ok(layout) = Layout::array::<AtomicU64>(len) else {
            handle_alloc_error(Layout::new::<AtomicU64>())
        };
        // SAFETY: the layout is of one word at least.
        let Some(start) = NonNull::new(unsafe { alloc_zeroed(layout) }) else { handle_alloc_error(layout) };
        let owner = Box::new(Heap { start, layout });
        // SAFETY: zeros are valid atomics, the allocation is aligned for them, ours alone and freed with its owner.
        unsafe { Self::new(start.cast(), len, owner) }
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region").field("words", &self.len).finish_non_exhaustive()
    }
}

struct Heap {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: it only frees the words, which any thread may.
unsafe impl Send for Heap {}
// SAFETY: there is nothing to do with a shared one.
unsafe impl Sync for Heap {}

impl Drop for Heap {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `Region::heap`, and nothing else frees it.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}
