//! The spool of a living tracer.

use std::path::{Path, PathBuf};
#[cfg(test)]
use std::sync::Arc;
use std::time::Instant;

use super::claim::Claim;
use super::cursors::Cursors;
use super::directory::Directory;
use super::error::{Limit, SpoolError};
use super::identity::Identity;
use super::moment::Moment;
use super::options::SpoolOptions;
use super::outcome::{Closed, Damage, EvictReason, Evicted, Found};
use super::segment::HEADER;
use super::store::Store;
use super::unsynced::Unsynced;
use crate::config::Fsync;

/// Where a tracer's ring is, in its directory.
pub(super) const RING: &str = "ring";
/// How often another name is tried, or the same race lost, before giving up.
const ATTEMPTS: usize = 8;

/// One tracer's directory below the base. Dropping it leaves everything to the next process; so does a child after a
/// fork, which must not do more than that.
#[derive(Debug)]
pub(crate) struct Spool {
    store: Store,
    claim: Claim,
    options: SpoolOptions,
    cursors: Cursors,
    identity: Identity,
    /// What the files beside the segments take, at most.
    overhead: u64,
    synced: Instant,
    /// The batch that was appended, could not be synced, and could not be taken back either.
    unsure: Option<(u64, Unsynced)>,
}

impl Spool {
    /// Makes a directory for a tracer that sends to these destinations; `context` says whose spans they are.
    pub(crate) fn create(
        options: SpoolOptions,
        destinations: &[String],
        context: &[u8],
    ) -> Result<Self, SpoolError> {
        let (directory, claim) = make_directory(&options.base)?;
        let store = Store::new(directory, Vec::new(), options.segment_size(), options.fsync != Fsync::Never);
        let identity = Identity { context: context.to_vec(), destinations: destinations.to_vec() };
        let cursors = Cursors::new(destinations);
        let synced = Instant::now();
        let mut spool = Self { store, claim, options, cursors, identity, overhead: 0, synced, unsure: None };
        spool.store.set_context(context);
        let saved = spool.save_identity();
        match saved.and_then(|()| spool.cursors.save(spool.store.directory())) {
            Ok(()) => Ok(spool),
            Err(error) => {
                // Nothing in there is worth keeping.
                let _ = spool.store.remove_all(spool.claim);
                Err(error)
            }
        }
    }

    fn save_identity(&mut self) -> Result<(), SpoolError> {
        let identity = self.identity.save(self.store.directory())?;
        // While one identity replaces another there are two.
        self.overhead = 2 * identity + self.cursors.bytes();
        Ok(())
    }

    /// The tracer's directory.
    pub(crate) fn directory(&self) -> &Path {
        self.store.directory().path()
    }

    /// Where the tracer's ring belongs.
    pub(crate) fn ring_path(&self) -> PathBuf {
        self.directory().join(RING)
    }

    /// Appends a batch, whole or not at all. Sequences go up, with or without gaps. After an error the same batch can
    /// be tried again.
    pub(crate) fn append(&mut self, sequence: u64, spans: u32, records: &[u8]) -> Result<(), SpoolError> {
        if let Some((_, unsynced)) = self.unsure.take_if(|(unsure, _)| *unsure == sequence) {
            // It is there, and all that was missing is this.
            return unsynced.sync().inspect_err(|_| self.unsure = Some((sequence, unsynced)));
        }
        if let Some(limit) = self.limit() {
            return Err(SpoolError::Full { path: self.directory().to_owned(), limit });
        }
        let before = self.store.last();
        self.store.append(sequence, spans, records, Moment::now())?;
        if self.options.fsync == Fsync::Always { self.sync(sequence, before) } else { Ok(()) }
    }

    /// Forces what was just appended to the disk. Where that fails it is taken back, and the next attempt goes to
    /// another file: of this one the system may call clean what never reached the disk, and say that all is well.
    fn sync(&mut self, sequence: u64, before: Option<u64>) -> Result<(), SpoolError> {
        let Some(unsynced) = self.store.take_unsynced() else { return Ok(()) };
        let Err(error) = unsynced.sync() else { return Ok(()) };
        if self.store.take_back(before).is_err() {
            self.unsure = Some((sequence, unsynced));
        }
        Err(error)
    }

    /// What comes next goes to a file of its own, because this one could not be synced.
    pub(crate) fn leave_segment(&mut self) {
        self.store.leave_segment();
    }

    /// The limit that stands against another record. What is allowed can be exceeded by that record, and by no more.
    fn limit(&self) -> Option<Limit> {
        let header = (HEADER + self.store.context().len()) as u64;
        if self.bytes() + header >= self.options.max_bytes {
            return Some(Limit::MaxBytes);
        }
        let floor = self.options.min_free_bytes;
        let below = floor > 0 && self.store.directory().free_bytes().is_some_and(|free| free < floor);
        below.then_some(Limit::FreeSpace)
    }

    /// Another context, for what is appended from now on: a new segment begins.
    pub(crate) fn set_context(&mut self, context: &[u8]) -> Result<(), SpoolError> {
        self.store.set_context(context);
        if self.identity.context == context {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.identity.context, context.to_vec());
        // The next call tries again.
        self.save_identity().inspect_err(|_| self.identity.context = before)
    }

    /// The batch with this sequence, or the next one that is intact.
    pub(crate) fn read(&mut self, sequence: u64) -> Result<Found, SpoolError> {
        self.store.read(sequence)
    }

    /// The context of a batch, or of the next one.
    #[cfg(test)]
    pub(crate) fn context_of(&self, sequence: u64) -> Option<Arc<[u8]>> {
        self.store.context_of(sequence)
    }

    /// How much is stored from a sequence on.
    #[cfg(test)]
    pub(crate) fn pending(&self, from: u64) -> super::outcome::Pending {
        self.store.pending(from)
    }

    /// Remembers the next sequence of each destination, then removes what all of them have. Cursors never go back.
    pub(crate) fn cursors(&mut self, next: &[u64]) -> Result<(), SpoolError> {
        let before = self.cursors.next.clone();
        for (cursor, next) in self.cursors.next.iter_mut().zip(next) {
            *cursor = (*cursor).max(*next);
        }
        let changed = self.cursors.next != before;
        let saved = if changed { self.cursors.save(self.store.directory()) } else { Ok(()) };
        // Even when that failed: a disk that is full may need what this frees, and a cursor that points below the
        // oldest segment is read as that segment.
        self.store.remove_below(self.cursors.lowest())?;
        match saved {
            Ok(()) => Ok(()),
            Err(_) => self.cursors.save(self.store.directory()).inspect_err(|_| {
                // The next call writes them, whatever it brings.
                self.cursors.next = before;
            }),
        }
    }

    /// Gives up the oldest segment if the spool is full, so that there is room again.
    pub(crate) fn evict_oldest(&mut self) -> Result<Option<Evicted>, SpoolError> {
        match self.limit() {
            Some(Limit::MaxBytes) => self.store.evict(EvictReason::MaxBytes),
            Some(Limit::FreeSpace) => self.store.evict(EvictReason::FreeSpace),
            Some(Limit::Disk) | None => Ok(None),
        }
    }

    /// Gives up the oldest segment if everything in it is too old.
    pub(crate) fn expire(&mut self, now: &Moment) -> Result<Option<Evicted>, SpoolError> {
        self.store.expire(now, self.options.max_age)
    }

    /// What the spool's files take, the ring aside.
    pub(crate) fn bytes(&self) -> u64 {
        self.store.bytes() + self.overhead
    }

    /// True when every destination has everything that was appended.
    pub(crate) fn is_empty(&self) -> bool {
        !self.store.has(self.cursors.lowest())
    }

    /// What was damaged since the last call.
    pub(crate) fn take_damage(&mut self) -> Damage {
        self.store.take_damage()
    }

    /// What is to be synced, when it is time.
    pub(crate) fn take_unsynced(&mut self) -> Option<Unsynced> {
        match self.options.fsync {
            // `Always` is done with when a batch is appended.
            Fsync::Never | Fsync::Always => None,
            Fsync::Every(interval) if self.synced.elapsed() < interval => None,
            Fsync::Every(_) => {
                let unsynced = self.store.take_unsynced()?;
                self.synced = Instant::now();
                Some(unsynced)
            }
        }
    }

    /// Removes the directory, unless something is pending or the caller wants it kept.
    pub(crate) fn close(self, keep: bool) -> Result<Closed, SpoolError> {
        if keep || !self.is_empty() {
            return Ok(Closed::Left);
        }
        self.store.remove_all(self.claim)
    }

    /// Its disk, for tests to break.
    #[cfg(test)]
    pub(crate) fn disk(&self) -> super::Disk {
        super::Disk(Arc::clone(&self.store.directory().faults))
    }

    #[cfg(test)]
    pub(super) fn take_back(&mut self, before: Option<u64>) -> Result<(), SpoolError> {
        self.store.take_back(before)
    }

    #[cfg(test)]
    pub(super) fn faults(&self) -> &super::tests::faults::Faults {
        &self.store.directory().faults
    }
}

/// A new directory of our own, locked.
fn make_directory(base: &Path) -> Result<(Directory, Claim), SpoolError> {
    let base = std::path::absolute(base).map_err(|error| SpoolError::io("find", base, error))?;
    let base = Directory::base(&base)?;
    for _ in 0..ATTEMPTS {
        let name = format!("{}-{:016x}", std::process::id(), fastrand::u64(..));
        match base.make(&name) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(base.error_at("create", &name, error)),
        }
        // Until it is locked, whoever looks for orphans may take it for one and remove it.
        let directory = match Directory::private(&base.path().join(&name)) {
            Ok(directory) => directory,
            Err(SpoolError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if let Some(claim) = Claim::take(&directory)? {
            claim.mark(false);
            return Ok((directory, claim));
        }
    }
    Err(base.error("lock a new directory in", std::io::ErrorKind::ResourceBusy.into()))
}
