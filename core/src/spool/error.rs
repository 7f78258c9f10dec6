//! Why the spool could not do something: which path, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// What failed. None of them is final: the same call may succeed later.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    /// There is no room for another record. Nothing was written.
    #[error("the spool {path} is full: {limit}")]
    Full {
        /// The tracer's directory.
        path: PathBuf,
        /// Which limit was met.
        limit: Limit,
    },
    /// The system refused something.
    #[error("the spool could not {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// One batch could not be read. Asking for the next sequence steps over it.
    #[error("the spool could not read batch {sequence} ({spans} spans) in {path}: {source}")]
    Unreadable {
        /// The segment.
        path: PathBuf,
        /// The batch.
        sequence: u64,
        /// What it holds.
        spans: u32,
        /// The system's answer.
        source: io::Error,
    },
    /// Others could get at what would be stored there.
    #[error("{path} is no safe place for a spool: {why}; set TRACER_SPOOL_DIR to another directory")]
    Unsafe {
        /// The directory or file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Written by another version of this library, which can still deliver it.
    #[error("{path} has the spool format {version}, which this version of tracer-factory does not know")]
    Format {
        /// The segment.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// Sequences only go up.
    #[error("batch {sequence} can't follow batch {last} in the spool {path}")]
    Order {
        /// The tracer's directory.
        path: PathBuf,
        /// What was to be appended.
        sequence: u64,
        /// What is there already.
        last: u64,
    },
    /// A record's length has 32 bits.
    #[error("{bytes} bytes are too many for one record of the spool {path}")]
    TooLarge {
        /// The tracer's directory.
        path: PathBuf,
        /// The size.
        bytes: usize,
    },
    /// There is no spool for this operating system yet.
    #[cfg(not(target_os = "linux"))]
    #[error("the spool needs Linux; spans stay in memory")]
    Unsupported,
}

/// The limit that a full spool has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Limit {
    /// The spool's own.
    #[error("TRACER_SPOOL_MAX_BYTES is reached")]
    MaxBytes,
    /// What the file system must keep free for others.
    #[error("the file system has too little free space left")]
    FreeSpace,
    /// The file system, or the user's share of it, has nothing left.
    #[error("no space is left on the file system")]
    Disk,
}

impl SpoolError {
    /// From the system's answer; a full disk is told apart.
    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full { path, limit: Limit::Disk }
            }
            _ => Self::Io { doing, path, source },
        }
    }
}
