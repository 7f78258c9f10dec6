//! What was written and may still be in the system's cache only.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::error::SpoolError;
#[cfg(test)]
use super::tests::faults::{Faults, Operation};

/// Files to be forced to the disk, by whichever thread may wait for it.
#[derive(Debug)]
pub(crate) struct Unsynced {
    pub(super) files: Vec<Arc<File>>,
    /// The directory, when there are new names in it.
    pub(super) directory: Option<Arc<File>>,
    pub(super) path: PathBuf,
    #[cfg(test)]
    pub(super) faults: Arc<Faults>,
}

impl Unsynced {
    /// Waits until everything is on the disk.
    pub(crate) fn sync(&self) -> Result<(), SpoolError> {
        let files = self.check().and_then(|()| self.files.iter().try_for_each(|file| file.sync_data()));
        let directory = || self.directory.as_ref().map_or(Ok(()), |directory| directory.sync_all());
        files.and_then(|()| directory()).map_err(|error| SpoolError::io("sync", &self.path, error))
    }
    #[cfg(test)]
    fn check(&self) -> std::io::Result<()> {
        self.faults.check(Operation::Sync)
    }

    #[cfg(not(test))]
    #[inline]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests make it fail")]
    fn check(&self) -> std::io::Result<()> {
        Ok(())
    }
}
