//! The disk that fails, and comes back; the lanes that a cap allows.

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
    assert!(health.disk.failures == 1 && health.disk.error.is_some() && health.is_healthy(), "{health:?}");
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
