//! Who may read the files, and who writes at the moment: they may be in a directory that several processes share.

use std::fs::{DirBuilder, File, OpenOptions, symlink_metadata};
use std::io;
use std::ops::{Deref, DerefMut};
use std::path::Path;

/// For the owner alone; one that is there has to be ours, with nobody else writing in it.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::MetadataExt;
        let found = symlink_metadata(path)?;
        if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0
        {
            let what =
                "its directory has to belong to this user, with nobody else writing in it (chmod go-w)";
            return Err(io::Error::other(what));
        }
    }
    Ok(())
}

/// A file that no other process writes to meanwhile. (On systems other than Linux: that none should.)
pub(super) struct Locked(File);

impl Locked {
    /// Opens for reading and appending, and waits for the lock.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(io::Error::other("something that is no file has its name"));
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        #[cfg(target_os = "linux")]
        {
            let no_link = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
            std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, no_link);
        }
        let file = options.open(path)?;
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        #[cfg(target_os = "linux")]
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?;
        Ok(Self(file))
    }

    /// Whether the path still leads to it.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let identity = |found: std::fs::Metadata| (found.dev(), found.ino());
            let (ours, theirs) = (self.0.metadata().map(identity), symlink_metadata(path).map(identity));
            matches!((ours, theirs), (Ok(ours), Ok(theirs)) if ours == theirs)
        }
        #[cfg(not(unix))]
        path.exists()
    }
}

/// Closing it would not be enough: a child that was forked meanwhile has it open too.
#[cfg(target_os = "linux")]
impl Drop for Locked {
    fn drop(&mut self) {
        let _ = rustix::fs::flock(&self.0, rustix::fs::FlockOperation::Unlock);
    }
}

impl Deref for Locked {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl DerefMut for Locked {
    fn deref_mut(&mut self) -> &mut File {
        &mut self.0
    }
}
