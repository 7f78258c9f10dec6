//! Spans that earlier processes left on disk: taken over, delivered behind this process' own, and counted apart.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracer_factory_ring::{Records, recover};

use super::batch::Batch;
use super::ledger::{Tally, reason};
use super::overlap::Newest;
use super::split::runs;
use crate::config::DeliveryConfig;
use crate::lock::lock;
use crate::otlp::ResourceBytes;
use crate::report::RecoveredReport;
use crate::spool::{Moment, Orphan, SpoolError, is_one_tracers, orphans};

/// How often other processes' directories are looked at.
const INTERVAL: Duration = Duration::from_secs(30);

/// What is taken over.
pub(crate) enum Adoption {
    /// What processes left below this directory for the same destinations.
    Siblings(PathBuf),
    /// This directory, or all below it, whatever destinations its spans were for.
    All(PathBuf),
    /// Nothing.
    Nothing,
}

pub(super) struct Recovery {
    adoption: Adoption,
    max_age: Duration,
    batch_bytes: usize,
    batch_spans: usize,
    inner: Mutex<Inner>,
    /// Counts up when something was taken over.
    found: watch::Sender<u64>,
    /// Something is done, or was looked for.
    progress: Condvar,
}

#[derive(Default)]
struct Inner {
    next_look: Option<Instant>,
    adopted: Vec<Adopted>,
    accounts: Vec<Account>,
    /// Directories that could not be read, which is said once.
    unreadable: Vec<PathBuf>,
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
    /// For each of our destinations what is left for it there.
    left: Vec<Option<Left>>,
    /// Whether it has spans for somebody else, too.
    for_others: bool,
    /// The resource of the latest batch, which is nearly always that of all.
    resource: Option<(Arc<[u8]>, Arc<ResourceBytes>)>,
}

#[derive(Clone, Copy)]
struct Left {
    /// The number that the destination has there, if it has one.
    number: Option<usize>,
    /// The first batch that is not settled.
    next: u64,
    /// Spans of that batch that are settled already.
    settled: u64,
}

/// A batch of an earlier process.
pub(super) struct Recovered {
    pub(super) batch: Arc<Batch>,
    directory: PathBuf,
    sequence: u64,
}

impl Recovery {
    /// `keys` name our destinations.
    pub(super) fn new(adoption: Adoption, config: &DeliveryConfig, keys: Vec<String>) -> Self {
        let accounts = keys.into_iter().map(|key| Account { key, ..Account::default() }).collect();
        let inner = Inner { accounts, ..Inner::default() };
        Self {
            adoption,
            max_age: config.spool.max_age,
            batch_bytes: config.max_batch_bytes,
            batch_spans: config.max_batch_spans,
            inner: Mutex::new(inner),
            found: watch::Sender::new(0),
            progress: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Takes over what processes left that are gone, when it is time to look.
    pub(super) fn look_around(&self, now: Instant) {
        let (base, all) = match &self.adoption {
            Adoption::Nothing => return,
            Adoption::Siblings(base) => (base, false),
            Adoption::All(base) => (base, true),
        };
        let mut inner = self.lock();
        if inner.next_look.is_some_and(|next| now < next) {
            return;
        }
        inner.next_look = Some(now + INTERVAL);
        let mut spans = 0;
        // Whatever else is given holds files that are nobody's to remove.
        let itself = (all && is_one_tracers(base)).then(|| base.clone());
        for directory in orphans(base).chain(itself) {
            spans += inner.adopt(&directory, all, self);
        }
        drop(inner);
        self.progress.notify_all();
        if spans > 0 {
            tracing::info!(spans, "spans of an earlier process were found on disk and are delivered now");
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

    /// Waits until it has looked, and nothing of what was taken over is left.
    pub(super) fn wait(&self, deadline: Duration) {
        let busy = |inner: &mut Inner| inner.next_look.is_none() || !inner.adopted.is_empty();
        let _ = self.progress.wait_timeout_while(self.lock(), deadline, busy);
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
        let adopted = inner.adopted_at(&recovered.directory);
        if let Some(Some(left)) = adopted.and_then(|adopted| adopted.left.get_mut(destination)) {
            left.settled += spans;
        }
    }

    /// A batch is dealt with. The directory goes with its last one.
    pub(super) fn finish(&self, destination: usize, recovered: &Recovered) {
        let mut inner = self.lock();
        if let Some(adopted) = inner.adopted_at(&recovered.directory)
            && let Some(Some(left)) = adopted.left.get_mut(destination)
        {
            (left.next, left.settled) = (recovered.sequence.saturating_add(1), 0);
            if let Some(number) = left.number {
                // One that can't be written means spans that are sent twice.
                let _ = adopted.orphan.set_cursor(number, left.next);
            }
        }
        inner.remove_what_is_done();
        drop(inner);
        self.progress.notify_all();
    }

    pub(super) fn report(&self, destination: usize) -> RecoveredReport {
        let inner = self.lock();
        let Some(account) = inner.accounts.get(destination) else { return RecoveredReport::default() };
        let of = |adopted: &Adopted| {
            let left = adopted.left.get(destination).copied().flatten();
            left.map_or(0, |left| adopted.orphan.pending(left.next).spans.saturating_sub(left.settled))
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

impl Inner {
    fn adopted_at(&mut self, directory: &Path) -> Option<&mut Adopted> {
        self.adopted.iter_mut().find(|adopted| adopted.orphan.directory() == directory)
    }

    /// Takes over one directory, if its process is gone and it has something for us. Returns how many spans those are.
    fn adopt(&mut self, directory: &Path, all: bool, recovery: &Recovery) -> u64 {
        if self.adopted_at(directory).is_some() {
            return 0;
        }
        let taken = Orphan::open(directory).and_then(|orphan| match orphan {
            Some(mut orphan) => empty_ring(&mut orphan, recovery).map(|()| Some(orphan)),
            None => Ok(None),
        });
        let orphan = match taken {
            Ok(Some(orphan)) => orphan,
            Ok(None) => return 0,
            Err(error) => {
                if !self.unreadable.iter().any(|known| known == directory) {
                    self.unreadable.push(directory.to_owned());
                    tracing::warn!(error = %error, "what an earlier process left on disk can't be taken over");
                }
                return 0;
            }
        };
        let mut adopted = self.adopted_for(orphan, all);
        let damage = adopted.orphan.take_damage();
        if !damage.is_none() {
            tracing::warn!(directory = %directory.display(), ?damage, "spans that an earlier process left are damaged");
        }
        let mut most = 0;
        for (account, left) in self.accounts.iter_mut().zip(&adopted.left) {
            let spans = left.map_or(0, |left| adopted.orphan.pending(left.next).spans);
            account.found += spans;
            most = most.max(spans);
        }
        if most == 0 && adopted.for_others {
            adopted.expire(recovery.max_age);
            return 0;
        }
        self.adopted.push(adopted);
        self.remove_what_is_done();
        most
    }

    fn adopted_for(&self, orphan: Orphan, all: bool) -> Adopted {
        let keys = orphan.destinations();
        let lowest = (0..keys.len()).map(|number| orphan.cursor(number)).min().unwrap_or_default();
        let left = |account: &Account| {
            let number = keys.iter().position(|key| *key == account.key);
            let next = number.map_or(lowest, |number| orphan.cursor(number));
            (all || number.is_some()).then_some(Left { number, next, settled: 0 })
        };
        let left: Vec<_> = self.accounts.iter().map(left).collect();
        let ours = |number| left.iter().flatten().any(|left| left.number == Some(number));
        let mut others = (0..keys.len()).filter(|number| !ours(*number));
        // Without its list of destinations nobody knows for whom it is, but whoever is told to take it.
        let unknown = keys.is_empty() && orphan.pending(0).spans > 0;
        let for_others =
            !all && (unknown || others.any(|number| orphan.pending(orphan.cursor(number)).spans > 0));
        Adopted { orphan, left, for_others, resource: None }
    }

    /// The next batch for a destination.
    fn take(&mut self, destination: usize) -> Option<Recovered> {
        let account = self.accounts.get_mut(destination)?;
        let mut taken = None;
        for adopted in &mut self.adopted {
            taken = adopted.take(destination, &mut account.tally);
            if taken.is_some() {
                break;
            }
        }
        if taken.is_none() {
            self.remove_what_is_done();
        }
        taken
    }

    fn remove_what_is_done(&mut self) {
        let mut at = 0;
        while let Some(adopted) = self.adopted.get(at) {
            let pending = |left: &Left| adopted.orphan.pending(left.next).spans > 0;
            if adopted.left.iter().flatten().any(pending) {
                at += 1;
                continue;
            }
            let adopted = self.adopted.swap_remove(at);
            if !adopted.for_others {
                // What can't be removed now is found empty, and removed, by the next process.
                let _ = adopted.orphan.remove();
            }
        }
    }
}

impl Adopted {
    fn take(&mut self, destination: usize, tally: &mut Tally) -> Option<Recovered> {
        let left = self.left.get_mut(destination)?.as_mut()?;
        loop {
            match self.orphan.read(left.next) {
                Ok(found) => {
                    let lost: u64 = found.lost.iter().map(|batch| u64::from(batch.spans)).sum();
                    tally.drop_spans(reason::DAMAGED, lost);
                    let Some(stored) = found.stored else {
                        let last = found.lost.last().map(|batch| batch.sequence.saturating_add(1));
                        left.next = left.next.max(last.unwrap_or_default());
                        return None;
                    };
                    left.next = stored.sequence;
                    let resource = resource_of(&self.orphan, stored.sequence, &mut self.resource);
                    let batch = Batch::new(stored.records, resource);
                    // What it has less than it was written with can't be sent.
                    let missing = u64::from(stored.spans).saturating_sub(batch.len() as u64);
                    tally.drop_spans(reason::DAMAGED, missing);
                    left.settled = missing;
                    return Some(Recovered {
                        batch: Arc::new(batch),
                        directory: self.orphan.directory().to_owned(),
                        sequence: stored.sequence,
                    });
                }
                Err(SpoolError::Unreadable { sequence, spans, .. }) => {
                    tally.drop_spans(reason::DAMAGED, u64::from(spans));
                    left.next = sequence.saturating_add(1);
                }
                Err(error) => {
                    tracing::warn!(error = %error, "what an earlier process left on disk can't be read now");
                    return None;
                }
            }
        }
    }

    /// Nobody came for it.
    fn expire(&mut self, max_age: Duration) {
        let now = Moment::now();
        while let Ok(Some(evicted)) = self.orphan.expire(&now, max_age) {
            let spans: u64 = evicted.batches.iter().map(|batch| u64::from(batch.spans)).sum();
            let directory = self.orphan.directory();
            tracing::warn!(directory = %directory.display(), spans, "spans that nobody delivered in time were given up");
        }
    }
}

fn resource_of(
    orphan: &Orphan,
    sequence: u64,
    latest: &mut Option<(Arc<[u8]>, Arc<ResourceBytes>)>,
) -> Arc<ResourceBytes> {
    let context = orphan.context_of(sequence).unwrap_or_default();
    if let Some((known, resource)) = latest
        && *known == context
    {
        return Arc::clone(resource);
    }
    let resource = Arc::new(ResourceBytes::from_context(&context).unwrap_or_default());
    *latest = Some((context, Arc::clone(&resource)));
    resource
}

/// Makes batches of what a killed process had in its lanes, so that all there is to do is in one place.
fn empty_ring(orphan: &mut Orphan, recovery: &Recovery) -> Result<(), SpoolError> {
    let path = orphan.ring_path();
    if !path.exists() {
        return Ok(());
    }
    // Twice, and a lane at a time: together the lanes may be large.
    let opened = recover(&path).and_then(|ring| {
        let held = ring.flatten().map(|lane| lane.count).sum();
        Ok((recover(&path)?, held))
    });
    let (ring, held) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            // It is left where it is, for somebody to look at.
            tracing::warn!(error = %error, "the lanes of an earlier process can't be read");
            return Ok(());
        }
    };
    for number in 0..orphan.destinations().len() {
        if let Some(cursor) = ring.owner().get(number) {
            orphan.set_cursor(number, *cursor)?;
        }
    }
    let newest = Newest::of(orphan, held);
    for lane in ring {
        let lane = match lane {
            Ok(lane) => lane,
            Err(error) => {
                tracing::warn!(error = %error, "a lane of an earlier process can't be read");
                continue;
            }
        };
        if let Some(damage) = lane.damage {
            tracing::warn!(path = %path.display(), ?damage, "a lane of an earlier process is damaged");
        }
        for records in runs(&newest.leave_out(lane.records), recovery.batch_bytes, recovery.batch_spans) {
            let spans = Records::new(records).count() as u32;
            orphan.append(orphan.next_sequence(), spans, records)?;
        }
    }
    orphan.remove_ring()
}
