//! The disk behind the log: the spool while it works, and what is remembered of it while it does not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracer_factory_ring::RingFile;

use super::batch::Batch;
use crate::config::{DeliveryConfig, Fsync};
use crate::otlp::ResourceBytes;
use crate::recorder::Recorder;
use crate::spool::{Evicted, Limit, Moment, Spool, SpoolError, SpoolOptions, Unsynced};

/// A disk that failed is tried again after this long, and after twice as long each further time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// What other programs are left of the disk.
const MIN_FREE_BYTES: u64 = 16 << 20;
const SEGMENT_BYTES: u64 = 8 << 20;
/// Lanes on disk; threads beyond them record into memory.
const MOST_LANES: u64 = 128;
/// Where little disk is allowed, lanes are smaller rather than fewer.
const FEWEST_LANES: u64 = 8;
/// A lane is not made smaller than this.
const LEAST_LANE: usize = 64 << 10;

/// What became of a batch that was to be put on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saved {
    Yes,
    /// Older ones have to go first.
    NoRoom,
    /// The disk is left alone for a while.
    No,
}

/// Where batches go that wait for long.
pub(super) struct Store {
    spool: Option<Spool>,
    ring: Option<Arc<RingFile>>,
    resource: Arc<ResourceBytes>,
    fsync: Fsync,
    /// Scopes that the spool knows of.
    scopes: usize,
    /// Until when a disk that failed is left alone.
    until: Option<Instant>,
    pause: Duration,
    /// Whether the disk has failed since something was last said about it.
    complained: bool,
    /// What was left behind at the end.
    directory: Option<PathBuf>,
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
        let mut store = Self {
            spool: None,
            ring: None,
            fsync: config.spool.fsync,
            scopes: resource.scopes(),
            resource,
            until: None,
            pause: FIRST_PAUSE,
            complained: false,
            directory: None,
        };
        let Some(base) = directory else { return store };
        let options = SpoolOptions {
            base: base.to_owned(),
            max_bytes: config.spool.max_bytes as u64,
            max_age: config.spool.max_age,
            segment_bytes: SEGMENT_BYTES,
            min_free_bytes: MIN_FREE_BYTES,
            fsync: config.spool.fsync,
        };
        match Spool::create(options, destinations, &store.resource.to_context()) {
            Ok(spool) => {
                let ring = ring(&spool, config);
                store.ring = ring.as_ref().ok().cloned();
                recorder.use_ring(ring);
                store.spool = Some(spool);
            }
            Err(error) => {
                tracing::warn!(
                    error = %error,
                    "finished spans are kept in memory only; TRACER_SPOOL_DIR=off says that this is meant"
                );
                recorder.use_ring(Err(error.to_string()));
            }
        }
        store
    }

    /// Whether batches can be put on disk now.
    pub(super) fn is_on(&self) -> bool {
        self.spool.is_some() && self.until.is_none()
    }

    pub(super) fn directory(&self) -> Option<PathBuf> {
        self.spool.as_ref().map(|spool| spool.directory().to_owned()).or_else(|| self.directory.clone())
    }

    /// Puts a batch on disk.
    pub(super) fn append(&mut self, sequence: u64, batch: &Batch) -> Saved {
        let Some(spool) = &mut self.spool else { return Saved::No };
        if self.resource.scopes() != self.scopes {
            self.scopes = self.resource.scopes();
            // Where this fails, so does what follows.
            let _ = spool.set_context(&self.resource.to_context());
        }
        let appended = spool.append(sequence, batch.len() as u32, batch.record_bytes());
        let appended = appended.and_then(|()| match self.fsync {
            Fsync::Always => spool.take_unsynced().map_or(Ok(()), Unsynced::sync),
            Fsync::Every(_) | Fsync::Never => Ok(()),
        });
        match appended {
            Ok(()) => {
                self.pause = FIRST_PAUSE;
                if std::mem::take(&mut self.complained) {
                    tracing::info!(directory = %spool.directory().display(), "spans are kept on disk again");
                }
                Saved::Yes
            }
            Err(SpoolError::Full { limit: Limit::MaxBytes, .. }) => Saved::NoRoom,
            // Too little is left for others on a full disk: what is there stays, and what comes waits in memory.
            Err(error) => {
                self.fail(&error);
                Saved::No
            }
        }
    }

    /// Leaves the disk alone for a while.
    pub(super) fn fail(&mut self, error: &dyn std::error::Error) {
        self.until = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        if !std::mem::replace(&mut self.complained, true) {
            tracing::warn!(
                error = %error,
                "spans can't be put on disk; they are kept in memory until that works again"
            );
        }
    }

    /// Whether a disk that failed is worth another attempt now.
    pub(super) fn try_again(&mut self, now: Instant) -> bool {
        let due = self.until.is_some_and(|until| now >= until);
        if due {
            self.until = None;
        }
        due
    }

    /// A batch that is on disk; `None` when it can't be read back.
    pub(super) fn read(&mut self, sequence: u64) -> Option<Batch> {
        let spool = self.spool.as_mut()?;
        let found = spool.read(sequence);
        let damage = spool.take_damage();
        if !damage.is_none() {
            tracing::warn!(directory = %spool.directory().display(), ?damage, "spans on disk are damaged");
        }
        let stored = found.ok()?.stored?;
        (stored.sequence == sequence).then(|| Batch::new(stored.records, Arc::clone(&self.resource)))
    }

    /// Removes the oldest batches when there are too many; those that went.
    pub(super) fn evict(&mut self) -> Vec<u64> {
        let evicted = self.spool.as_mut().map(Spool::evict_oldest);
        self.gone(evicted)
    }

    /// Removes batches that have waited for too long; those that went.
    pub(super) fn expire(&mut self) -> Vec<u64> {
        let evicted = self.spool.as_mut().map(|spool| spool.expire(&Moment::now()));
        self.gone(evicted)
    }

    fn gone(&mut self, evicted: Option<Result<Option<Evicted>, SpoolError>>) -> Vec<u64> {
        match evicted {
            Some(Ok(Some(evicted))) => evicted.batches.iter().map(|batch| batch.sequence).collect(),
            Some(Err(error)) => {
                self.fail(&error);
                Vec::new()
            }
            Some(Ok(None)) | None => Vec::new(),
        }
    }

    /// Remembers how far each destination is, where a later process finds it.
    pub(super) fn settle(&mut self, cursors: &[u64]) {
        if let Some(ring) = &self.ring {
            for (at, cursor) in cursors.iter().enumerate() {
                ring.set_cursor(at, *cursor);
            }
        }
        if let Some(spool) = self.spool.as_mut().filter(|spool| !spool.is_empty()) {
            // A cursor that isn't written means spans that are sent twice, not lost ones.
            let _ = spool.cursors(cursors);
        }
    }

    pub(super) fn take_unsynced(&mut self) -> Option<Unsynced> {
        self.spool.as_mut()?.take_unsynced()
    }

    /// The last act: what is on disk stays for a later process when something is pending, and goes otherwise. The lanes'
    /// file goes in any case: what was in it is on disk elsewhere, or counted as lost.
    pub(super) fn close(&mut self, cursors: &[u64], pending: bool) {
        self.settle(cursors);
        let Some(spool) = self.spool.take() else { return };
        self.directory = Some(spool.directory().to_owned()).filter(|_| pending);
        let _ = std::fs::remove_file(spool.ring_path());
        if let Err(error) = spool.close(pending) {
            tracing::warn!(error = %error, "the directory of kept spans could not be removed");
        }
    }
}

/// Lanes that survive the process. Where the system doesn't allow it, says so, and returns why.
fn ring(spool: &Spool, config: &DeliveryConfig) -> Result<Arc<RingFile>, String> {
    let (lane_bytes, max_bytes) = lanes_within(config.spool.max_bytes as u64, config.lane_bytes);
    if lane_bytes < config.lane_bytes {
        tracing::info!(
            lane_bytes,
            "TRACER_SPOOL_MAX_BYTES has no room for lanes as large as TRACER_LANE_BYTES; those on disk are smaller"
        );
    }
    RingFile::create(&spool.ring_path(), lane_bytes, max_bytes).map(Arc::new).map_err(|error| {
        tracing::warn!(
            path = %spool.ring_path().display(),
            error = %error,
            "spans that a thread has just finished are kept in memory only; a killed process loses those"
        );
        error.to_string()
    })
}

/// The size of the lanes on disk and of their file: at most half of what is allowed and [`MOST_LANES`], and in any case
/// [`FEWEST_LANES`] of at least [`LEAST_LANE`], or as much as is asked for.
fn lanes_within(max_bytes: u64, lane_bytes: usize) -> (usize, u64) {
    let enough = |lane| RingFile::bytes_of(FEWEST_LANES, lane);
    let half = max_bytes / 2;
    let mut lane = lane_bytes;
    while enough(lane) > half && lane / 2 >= LEAST_LANE {
        lane /= 2;
    }
    (lane, half.min(RingFile::bytes_of(MOST_LANES, lane)).max(enough(lane)))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_least_that_may_be_allowed_is_enough_for_some_lanes() {
        const KIB: u64 = 1 << 10;
        const MIB: u64 = 1 << 20;
        let of = |max_bytes, lane: u64| {
            let (lane, file) = lanes_within(max_bytes, lane as usize);
            let lanes = (1..).take_while(|lanes| RingFile::bytes_of(*lanes, lane) <= file).count();
            assert!(file <= max_bytes);
            (lane as u64, lanes)
        };
        assert_eq!(of(MIB, MIB), (64 * KIB, 8));
        assert_eq!(of(2 * MIB, MIB), (64 * KIB, 15));
        assert_eq!(of(16 * MIB, MIB), (512 * KIB, 15));
        assert_eq!(of(256 * MIB, 64 * MIB), (8 * MIB, 15));
        assert_eq!(of(256 * MIB, MIB), (MIB, 127));
        assert_eq!(of(1024 * MIB, MIB), (MIB, 128));
        assert_eq!(of(MIB, 4 * KIB), (4 * KIB, 63), "smaller ones only when asked for");
    }
}
