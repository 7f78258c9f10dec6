//! Whose a directory is: whoever holds the lock on the file `lock` in it, for as long as its process lives.

use std::fs::File;

use rustix::fs::{FlockOperation, flock};

use super::directory::Directory;
use super::error::SpoolError;

pub(super) const LOCK: &str = "lock";

/// A held lock. Dropping it closes the file and never unlocks: after a fork the parent's lock lives on.
#[derive(Debug)]
pub(super) struct Claim(File);

impl Claim {
    /// Takes the directory; `None` when somebody has it, or had it and removed it.
    pub(super) fn take(directory: &Directory) -> Result<Option<Self>, SpoolError> {
        let file = match directory.open_or_create(LOCK) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(directory.error_at("open", LOCK, error)),
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(directory.error_at("lock", LOCK, error.into())),
        }
        // Between opening and locking, another may have locked, emptied and removed it.
        let still_there =
            directory.holds(LOCK, &file).map_err(|error| directory.error_at("look at", LOCK, error))?;
        Ok(still_there.then_some(Self(file)))
    }

    /// Shows from now on whether the directory's own process is gone, whoever holds the lock. A length takes no room on
    /// a full disk.
    pub(super) fn mark(&self, orphan: bool) {
        // Where this fails, others don't count the directory for as long as it is locked.
        let _ = self.0.set_len(u64::from(orphan));
    }

    /// Whether it shows that.
    pub(super) fn is_marked(directory: &Directory) -> bool {
        directory.length_of(LOCK).is_some_and(|length| length > 0)
    }
}
