//! The disk behind the log: the spool while it works, and what is remembered of it while it does not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracer_factory_ring::RingFile;

use super::batch::Batch;
use crate::config::DeliveryConfig;
use crate::otlp::ResourceBytes;
use crate::recorder::Recorder;
use crate::report::DiskHealth;
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
    /// Scopes that the spool knows of.
    scopes: usize,
    /// Until when a disk that failed is left alone.
    until: Option<Instant>,
    pause: Duration,
    /// How often the disk has failed.
    failures: u64,
    /// Why nothing can be put on disk, until something can.
    failed: Option<String>,
    /// Why what was put there could not be forced to the disk itself, until that works.
    not_synced: Option<String>,
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
            scopes: resource.scopes(),
            resource,
            until: None,
            pause: FIRST_PAUSE,
            failures: 0,
            failed: None,
            not_synced: None,
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
        match spool.append(sequence, batch.len() as u32, batch.record_bytes()) {
            Ok(()) => {
                self.pause = FIRST_PAUSE;
                if self.failed.take().is_some() {
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
        self.failures += 1;
        if self.failed.replace(error.to_string()).is_none() {
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

    /// The end is near: whatever failed a moment ago, this is the last attempt.
    pub(super) fn try_now(&mut self) {
        self.until = None;
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

    /// What became of syncing. A file that can't be synced is left: the system may call clean what is lost of it.
    pub(super) fn synced(&mut self, result: Result<(), SpoolError>) {
        match result {
            Ok(()) => {
                if self.not_synced.take().is_some() {
                    tracing::info!("spans on disk reach the disk itself again");
                }
            }
            Err(error) => {
                self.failures += 1;
                if let Some(spool) = &mut self.spool {
                    spool.leave_segment();
                }
                if self.not_synced.replace(error.to_string()).is_none() {
                    tracing::warn!(
                        error = %error,
                        "spans on disk may not survive that the machine stops; a killed process still loses none"
                    );
                }
            }
        }
    }

    pub(super) fn health(&self) -> DiskHealth {
        DiskHealth { failures: self.failures, error: self.failed.clone().or_else(|| self.not_synced.clone()) }
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

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::super::log::Log;
    use super::*;
    use crate::config::{Fsync, TracerConfig};
    use crate::sampling::Sampler;
    use crate::span::SpanData;
    use crate::spool::Disk;

    fn store(base: &Path, fsync: Fsync) -> (Store, Disk) {
        let mut config = TracerConfig::default();
        config.delivery.spool.fsync = fsync;
        let recorder = Recorder::new(&config, Sampler::ratio(1.0), Arc::default());
        let store = Store::open(Some(base), &config.delivery, &["key".to_owned()], &recorder);
        let disk = store.spool.as_ref().unwrap().disk();
        (store, disk)
    }

    fn batch() -> Arc<Batch> {
        Arc::new(Batch::from_spans(&[SpanData::default(), SpanData::default()]))
    }

    fn log(store: Store) -> Log {
        Log::new([("test", "test://".to_owned())].into_iter(), 1 << 20, store)
    }

    #[test]
    fn a_batch_that_could_not_be_synced_is_kept_once_it_can() {
        let base = tempfile::tempdir().unwrap();
        let (mut store, disk) = store(base.path(), Fsync::Always);
        disk.break_sync();
        for failures in 1..4 {
            assert_eq!(store.append(0, &batch()), Saved::No);
            assert!(store.health().error.is_some_and(|error| error.contains("sync")));
            assert_eq!(store.health().failures, failures);
            assert!(!store.is_on() && store.try_again(Instant::now() + LONGEST_PAUSE));
        }
        disk.mend();
        assert_eq!((store.append(0, &batch()), store.append(1, &batch())), (Saved::Yes, Saved::Yes));
        assert_eq!(store.health(), DiskHealth { failures: 3, error: None });
        assert!(store.read(0).is_some_and(|batch| batch.len() == 2));
    }

    #[test]
    fn syncing_in_vain_shows_until_it_works_again() {
        let base = tempfile::tempdir().unwrap();
        let (mut store, disk) = store(base.path(), Fsync::Every(Duration::ZERO));
        assert_eq!(store.append(0, &batch()), Saved::Yes);
        disk.break_sync();
        let log = log(store);
        let failed = log.take_unsynced().unwrap().sync();
        log.synced(failed);
        let health = log.health();
        assert!(
            health.disk.failures == 1 && health.disk.error.is_some() && health.is_healthy(),
            "{health:?}"
        );
        disk.mend();
        log.synced(Ok(()));
        assert_eq!(log.health().disk.error, None);
    }

    #[test]
    fn a_disk_that_failed_a_moment_ago_is_tried_at_the_end() {
        let base = tempfile::tempdir().unwrap();
        let (store, disk) = store(base.path(), Fsync::Never);
        let log = log(store);
        disk.fill();
        log.push(batch(), Vec::new());
        log.leave_the_lanes();
        assert_eq!(log.health().disk.failures, 1);
        disk.mend();
        log.close();
        let [report] = log.report(crate::recorder::Counts::default(), 0).try_into().unwrap();
        assert_eq!((report.pending, report.dropped_total()), (2, 0), "{report:?}");
        assert!(log.directory().is_some_and(|kept| kept.starts_with(base.path())));
    }
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
