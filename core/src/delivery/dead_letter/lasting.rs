//! What was refused of a replay: in a file that nothing is ever taken away from, before the spool gives it up.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use super::{Files, Letter};
use crate::delivery::batch::Batch;

/// The file. Written at once by whoever refuses, who has to know whether that worked.
pub(crate) struct LastingLetter {
    files: Files,
    written: AtomicBool,
}

impl LastingLetter {
    /// What it is called.
    pub(crate) const FILE: &str = "replay.jsonl";

    /// In this directory. Touches no disk yet.
    pub(crate) fn new(directory: &Path) -> Self {
        Self { files: Files::new(directory, Self::FILE, u64::MAX), written: AtomicBool::new(false) }
    }

    /// Keeps a batch that `destination` refused.
    pub(crate) fn keep(&self, destination: &str, error: &str, batch: &Arc<Batch>) -> io::Result<()> {
        let letter = Letter {
            destination: destination.to_owned(),
            error: error.to_owned(),
            time: SystemTime::now(),
            batch: Arc::clone(batch),
        };
        self.files.write_spans(&letter, batch.decode().collect()).1?;
        self.written.store(true, Relaxed);
        Ok(())
    }

    /// The file, once there is something in it.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        self.written.load(Relaxed).then(|| self.files.path())
    }
}
