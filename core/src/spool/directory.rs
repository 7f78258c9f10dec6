//! One directory, held open: everything in it is reached through the handle and no symbolic link is followed.

use std::fs::{DirBuilder, File};
use std::io::{self, IoSlice, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags};

use super::error::SpoolError;
#[cfg(test)]
use super::tests::faults::{Faults, Operation};

const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);
const OPEN: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW);

/// A directory that was checked to be ours.
#[derive(Debug)]
pub(super) struct Directory {
    handle: Arc<File>,
    path: PathBuf,
    #[cfg(test)]
    pub(super) faults: Arc<Faults>,
}

impl Directory {
    /// The base, with its parents: others may have directories there too.
    pub(super) fn base(path: &Path) -> Result<Self, SpoolError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| SpoolError::io("create", path, error))?;
        let base = Self::open(path)?;
        let (owner, mode) = base.owner_and_mode()?;
        if !(owner == me() || owner == 0) {
            return Err(base.not_safe("it belongs to another user"));
        }
        // Whoever may write here could put another directory in place of ours. Volumes of containers are often open
        // to all and belong to root; there is nobody else in there.
        if owner != 0 && mode & 0o002 != 0 && mode & 0o1000 == 0 {
            return Err(base.not_safe("everyone may rename what is in it (chmod o-w)"));
        }
        Ok(base)
    }

    /// A directory that nobody but us can look into.
    pub(super) fn private(path: &Path) -> Result<Self, SpoolError> {
        let directory = Self::open(path)?;
        let (owner, mode) = directory.owner_and_mode()?;
        if owner != me() {
            return Err(directory.not_safe("it belongs to another user"));
        }
        if mode & 0o077 != 0 {
            return Err(directory.not_safe("others can look into it (chmod 700)"));
        }
        Ok(directory)
    }

    /// Makes and opens a private directory in this one; `AlreadyExists` is for the caller to judge.
    pub(super) fn make(&self, name: &str) -> io::Result<()> {
        self.check(Fault::Create)?;
        Ok(rustix::fs::mkdirat(self.handle.as_ref(), name, Mode::RWXU)?)
    }

    fn open(path: &Path) -> Result<Self, SpoolError> {
        let flags = OPEN | OFlags::DIRECTORY | OFlags::RDONLY;
        let handle = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
            rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR => {
                SpoolError::Unsafe { path: path.to_owned(), why: "it is a symbolic link or no directory" }
            }
            error => SpoolError::io("open", path, error.into()),
        })?;
        Ok(Self {
            handle: Arc::new(handle.into()),
            path: path.to_owned(),
            #[cfg(test)]
            faults: Arc::default(),
        })
    }

    fn owner_and_mode(&self) -> Result<(u32, u32), SpoolError> {
        let metadata = self.handle.metadata().map_err(|error| self.error("look at", error))?;
        Ok((metadata.uid(), metadata.mode()))
    }

    fn not_safe(&self, why: &'static str) -> SpoolError {
        SpoolError::Unsafe { path: self.path.clone(), why }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// An error about the directory itself.
    pub(super) fn error(&self, doing: &'static str, error: io::Error) -> SpoolError {
        SpoolError::io(doing, &self.path, error)
    }

    /// An error about a file in it. A full disk is about the directory.
    pub(super) fn error_at(&self, doing: &'static str, name: &str, error: io::Error) -> SpoolError {
        match SpoolError::io(doing, &self.path.join(name), error) {
            SpoolError::Full { limit, .. } => SpoolError::Full { path: self.path.clone(), limit },
            other => other,
        }
    }

    /// A new file, for writing and reading.
    pub(super) fn create(&self, name: &str) -> io::Result<File> {
        self.check(Fault::Create)?;
        let flags = OPEN | OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
        Ok(rustix::fs::openat(self.handle.as_ref(), name, flags, PRIVATE_FILE)?.into())
    }

    /// A file that may be there already, to be locked.
    pub(super) fn open_or_create(&self, name: &str) -> io::Result<File> {
        self.check(Fault::Create)?;
        let flags = OPEN | OFlags::CREATE | OFlags::RDWR | OFlags::NONBLOCK;
        regular(rustix::fs::openat(self.handle.as_ref(), name, flags, PRIVATE_FILE)?.into())
    }

    /// A file that is there, for reading. Pipes and devices don't count.
    pub(super) fn read_only(&self, name: &str) -> io::Result<File> {
        self.check(Fault::Read)?;
        let flags = OPEN | OFlags::RDONLY | OFlags::NONBLOCK;
        match rustix::fs::openat(self.handle.as_ref(), name, flags, Mode::empty()) {
            Ok(file) => regular(file.into()),
            Err(rustix::io::Errno::LOOP) => Err(not_regular()),
            Err(error) => Err(error.into()),
        }
    }

    /// The whole of a small file.
    pub(super) fn contents(&self, name: &str, at_most: u64) -> io::Result<Vec<u8>> {
        let mut contents = Vec::new();
        self.read_only(name)?.take(at_most).read_to_end(&mut contents)?;
        Ok(contents)
    }

    /// Puts a file in place of another, whole or not at all. The name of the temporary one is fixed, so that a killed
    /// process leaves one at most.
    pub(super) fn replace(&self, name: &str, contents: &[u8]) -> Result<(), SpoolError> {
        let temporary = format!("{name}.new");
        let written = (|| {
            self.remove(&temporary)?;
            let file = self.create(&temporary)?;
            self.write_at(&file, &[contents], 0)?;
            self.check(Fault::Rename)?;
            rustix::fs::renameat(self.handle.as_ref(), &temporary, self.handle.as_ref(), name)
                .map_err(io::Error::from)
        })();
        written.map_err(|error| {
            // Half a file would take room on a full disk.
            let _ = self.remove(&temporary);
            self.error_at("write", name, error)
        })
    }

    /// Writes all parts, in as few calls as the system allows.
    pub(super) fn write_at(&self, file: &File, parts: &[&[u8]], mut at: u64) -> io::Result<()> {
        #[cfg(test)]
        self.faults.write(file, parts, at)?;
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let mut left = slices.as_mut_slice();
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match rustix::io::pwritev(file, left, at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    at += written as u64;
                    IoSlice::advance_slices(&mut left, written);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    pub(super) fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        self.check(Fault::Truncate)?;
        file.set_len(length)
    }

    /// Removes a file; one that is not there is fine.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        self.check(Fault::Remove)?;
        match rustix::fs::unlinkat(self.handle.as_ref(), name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves a file to another directory of the same file system.
    pub(super) fn move_to(&self, name: &str, other: &Self, new_name: &str) -> io::Result<()> {
        self.check(Fault::Rename)?;
        Ok(rustix::fs::renameat(self.handle.as_ref(), name, other.handle.as_ref(), new_name)?)
    }

    /// The names in it, in order.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(self.handle.as_ref())? {
            // Ours are all ASCII.
            if let Ok(name) = entry?.file_name().to_str()
                && !matches!(name, "." | "..")
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// A file's length, or none when it is not there.
    pub(super) fn length_of(&self, name: &str) -> Option<u64> {
        let stat = rustix::fs::statat(self.handle.as_ref(), name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        u64::try_from(stat.st_size).ok()
    }

    /// When a file was moved here or changed otherwise, for putting files in order.
    pub(super) fn changed(&self, name: &str) -> i64 {
        let stat = rustix::fs::statat(self.handle.as_ref(), name, AtFlags::SYMLINK_NOFOLLOW);
        stat.map_or(0, |stat| {
            stat.st_ctime.saturating_mul(1_000_000_000).saturating_add(stat.st_ctime_nsec as i64)
        })
    }

    /// True when the name still stands for this very file.
    pub(super) fn holds(&self, name: &str, file: &File) -> io::Result<bool> {
        let held = file.metadata()?;
        match rustix::fs::statat(self.handle.as_ref(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(named) => Ok((named.st_dev, named.st_ino) == (held.dev(), held.ino())),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What is free for us on the file system; `None` when it does not say.
    pub(super) fn free_bytes(&self) -> Option<u64> {
        let stat = rustix::fs::fstatvfs(self.handle.as_ref()).ok()?;
        stat.f_bavail.checked_mul(stat.f_frsize)
    }

    /// Another handle, for syncing what names it has.
    pub(super) fn handle(&self) -> Arc<File> {
        Arc::clone(&self.handle)
    }

    #[cfg(test)]
    fn check(&self, operation: Operation) -> io::Result<()> {
        self.faults.check(operation)
    }

    #[cfg(not(test))]
    #[inline]
    fn check(&self, _operation: Fault) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
use Operation as Fault;

/// Where tests make the system fail.
#[cfg(not(test))]
#[derive(Debug, Clone, Copy)]
enum Fault {
    Create,
    Read,
    Rename,
    Truncate,
    Remove,
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(not_regular())
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}
