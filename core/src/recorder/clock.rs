//! Wall-clock nanoseconds from the processor's time-stamp counter where it is reliable.

use std::sync::LazyLock;

use fastant::{Anchor, Instant};

static ANCHOR: LazyLock<Anchor> = LazyLock::new(Anchor::new);

/// Nanoseconds since the Unix epoch. Never goes back within a process.
#[inline]
pub(crate) fn now() -> u64 {
    Instant::now().as_unix_nanos(&ANCHOR)
}
