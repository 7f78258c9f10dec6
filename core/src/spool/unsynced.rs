//! What was written and may still be in the system's cache only.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::error::SpoolError;

/// Files to be forced to the disk, by whichever thread may wait for it.
#[derive(Debug)]
pub(crate) struct Unsynced {
    pub(super) files: Vec<Arc<File>>,
    /// The directory, when there are new names in it.
    pub(super) directory: Option<Arc<File>>,
    pub(super) path: PathBuf,
}

impl Unsynced {
    /// Waits until everything is on the disk.
    pub(crate) fn sync(self) -> Result<(), SpoolError> {
        let files = self.files.iter().try_for_each(|file| file.sync_data());
        let synced = files.and_then(|()| self.directory.map_or(Ok(()), |directory| directory.sync_all()));
        synced.map_err(|error| SpoolError::io("sync", &self.path, error))
    }
}
