//! Where a spool is and how large, old and safe it may be.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::Fsync;

/// Settings of one tracer's spool.
#[derive(Debug, Clone)]
pub(crate) struct SpoolOptions {
    /// The directory that holds every tracer's own.
    pub(crate) base: PathBuf,
    /// What the files of this tracer may take together.
    pub(crate) max_bytes: u64,
    /// How long a batch waits before it is given up.
    pub(crate) max_age: Duration,
    /// A segment as large as this is followed by a new one.
    pub(crate) segment_bytes: u64,
    /// What the file system must keep free for others.
    pub(crate) min_free_bytes: u64,
    /// How much survives a power failure. A killed process loses nothing either way.
    pub(crate) fsync: Fsync,
}

impl SpoolOptions {
    /// The size of a segment, small enough that evicting one gives up little of what is allowed.
    #[cfg(target_os = "linux")]
    pub(super) fn segment_size(&self) -> u64 {
        self.segment_bytes.min(self.max_bytes / 8).min(1 << 30)
    }
}
