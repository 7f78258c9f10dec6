//! The disk behind the log: the spool while it works, and what is remembered of it while it does not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracer_factory_ring::RingFile;

use super::batch::Batch;
use crate::config::{DeliveryConfig, Fsync};
use crate::otlp::ResourceBytes;
use crate::recorder::Recorder;
use crate::spool::{Spool, SpoolError, SpoolOptions, Unsynced};

/// A disk that failed is tried again after this long, and after twice as long each further time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// What other programs are left of the disk.
const MIN_FREE_BYTES: u64 = 16 << 20;
const SEGMENT_BYTES: u64 = 8 << 20;
/// Lanes on disk; threads beyond them record into memory.
const MAPPED_LANES: usize = 128;

/// Batches that are gone from the disk.
pub(super) struct Loss {
    pub(super) sequences: Vec<u64>,
}

/// Where batches go that wait for long.
pub(super) struct Store {
    spool: Option<Spool>,
    ring: Option<Arc<RingFile>>,
    resource: Arc<ResourceBytes>,
    /// Scopes that the spool knows of.
    scopes: usize,
    failure: Option<Failure>,
    /// Whether the disk has failed since something was last said about it.
    complained: bool,
}

struct Failure {
    pause: Duration,
    until: Instant,
}

impl Store {
    /// A spool in a directory of its own below `directory`, and lanes on disk for the threads of `recorder`. Without a
    /// directory, or where that can't be, everything stays in memory.
    pub(super) fn open(
        directory: Option<&Path>,
        config: &DeliveryConfig,
        destinations: &[String],
        recorder: &Recorder,
    ) -> Self {
        let resource = Arc::clone(recorder.resource());
        let mut store =
            Self { spool: None, ring: None, scopes: resource.scopes(), resource, failure: None, complained: false };
        let Some(base) = directory else { return store };
        let options = SpoolOptions {
            base: base.to_owned(),
            max_bytes: config.spool.max_bytes as u64,
            max_age: config.spool.max_age,
            segment_bytes: SEGMENT_BYTES.min(config.spool.max_bytes as u64 / 4),
            min_free_bytes: MIN_FREE_BYTES,
            fsync: config.spool.fsync,
        };
        match Spool::create(options, destinations, &store.resource.to_context()) {
            Ok(spool) => {
                store.ring = ring(&spool, config);
                if let Some(ring) = &store.ring {
                    recorder.use_ring(Arc::clone(ring));
                }
                store.spool = Some(spool);
            }
            Err(error) => tracing::warn!(
                error = %error,
                "finished spans are kept in memory only; TRACER_SPOOL_DIR=off says that this is meant"
            ),
        }
        store
    }

    /// Whether batches can be put on disk now.
    pub(super) fn is_on(&self) -> bool {
        self.spool.is_some() && self.failure.is_none()
    }

    pub(super) fn directory(&self) -> Option<PathBuf> {
        self.spool.as_ref().map(|spool| spool.directory().to_owned())
    }

    /// Puts a batch on disk. False when that failed: the disk is then left alone for a while.
    pub(super) fn append(&mut self, sequence: u64, batch: &Batch) -> bool {
        let Some(spool) = &mut self.spool else { return false };
        if self.resource.scopes() != self.scopes {
            self.scopes = self.resource.scopes();
            spool.set_context(&self.resource.to_context());
        }
        match spool.append(sequence, batch.len() as u32, batch.record_bytes()) {
            Ok(()) => {
                if std::mem::take(&mut self.complained) {
                    tracing::info!(directory = %spool.directory().display(), "spans are kept on disk again");
                }
                true
            }
            Err(error) => {
                self.fail(&error);
                false
            }
        }
    }

    fn fail(&mut self, error: &SpoolError) {
        let pause = self.failure.as_ref().map_or(FIRST_PAUSE, |failure| failure.pause);
        self.failure = Some(Failure { pause, until: Instant::now() + pause });
        if !std::mem::replace(&mut self.complained, true) {
            tracing::warn!(error = %error, "spans can't be put on disk; they are kept in memory until that works again");
        }
    }

    /// Whether a disk that failed is worth another attempt now. True when it is on again.
    pub(super) fn try_again(&mut self, now: Instant) -> bool {
        let Some(failure) = &mut self.failure else { return false };
        if now < failure.until {
            return false;
        }
        let Some(spool) = &mut self.spool else { return false };
        match spool.probe() {
            Ok(()) => {
                self.failure = None;
                true
            }
            Err(_) => {
                failure.pause = (failure.pause * 2).min(LONGEST_PAUSE);
                failure.until = now + failure.pause;
                false
            }
        }
    }

    /// A batch that is on disk; `None` when it can't be read back.
    pub(super) fn read(&mut self, sequence: u64) -> Option<Batch> {
        let stored = self.spool.as_mut()?.read(sequence).ok().flatten()?;
        (stored.sequence == sequence).then(|| Batch::new(stored.records, Arc::clone(&self.resource)))
    }

    /// Removes the oldest batches when there are too many.
    pub(super) fn evict(&mut self) -> Option<Loss> {
        let evicted = self.spool.as_mut()?.evict_oldest()?;
        Some(Loss { sequences: evicted.batches.iter().map(|(sequence, _)| *sequence).collect() })
    }

    /// Removes batches that have waited for too long.
    pub(super) fn expire(&mut self) -> Option<Loss> {
        let evicted = self.spool.as_mut()?.expire()?;
        Some(Loss { sequences: evicted.batches.iter().map(|(sequence, _)| *sequence).collect() })
    }

    /// Remembers how far each destination is, where a later process finds it.
    pub(super) fn settle(&mut self, cursors: &[u64]) {
        if let Some(ring) = &self.ring {
            cursors.iter().enumerate().for_each(|(at, cursor)| ring.set_cursor(at, *cursor));
        }
        if let Some(spool) = self.spool.as_mut().filter(|spool| !spool.is_empty()) {
            // A cursor that isn't written means spans that are sent twice, not lost ones.
            let _ = spool.cursors(cursors);
        }
    }

    pub(super) fn take_unsynced(&mut self) -> Option<Unsynced> {
        self.spool.as_mut()?.take_unsynced()
    }

    /// The last act: what is on disk stays for a later process when something is pending, and goes otherwise.
    pub(super) fn close(&mut self, cursors: &[u64], pending: bool) {
        self.settle(cursors);
        if let Some(spool) = &mut self.spool {
            spool.close(pending);
        }
    }
}

/// Lanes that survive the process; `None`, with a word about it, where the system doesn't allow it.
fn ring(spool: &Spool, config: &DeliveryConfig) -> Option<Arc<RingFile>> {
    let max_bytes = config.lane_bytes.saturating_mul(MAPPED_LANES).min(config.spool.max_bytes / 2);
    match RingFile::create(&spool.ring_path(), config.lane_bytes, max_bytes) {
        Ok(ring) => Some(Arc::new(ring)),
        Err(error) => {
            tracing::warn!(
                path = %spool.ring_path().display(),
                error = %error,
                "spans that a thread has just finished are kept in memory only; a killed process loses those"
            );
            None
        }
    }
}
