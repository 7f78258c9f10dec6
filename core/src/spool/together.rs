//! What all orphans below one base take together, and whose turn it is to make that less.

use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::claim::Claim;
use super::directory::Directory;
use super::live::RING;

/// Held while orphans are counted and the oldest given up: two at once would give up too much.
#[derive(Debug)]
pub(crate) struct Turn(#[expect(dead_code, reason = "its handle holds a lock")] Directory);

impl Turn {
    /// `None` while another process has it.
    pub(crate) fn take(base: &Path) -> Option<Self> {
        let base = Directory::base(&std::path::absolute(base).ok()?).ok()?;
        flock(base.handle().as_ref(), FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(Self(base))
    }
}

/// What the files of a dead process' directory take, whoever has taken it over; `None` for a living one's. The ring is
/// moved into segments first, or there is no room for that and nothing to give up.
pub(crate) fn orphan_bytes(path: &Path) -> Option<u64> {
    let directory = Directory::private(path).ok()?;
    if !Claim::is_marked(&directory) {
        Claim::take(&directory).ok().flatten()?;
    }
    let names = directory.names().ok()?;
    Some(names.iter().filter(|name| *name != RING).filter_map(|name| directory.length_of(name)).sum())
}
