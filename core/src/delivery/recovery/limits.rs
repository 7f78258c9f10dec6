//! How old what dead processes left may become, and how much all of it together.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use super::super::ledger::reason;
use super::{Inner, Recovery};
use crate::spool::{Evicted, Moment, Orphan, SpoolError, Turn, orphan_bytes, orphans};

/// Where the oldest segment is.
enum Oldest {
    Adopted(usize),
    Others(usize),
}

impl Recovery {
    /// Gives up what is too old, and then the oldest of what is too much. What living processes have is not counted.
    pub(super) fn keep_limits(&self, base: &Path) {
        let now = Moment::now();
        let mut inner = self.lock();
        for at in 0..inner.adopted.len() {
            inner.give_up(at, reason::EXPIRED, |orphan| orphan.expire(&now, self.max_age));
        }
        inner.remove_what_is_done();
        let ours: Vec<PathBuf> = inner.adopted.iter().map(|adopted| adopted.directory().to_owned()).collect();
        drop(inner);
        // Where another process is at it, it counts the same directories.
        let Some(_turn) = Turn::take(base) else { return };
        let mut total: u64 = orphans(base).filter_map(|directory| orphan_bytes(&directory)).sum();
        if total <= self.max_bytes {
            return;
        }
        let others = orphans(base).filter(|directory| !ours.contains(directory));
        let mut others: Vec<Orphan> =
            others.filter_map(|directory| Orphan::open(&directory).ok().flatten()).collect();
        while total > self.max_bytes {
            let mut inner = self.lock();
            let of_ours = inner.adopted.iter().map(|adopted| &adopted.orphan).enumerate();
            let of_ours = of_ours.map(|(at, orphan)| (Oldest::Adopted(at), orphan));
            let of_others = others.iter().enumerate().map(|(at, orphan)| (Oldest::Others(at), orphan));
            let with_some = of_ours.chain(of_others).filter(|(_, orphan)| orphan.bytes() > 0);
            // One whose age the clocks can't tell goes last.
            let oldest = with_some.min_by_key(|(_, orphan)| Reverse(orphan.age(&now).unwrap_or_default()));
            let freed = match oldest.map(|(oldest, orphan)| (oldest, orphan.bytes())) {
                Some((Oldest::Adopted(at), before)) => {
                    let mut once = true;
                    inner.give_up(at, reason::SPOOL_FULL, |orphan| {
                        if std::mem::take(&mut once) { orphan.evict_oldest() } else { Ok(None) }
                    });
                    inner.adopted.get(at).map_or(before, |adopted| before - adopted.orphan.bytes())
                }
                Some((Oldest::Others(at), before)) => {
                    let Some(orphan) = others.get_mut(at) else { return };
                    if let Ok(Some(evicted)) = orphan.evict_oldest() {
                        say(orphan.directory(), reason::SPOOL_FULL, &evicted);
                    }
                    before - orphan.bytes()
                }
                None => return,
            };
            if freed == 0 {
                // The disk does not even let go of it.
                return;
            }
            total = total.saturating_sub(freed);
            drop(inner);
        }
        self.lock().remove_what_is_done();
        self.progress.notify_all();
    }
}

impl Inner {
    /// Gives up segments of what was taken over for as long as `evict` finds one, and counts what our destinations lose.
    fn give_up(
        &mut self,
        at: usize,
        why: &'static str,
        mut evict: impl FnMut(&mut Orphan) -> Result<Option<Evicted>, SpoolError>,
    ) {
        let Some(adopted) = self.adopted.get_mut(at) else { return };
        while let Ok(Some(evicted)) = evict(&mut adopted.orphan) {
            say(adopted.directory(), why, &evicted);
            for (destination, account) in self.accounts.iter_mut().enumerate() {
                account.tally.drop_spans(why, adopted.share(destination, &evicted));
            }
        }
    }
}

/// Gives up what nobody came for in time.
pub(super) fn expire(orphan: &mut Orphan, recovery: &Recovery) {
    let now = Moment::now();
    while let Ok(Some(evicted)) = orphan.expire(&now, recovery.max_age) {
        say(orphan.directory(), reason::EXPIRED, &evicted);
    }
}

fn say(directory: &Path, why: &str, evicted: &Evicted) {
    let spans: u64 = evicted.batches.iter().map(|batch| u64::from(batch.spans)).sum();
    tracing::warn!(
        directory = %directory.display(),
        reason = why,
        spans,
        "spans that an earlier process left were given up"
    );
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::Adoption;
    use super::*;
    use crate::config::{DeliveryConfig, Fsync};
    use crate::spool::{Spool, SpoolOptions};

    /// A directory with 20 batches of three spans, of which the first destination has had four.
    fn leave(base: &Path, destinations: [&str; 2]) -> PathBuf {
        let options = SpoolOptions {
            base: base.to_owned(),
            max_bytes: 64 << 20,
            max_age: Duration::from_secs(3600),
            segment_bytes: 500,
            min_free_bytes: 0,
            fsync: Fsync::Never,
        };
        let mut spool = Spool::create(options, &destinations.map(str::to_owned), b"").unwrap();
        (0..20).for_each(|sequence| spool.append(sequence, 3, &[1; 100]).unwrap());
        spool.cursors(&[4, 0]).unwrap();
        spool.directory().to_owned()
    }

    fn recovery(base: &Path, change: impl FnOnce(&mut DeliveryConfig)) -> Recovery {
        let mut config = DeliveryConfig::default();
        change(&mut config);
        Recovery::new(Adoption::Siblings(base.to_owned()), &config, vec!["ours".to_owned()])
    }

    /// Looks until something is so. The clock has to go on by a millisecond, and a process that another test starts
    /// has the lock of what was left for a moment.
    fn look_until(recovery: &Recovery, done: impl Fn() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < Duration::from_secs(30), "{:?}", recovery.report(0));
            recovery.look_around();
        }
    }

    #[test]
    fn what_nobody_takes_in_time_is_given_up_whoever_it_is_for() {
        let base = tempfile::tempdir().unwrap();
        let ours = leave(base.path(), ["ours", "others"]);
        let others = leave(base.path(), ["theirs", "others"]);
        let recovery = recovery(base.path(), |config| config.spool.max_age = Duration::ZERO);
        look_until(&recovery, || !ours.exists() && !others.exists());
        let report = recovery.report(0);
        assert_eq!((report.found, report.dropped["spool_expired"], report.pending), (48, 48, 0));
    }

    #[test]
    fn too_much_goes_oldest_first_and_no_living_process_loses_any() {
        let base = tempfile::tempdir().unwrap();
        let ours = leave(base.path(), ["ours", "others"]);
        let living = Orphan::open(&leave(base.path(), ["ours", "others"]));
        let max_bytes = 2 * living.as_ref().unwrap().as_ref().map_or(0, Orphan::bytes) as usize;
        let recovery = recovery(base.path(), |config| config.spool.max_bytes = max_bytes);
        look_until(&recovery, || recovery.report(0).found == 48);
        assert!(recovery.report(0).dropped.is_empty(), "it is not too much yet");
        drop(living);
        let newest = leave(base.path(), ["theirs", "others"]);
        look_until(&recovery, || recovery.report(0).dropped.contains_key(reason::SPOOL_FULL));
        let report = recovery.report(0);
        assert_eq!(report.found, report.dropped[reason::SPOOL_FULL] + report.pending, "{report:?}");
        assert!(ours.exists() || report.pending == 48, "{report:?}");
        assert!(orphan_bytes(&newest).is_some_and(|bytes| bytes > 2000), "the newest is whole");
    }
}
