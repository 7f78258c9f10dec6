//! A small disk of its own, where somebody may mount one.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// A tmpfs, unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    at: tempfile::TempDir,
}

impl SmallDisk {
    /// # Errors
    /// Mostly that only root may mount.
    pub fn mount(bytes: u64) -> Result<Self> {
        let at = tempfile::tempdir()?;
        let options = format!("size={bytes},mode=0700");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at.path()))?;
        Ok(Self { at })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.at.path()
    }

    /// Another size; what is on it stays.
    pub fn resize(&self, bytes: u64) -> Result<()> {
        let options = format!("remount,size={bytes}");
        run(Command::new("mount").args(["-o", &options]).arg(self.path()))
    }

    /// Takes what is left. Removing the file that is returned gives it back.
    pub fn fill(&self) -> Result<PathBuf> {
        let path = self.path().join("filler");
        let mut file = fs::File::create(&path)?;
        let chunk = vec![0xa5; 64 << 10];
        loop {
            match file.write(&chunk) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(path),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open there must not keep the mount.
        let _ = run(Command::new("umount").arg("-l").arg(self.path()));
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?} can't be run"))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Bytes of the files below a directory whose names end with `suffix`. Files that go away meanwhile count nothing.
pub fn directory_bytes(directory: &Path, suffix: &str) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => directory_bytes(&entry.path(), suffix),
        Ok(meta) if entry.file_name().to_string_lossy().ends_with(suffix) => meta.len(),
        _ => 0,
    };
    entries.flatten().map(of).sum()
}
