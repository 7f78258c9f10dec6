//! No spool: on systems it does not know yet none can be made, and spans stay in memory.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::error::SpoolError;
use super::moment::Moment;
use super::options::SpoolOptions;
use super::outcome::{Closed, Damage, Evicted, Found, Pending};

/// Never made.
#[derive(Debug)]
pub(crate) struct Spool(Infallible);

impl Spool {
    pub(crate) fn create(_: SpoolOptions, _: &[String], _: &[u8]) -> Result<Self, SpoolError> {
        Err(SpoolError::Unsupported)
    }

    pub(crate) fn directory(&self) -> &Path {
        match self.0 {}
    }

    pub(crate) fn ring_path(&self) -> PathBuf {
        match self.0 {}
    }

    pub(crate) fn append(&mut self, _: u64, _: u32, _: &[u8]) -> Result<(), SpoolError> {
        match self.0 {}
    }

    pub(crate) fn set_context(&mut self, _: &[u8]) -> Result<(), SpoolError> {
        match self.0 {}
    }

    pub(crate) fn read(&mut self, _: u64) -> Result<Found, SpoolError> {
        match self.0 {}
    }

    pub(crate) fn leave_segment(&mut self) {
        match self.0 {}
    }

    pub(crate) fn cursors(&mut self, _: &[u64]) -> Result<(), SpoolError> {
        match self.0 {}
    }

    pub(crate) fn evict_oldest(&mut self) -> Result<Option<Evicted>, SpoolError> {
        match self.0 {}
    }

    pub(crate) fn expire(&mut self, _: &Moment) -> Result<Option<Evicted>, SpoolError> {
        match self.0 {}
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn take_damage(&mut self) -> Damage {
        match self.0 {}
    }

    pub(crate) fn take_unsynced(&mut self) -> Option<Unsynced> {
        match self.0 {}
    }

    pub(crate) fn close(self, _: bool) -> Result<Closed, SpoolError> {
        match self.0 {}
    }
}

/// Never made.
#[derive(Debug)]
pub(crate) struct Unsynced(Infallible);

impl Unsynced {
    pub(crate) fn sync(&self) -> Result<(), SpoolError> {
        match self.0 {}
    }
}

/// Never made.
#[derive(Debug)]
pub(crate) struct Orphan(Infallible);

/// None.
pub(crate) fn orphans(_: &Path) -> impl Iterator<Item = PathBuf> {
    std::iter::empty()
}

/// None is.
pub(crate) fn is_one_tracers(_: &Path) -> bool {
    false
}

/// Nobody's.
#[derive(Debug)]
pub(crate) struct Turn;

impl Turn {
    pub(crate) fn take(_: &Path) -> Option<Self> {
        None
    }
}

/// None.
pub(crate) fn orphan_bytes(_: &Path) -> Option<u64> {
    None
}

impl Orphan {
    pub(crate) fn open(_: &Path) -> Result<Option<Self>, SpoolError> {
        Err(SpoolError::Unsupported)
    }

    pub(crate) fn directory(&self) -> &Path {
        match self.0 {}
    }

    pub(crate) fn ring_path(&self) -> PathBuf {
        match self.0 {}
    }

    pub(crate) fn remove_ring(&self) -> Result<(), SpoolError> {
        match self.0 {}
    }

    pub(crate) fn put_ring_away(&self) -> Result<(), SpoolError> {
        match self.0 {}
    }

    pub(crate) fn add_destination(&mut self, _: &str, _: u64) -> usize {
        match self.0 {}
    }

    pub(crate) fn evict_oldest(&mut self) -> Result<Option<Evicted>, SpoolError> {
        match self.0 {}
    }

    pub(crate) fn first(&self) -> Option<u64> {
        match self.0 {}
    }

    pub(crate) fn destinations(&self) -> &[String] {
        match self.0 {}
    }

    pub(crate) fn cursor(&self, _: usize) -> u64 {
        match self.0 {}
    }

    pub(crate) fn set_cursor(&mut self, _: usize, _: u64) -> Result<(), SpoolError> {
        match self.0 {}
    }

    pub(crate) fn context(&self) -> &Arc<[u8]> {
        match self.0 {}
    }

    pub(crate) fn context_of(&self, _: u64) -> Option<Arc<[u8]>> {
        match self.0 {}
    }

    pub(crate) fn read(&mut self, _: u64) -> Result<Found, SpoolError> {
        match self.0 {}
    }

    pub(crate) fn pending(&self, _: u64) -> Pending {
        match self.0 {}
    }

    pub(crate) fn next_sequence(&self) -> u64 {
        match self.0 {}
    }

    pub(crate) fn append(&mut self, _: u64, _: u32, _: &[u8]) -> Result<(), SpoolError> {
        match self.0 {}
    }

    pub(crate) fn bytes(&self) -> u64 {
        match self.0 {}
    }

    pub(crate) fn age(&self, _: &Moment) -> Option<Duration> {
        match self.0 {}
    }

    pub(crate) fn expire(&mut self, _: &Moment, _: Duration) -> Result<Option<Evicted>, SpoolError> {
        match self.0 {}
    }

    pub(crate) fn take_damage(&mut self) -> Damage {
        match self.0 {}
    }

    pub(crate) fn remove(self) -> Result<Closed, SpoolError> {
        match self.0 {}
    }
}
