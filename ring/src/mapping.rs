//! A part of a file as words in memory, shared with whoever reads the file.

use std::fs::File;
use std::io;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::AtomicU64;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// Mapped words, unmapped when dropped. In a forked child that is the child's own mapping, and harms nobody.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<AtomicU64>,
    bytes: usize,
}

// SAFETY: atomics may be used from any thread, and any thread may unmap.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `bytes` bytes (whole pages) at `offset` of `file`. They must be reserved there: a page without a block behind
    /// it ends the process (SIGBUS) when the disk is full.
    pub(crate) fn new(file: &File, offset: u64, bytes: usize) -> io::Result<Self> {
        // SAFETY: a new mapping where the kernel has room, of which nothing else knows.
        let start = unsafe {
            mmap(ptr::null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, file, offset)?
        };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { start, bytes })
    }

    pub(crate) fn start(&self) -> NonNull<AtomicU64> {
        self.start
    }

    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: mapped for as long as `self` lives, aligned as pages are, and any bytes are valid atomics.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.bytes / 8) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped in `new` with this length, and nothing borrows from it any more.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}
