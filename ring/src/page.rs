//! The size of a page.

/// Asked of the C library: `rustix` reads it out of the process' memory in a way that valgrind does not survive.
pub(crate) fn size() -> usize {
    const USUAL: usize = 4096;
    // SAFETY: it only answers.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(USUAL)
}
