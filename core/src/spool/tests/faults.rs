//! System calls that fail when a test says so.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use rustix::io::Errno;

/// What may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::spool) enum Operation {
    Create,
    Read,
    Write,
    Rename,
    Truncate,
    Remove,
    Sync,
}

/// The faults of one directory: each lasts until it is mended.
#[derive(Debug, Default)]
pub(in crate::spool) struct Faults(Mutex<BTreeMap<Operation, Fault>>);

#[derive(Debug, Clone, Copy)]
struct Fault {
    errno: Errno,
    /// Bytes that a write still writes.
    after: usize,
}

impl Faults {
    pub(super) fn fail(&self, operation: Operation, errno: Errno) {
        self.fail_after(operation, errno, 0);
    }

    pub(super) fn fail_after(&self, operation: Operation, errno: Errno, after: usize) {
        self.0.lock().unwrap().insert(operation, Fault { errno, after });
    }

    pub(super) fn mend(&self) {
        self.0.lock().unwrap().clear();
    }

    pub(in crate::spool) fn check(&self, operation: Operation) -> io::Result<()> {
        match self.0.lock().unwrap().get(&operation) {
            Some(fault) => Err(fault.errno.into()),
            None => Ok(()),
        }
    }

    /// Writes the first bytes, as a disk that fills up does, and then fails.
    pub(in crate::spool) fn write(&self, file: &File, parts: &[&[u8]], at: u64) -> io::Result<()> {
        let Some(fault) = self.0.lock().unwrap().get(&Operation::Write).copied() else { return Ok(()) };
        let bytes = parts.concat();
        file.write_all_at(&bytes[..fault.after.min(bytes.len())], at)?;
        Err(fault.errno.into())
    }
}

/// The disk under one directory, for tests of what uses it.
pub(crate) struct Disk(pub(in crate::spool) Arc<Faults>);

impl Disk {
    /// From now on nothing more can be written.
    pub(crate) fn fill(&self) {
        self.0.fail(Operation::Write, Errno::NOSPC);
        self.0.fail(Operation::Create, Errno::NOSPC);
    }

    /// From now on nothing can be forced to the disk.
    pub(crate) fn break_sync(&self) {
        self.0.fail(Operation::Sync, Errno::IO);
    }

    /// Everything works again.
    pub(crate) fn mend(&self) {
        self.0.mend();
    }
}
