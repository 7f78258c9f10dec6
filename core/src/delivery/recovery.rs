//! Spans that earlier processes left on disk: taken over, delivered behind this process' own, and counted apart.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::batch::Batch;
use super::ledger::{Tally, reason};
use crate::lock::lock;
use crate::otlp::ResourceBytes;
use crate::report::RecoveredReport;
use crate::spool::{Orphan, orphans};

/// How often other processes' directories are looked at.
const INTERVAL: Duration = Duration::from_secs(30);

pub(super) struct Recovery {
    base: Option<PathBuf>,
    inner: Mutex<Inner>,
    /// Counts up when something was taken over.
    found: watch::Sender<u64>,
}

#[derive(Default)]
struct Inner {
    next_look: Option<Instant>,
    adopted: Vec<Adopted>,
    accounts: Vec<Account>,
}

/// One destination's account of what was left for it.
#[derive(Default)]
struct Account {
    key: String,
    found: u64,
    tally: Tally,
}

/// A directory whose process has ended.
struct Adopted {
    orphan: Orphan,
    directory: PathBuf,
    /// For each of our destinations what is left for it there.
    left: Vec<Left>,
    /// Whether it has spans for somebody else, too.
    for_others: bool,
    resources: Vec<(Vec<u8>, Arc<ResourceBytes>)>,
}

#[derive(Default)]
struct Left {
    /// The number that the destination has there.
    number: Option<usize>,
    /// Sequence and spans of each batch that is not settled, the oldest first. A destination has one at a time.
    batches: VecDeque<(u64, u64)>,
}

/// A batch of an earlier process.
pub(super) struct Recovered {
    pub(super) batch: Arc<Batch>,
    directory: PathBuf,
    sequence: u64,
}

impl Recovery {
    /// Looks for directories below `base`; `keys` name our destinations.
    pub(super) fn new(base: Option<PathBuf>, keys: Vec<String>) -> Self {
        let accounts = keys.into_iter().map(|key| Account { key, ..Account::default() }).collect();
        let inner = Inner { accounts, ..Inner::default() };
        Self { base, inner: Mutex::new(inner), found: watch::Sender::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Takes over what processes left that are gone, when it is time to look.
    pub(super) fn look_around(&self, now: Instant) {
        let Some(base) = &self.base else { return };
        let mut inner = self.lock();
        if inner.next_look.is_some_and(|next| now < next) {
            return;
        }
        inner.next_look = Some(now + INTERVAL);
        let known: Vec<_> = inner.adopted.iter().map(|adopted| adopted.directory.clone()).collect();
        let mut spans = 0;
        for directory in orphans(base).filter(|directory| !known.contains(directory)) {
            spans += inner.adopt(&directory);
        }
        drop(inner);
        if spans > 0 {
            tracing::info!(spans, "spans of an earlier process were found and are delivered now");
            self.found.send_modify(|count| *count += 1);
        }
    }

    /// The next batch that was left for a destination, as soon as there is one.
    pub(super) async fn next(&self, destination: usize) -> Recovered {
        let mut found = self.found.subscribe();
        loop {
            found.mark_unchanged();
            if let Some(recovered) = self.lock().take(destination) {
                return recovered;
            }
            let _ = found.changed().await;
        }
    }

    /// `spans` of a batch are settled as `change` says.
    pub(super) fn settle(
        &self,
        destination: usize,
        recovered: &Recovered,
        spans: u64,
        change: impl FnOnce(&mut Tally),
    ) {
        let mut inner = self.lock();
        if let Some(account) = inner.accounts.get_mut(destination) {
            change(&mut account.tally);
        }
        let adopted = inner.adopted.iter_mut().find(|adopted| adopted.directory == recovered.directory);
        let left = adopted.and_then(|adopted| adopted.left.get_mut(destination)?.batches.front_mut());
        if let Some((_, waiting)) = left {
            *waiting = waiting.saturating_sub(spans);
        }
    }

    /// A batch is dealt with. The directory goes with its last one.
    pub(super) fn finish(&self, destination: usize, recovered: &Recovered) {
        let mut inner = self.lock();
        let Some(at) = inner.adopted.iter().position(|adopted| adopted.directory == recovered.directory) else {
            return;
        };
        let adopted = &mut inner.adopted[at];
        if let Some(left) = adopted.left.get_mut(destination) {
            left.batches.pop_front();
            if let Some(number) = left.number {
                adopted.orphan.set_cursor(number, recovered.sequence + 1);
            }
        }
        if !adopted.for_others && adopted.left.iter().all(|left| left.batches.is_empty()) {
            inner.adopted.swap_remove(at).orphan.remove();
        }
    }

    pub(super) fn report(&self, destination: usize) -> RecoveredReport {
        let inner = self.lock();
        let Some(account) = inner.accounts.get(destination) else { return RecoveredReport::default() };
        let of = |adopted: &Adopted| -> u64 {
            adopted.left.get(destination).map_or(0, |left| left.batches.iter().map(|(_, spans)| spans).sum())
        };
        RecoveredReport {
            found: account.found,
            delivered: account.tally.delivered,
            rejected: account.tally.rejected,
            dropped: account.tally.dropped.clone(),
            pending: inner.adopted.iter().map(of).sum(),
        }
    }
}
