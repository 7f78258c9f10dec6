//! What became of spans since the server started.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{IngestError, Ingested};

/// Numbers that only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
    pub(crate) duplicates: u64,
    /// Requests, not spans.
    pub(crate) refused: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    accepted: AtomicU64,
    rejected: AtomicU64,
    duplicates: AtomicU64,
    refused: AtomicU64,
}

impl Counters {
    pub(super) fn add(&self, stored: &Result<Ingested, IngestError>) {
        match stored {
            Ok(ingested) => {
                self.accepted.fetch_add(ingested.accepted, Relaxed);
                self.rejected.fetch_add(ingested.rejected, Relaxed);
                self.duplicates.fetch_add(ingested.duplicates, Relaxed);
            }
            Err(_) => {
                self.refused.fetch_add(1, Relaxed);
            }
        }
    }

    pub(super) fn read(&self) -> Counts {
        Counts {
            accepted: self.accepted.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            duplicates: self.duplicates.load(Relaxed),
            refused: self.refused.load(Relaxed),
        }
    }
}
