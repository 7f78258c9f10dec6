//! Spans that earlier processes left on disk: taken over, delivered behind this process' own, and counted apart.

mod adopted;
mod lanes;
mod limits;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;

use super::ledger::Tally;
use crate::config::DeliveryConfig;
use crate::lock::lock;
use crate::report::RecoveredReport;
use crate::spool::{Orphan, is_one_tracers, orphans};
use adopted::Adopted;
pub(super) use adopted::Recovered;
use lanes::{Bounds, NotTaken};

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
    max_bytes: u64,
    bounds: Bounds,
    inner: Mutex<Inner>,
    /// Counts up when something was taken over.
    found: watch::Sender<u64>,
    /// Something is done, or was looked for.
    progress: Condvar,
    closed: AtomicBool,
}

#[derive(Default)]
struct Inner {
    /// Whether everything was looked through once.
    looked: bool,
    adopted: Vec<Adopted>,
    accounts: Vec<Account>,
    /// Directories that could not be taken over, and why; said once.
    unread: Vec<(PathBuf, String)>,
}

/// One destination's account of what was left for it.
#[derive(Default)]
struct Account {
    key: String,
    found: u64,
    tally: Tally,
    /// Whether the receiver takes none of it for now.
    held: bool,
    /// Spans that were still there at the end.
    let_go: u64,
}

impl Recovery {
    /// `keys` name our destinations.
    pub(super) fn new(adoption: Adoption, config: &DeliveryConfig, keys: Vec<String>) -> Self {
        let accounts = keys.into_iter().map(|key| Account { key, ..Account::default() }).collect();
        let inner = Inner { accounts, ..Inner::default() };
        Self {
            adoption,
            max_age: config.spool.max_age,
            max_bytes: config.spool.max_bytes as u64,
            bounds: Bounds { bytes: config.max_batch_bytes, spans: config.max_batch_spans },
            inner: Mutex::new(inner),
            found: watch::Sender::new(0),
            progress: Condvar::new(),
            closed: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Whether there is anything to look for.
    pub(super) fn looks(&self) -> bool {
        !matches!(self.adoption, Adoption::Nothing)
    }

    /// Takes over what processes left that are gone, a directory at a time. This reads, and may write, as much as they
    /// left: delivery must not wait for it, and shares nothing with it but the moment in which a directory is ready.
    pub(super) fn look_around(&self) {
        let (base, all) = match &self.adoption {
            Adoption::Nothing => return,
            Adoption::Siblings(base) => (base, false),
            Adoption::All(base) => (base, true),
        };
        // Whatever else is given holds files that are nobody's to remove.
        let itself = (all && is_one_tracers(base)).then(|| base.clone());
        for directory in orphans(base).chain(itself) {
            if self.closed.load(Relaxed) {
                return;
            }
            self.look_at(&directory, all);
        }
        if !all {
            // What is replayed is old, and somebody wants it.
            self.keep_limits(base);
        }
        self.lock().looked = true;
        self.progress.notify_all();
    }

    /// Takes over one directory, if its process is gone and it has something for us.
    fn look_at(&self, directory: &Path, all: bool) {
        if self.lock().adopted_at(directory).is_some() {
            return;
        }
        let taken = Orphan::open(directory).map_err(NotTaken::from).and_then(|orphan| {
            let Some(mut orphan) = orphan else { return Ok(None) };
            let lanes = lanes::empty(&mut orphan, self.bounds)?;
            Ok(Some((orphan, lanes)))
        });
        let mut inner = self.lock();
        if self.closed.load(Relaxed) {
            // Nobody would deliver it.
            return;
        }
        let (orphan, lanes) = match taken {
            Ok(Some(taken)) => taken,
            Ok(None) if all && directory.is_dir() => {
                return inner.cannot_read(directory, "a living process uses it".to_owned());
            }
            Ok(None) => return,
            Err(error) => return inner.cannot_read(directory, error.to_string()),
        };
        inner.unread.retain(|(known, _)| known != directory);
        let keys = inner.accounts.iter().map(|account| account.key.as_str());
        let mut adopted = Adopted::new(orphan, lanes, keys, all);
        let damage = adopted.orphan.take_damage();
        if !damage.is_none() {
            tracing::warn!(directory = %directory.display(), ?damage, "spans that an earlier process left are damaged");
        }
        let mut most = 0;
        for (destination, account) in inner.accounts.iter_mut().enumerate() {
            let spans = adopted.pending(destination);
            account.found += spans;
            most = most.max(spans);
        }
        if most == 0 && adopted.for_others {
            return limits::expire(&mut adopted.orphan, self);
        }
        let in_lanes = adopted.is_in_lanes();
        inner.adopted.push(adopted);
        inner.remove_what_is_done();
        drop(inner);
        self.progress.notify_all();
        if most > 0 {
            tracing::info!(
                spans = most,
                directory = %directory.display(),
                in_lanes,
                "spans of an earlier process were found on disk and are delivered now"
            );
            self.found.send_modify(|count| *count += 1);
        }
    }

    /// Nothing more is taken over.
    pub(super) fn close(&self) {
        self.closed.store(true, Relaxed);
    }

    /// Leaves what is not delivered to whoever looks for it next, and remembers how much that is.
    pub(super) fn let_go(&self) {
        let mut inner = self.lock();
        for at in 0..inner.accounts.len() {
            let pending = inner.pending(at);
            if let Some(account) = inner.accounts.get_mut(at) {
                account.let_go += pending;
            }
        }
        inner.adopted.clear();
    }

    /// The next batch that was left for a destination, as soon as there is one.
    pub(super) async fn next(&self, destination: usize) -> Recovered {
        let mut found = self.found.subscribe();
        loop {
            found.mark_unchanged();
            if let Some(recovered) = self.lock().take(destination) {
                return recovered;
            }
            // What could not be read is done with, too.
            self.progress.notify_all();
            let _ = found.changed().await;
        }
    }

    /// Waits until it has looked, and nothing of what was taken over is left that a receiver takes.
    pub(super) fn wait(&self, deadline: Duration) {
        let _ = self.progress.wait_timeout_while(self.lock(), deadline, |inner| !inner.is_through());
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
        if let Some(adopted) = inner.adopted_at(&recovered.directory) {
            adopted.settle(destination, spans);
        }
    }

    /// A batch is dealt with. The directory goes with its last one.
    pub(super) fn finish(&self, destination: usize, recovered: &Recovered) {
        let mut inner = self.lock();
        if let Some(adopted) = inner.adopted_at(&recovered.directory) {
            adopted.finish(destination);
        }
        inner.remove_what_is_done();
        drop(inner);
        self.progress.notify_all();
    }

    /// Whether a destination's receiver takes nothing of it for now, or does again.
    pub(super) fn hold(&self, destination: usize, held: bool) {
        if let Some(account) = self.lock().accounts.get_mut(destination) {
            account.held = held;
        }
        self.progress.notify_all();
    }

    /// Whether a batch that was taken has been given up since.
    pub(super) fn is_given_up(&self, recovered: &Recovered) -> bool {
        let mut inner = self.lock();
        inner.adopted_at(&recovered.directory).is_none_or(|adopted| !adopted.has(recovered.sequence))
    }

    pub(super) fn report(&self, destination: usize) -> RecoveredReport {
        let inner = self.lock();
        let Some(account) = inner.accounts.get(destination) else { return RecoveredReport::default() };
        RecoveredReport {
            found: account.found,
            delivered: account.tally.delivered,
            rejected: account.tally.rejected,
            dropped: account.tally.dropped.clone(),
            pending: account.let_go + inner.pending(destination),
        }
    }

    /// What could not be taken over, and why.
    pub(super) fn unread(&self) -> Vec<String> {
        let inner = self.lock();
        let mut unread: Vec<_> = inner
            .unread
            .iter()
            .map(|(directory, why)| format!("{} was left alone: {why}", directory.display()))
            .collect();
        if let Adoption::All(base) = &self.adoption
            && !inner.looked
        {
            unread.push(format!("{} was not looked through to its end in time", base.display()));
        }
        unread
    }
}

impl Inner {
    fn adopted_at(&mut self, directory: &Path) -> Option<&mut Adopted> {
        self.adopted.iter_mut().find(|adopted| adopted.directory() == directory)
    }

    fn pending(&self, destination: usize) -> u64 {
        self.adopted.iter().map(|adopted| adopted.pending(destination)).sum()
    }

    fn is_through(&self) -> bool {
        let through = |(at, account): (usize, &Account)| account.held || self.pending(at) == 0;
        self.looked && self.accounts.iter().enumerate().all(through)
    }

    fn cannot_read(&mut self, directory: &Path, why: String) {
        if !self.unread.iter().any(|(known, _)| known == directory) {
            tracing::warn!(
                directory = %directory.display(),
                why,
                "what an earlier process left on disk can't be taken over"
            );
            self.unread.push((directory.to_owned(), why));
        }
    }

    /// The next batch for a destination.
    fn take(&mut self, destination: usize) -> Option<Recovered> {
        let account = self.accounts.get_mut(destination)?;
        let tally = &mut account.tally;
        let taken = self.adopted.iter_mut().find_map(|adopted| adopted.take(destination, tally));
        if taken.is_none() {
            self.remove_what_is_done();
        }
        taken
    }

    fn remove_what_is_done(&mut self) {
        let mut at = 0;
        while let Some(adopted) = self.adopted.get(at) {
            // What others have in lanes would be found again at once, and once more for us: without room on the disk
            // there is no way to tell that we had it.
            if !adopted.is_done() || adopted.for_others && adopted.is_in_lanes() {
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
