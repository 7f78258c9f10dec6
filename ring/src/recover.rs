//! What a dead process left in its ring file: read as bytes, never mapped, and believed in nothing.
//!
//! One lane is in memory at a time. Whatever the bytes are, reading ends, and what could not be is said.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::layout::{HEADER_BYTES_MOST, HEADER_WORDS_USED, Layout, MAGIC, OWNER, OWNER_WORDS, VERSION};
use crate::record::Records;
use crate::storage::{CONTROL_WORDS, HEAD, TAIL};

/// Why a file gives nothing back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// It, or a part of it, can't be read.
    #[error("ring file {}: cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its process died while it made the file.
    #[error("ring file {}: nothing was ever recorded in it; it can be deleted", path.display())]
    Unfinished {
        /// The file.
        path: PathBuf,
    },
    /// It does not begin like a ring file of this machine.
    #[error("{} is not a ring file of this kind of machine; see what it is, and move it away", path.display())]
    NotARing {
        /// The file.
        path: PathBuf,
    },
    /// Another release wrote it.
    #[error("ring file {}: its version is {version}, and {VERSION} is known here; recover it with the release that wrote it", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        version: u64,
    },
    /// Its header says sizes that can't be.
    #[error("ring file {}: its header is damaged, and where lanes begin can't be known; move it away", path.display())]
    Header {
        /// The file.
        path: PathBuf,
    },
}

/// A file that is being recovered: an iterator over the lanes in which there is something, or something wrong.
#[derive(Debug)]
pub struct Recovered {
    path: PathBuf,
    file: File,
    len: u64,
    layout: Layout,
    owner: [u64; OWNER_WORDS],
    next: u64,
}

/// What one lane held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredLane {
    /// Which lane of the file it is.
    pub lane: u64,
    /// The position of the first record, as [`crate::Consumer::position`] said it.
    pub position: u64,
    /// Whole records that were not released, in order, for [`Records`].
    pub records: Vec<u8>,
    /// How many they are.
    pub count: u64,
    /// What was there and is no record.
    pub damage: Option<Damage>,
}

/// What can't have been written by a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// Both can't be true; no record was taken.
    Positions {
        /// Where the next record was to go.
        head: u64,
        /// Where the oldest record was said to be.
        tail: u64,
    },
    /// After the last whole record, words that are no record, or that the file no longer has.
    Records {
        /// How many words.
        words: u64,
    },
}

/// Opens the ring file of a dead process. The caller sees to it that it is dead, by holding the lock of the directory.
pub fn recover(path: &Path) -> Result<Recovered, RecoverError> {
    let io = |source| RecoverError::Io { path: path.to_owned(), source };
    let path_buf = || path.to_owned();
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Not to be led elsewhere by a link, or held up by a pipe.
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    }
    let file = options.open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(RecoverError::NotARing { path: path_buf() });
    }
    let mut header = Vec::new();
    read_at(&file, 0, HEADER_WORDS_USED * 8, &mut header).map_err(io)?;
    let words = words(&header);
    let word = |at: usize| words.get(at).copied().unwrap_or_default();
    if word(0) != MAGIC {
        let unfinished = word(0) == 0 && metadata.len() <= HEADER_BYTES_MOST;
        let path = path_buf();
        return Err(if unfinished {
            RecoverError::Unfinished { path }
        } else {
            RecoverError::NotARing { path }
        });
    }
    if word(1) != VERSION {
        return Err(RecoverError::Version { path: path_buf(), version: word(1) });
    }
    let layout =
        Layout::plausible(word(2), word(3)).ok_or_else(|| RecoverError::Header { path: path_buf() })?;
    let owner = std::array::from_fn(|at| word(OWNER + at));
    Ok(Recovered { path: path_buf(), file, len: metadata.len(), layout, owner, next: 0 })
}

impl Recovered {
    /// The words that the file's owner stored.
    pub fn owner(&self) -> &[u64; OWNER_WORDS] {
        &self.owner
    }

    /// Lanes the file has, empty ones and one that is cut off among them.
    pub fn lanes(&self) -> u64 {
        self.len.saturating_sub(self.layout.header_bytes).div_ceil(self.layout.stride())
    }

    /// `None` when there is nothing in the lane, and nothing wrong.
    fn read(&self, lane: u64) -> io::Result<Option<RecoveredLane>> {
        let Some(at) = self.layout.lane_at(lane) else { return Ok(None) };
        let mut control = Vec::new();
        read_at(&self.file, at, CONTROL_WORDS * 8, &mut control)?;
        let control = words(&control);
        let [head, tail] = [HEAD, TAIL].map(|at| control.get(at).copied().unwrap_or_default());
        if head == tail {
            return Ok(None);
        }
        let mut found = RecoveredLane { lane, position: tail, records: Vec::new(), count: 0, damage: None };
        let used = head.wrapping_sub(tail);
        if head < tail || used > self.layout.data_words {
            found.damage = Some(Damage::Positions { head, tail });
            return Ok(Some(found));
        }
        let (place, data) = (tail & (self.layout.data_words - 1), at + CONTROL_WORDS as u64 * 8);
        let first = used.min(self.layout.data_words - place);
        self.read_words(data + place * 8, first, &mut found.records)?;
        if found.records.len() as u64 == first * 8 {
            self.read_words(data, used - first, &mut found.records)?;
        }
        let mut records = Records::new(&found.records);
        found.count = records.by_ref().count() as u64;
        let whole = found.records.len() - records.rest().len();
        found.records.truncate(whole);
        let rest = used - whole as u64 / 8;
        found.damage = (rest > 0).then_some(Damage::Records { words: rest });
        Ok(Some(found))
    }

    /// No more than the file has: a damaged header can say a gigabyte, and that much is not asked of memory in vain.
    fn read_words(&self, at: u64, words: u64, out: &mut Vec<u8>) -> io::Result<()> {
        let len = (words * 8).min(self.len.saturating_sub(at));
        read_at(&self.file, at, usize::try_from(len).unwrap_or(usize::MAX), out)
    }
}

impl Iterator for Recovered {
    type Item = Result<RecoveredLane, RecoverError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.lanes() {
            let read = self.read(self.next);
            self.next += 1;
            let of_file = |source| RecoverError::Io { path: self.path.clone(), source };
            if let Some(found) = read.map_err(of_file).transpose() {
                return Some(found);
            }
        }
        None
    }
}

/// Appends up to `len` bytes from `at` on; fewer where the file ends.
fn read_at(mut file: &File, at: u64, len: usize, out: &mut Vec<u8>) -> io::Result<()> {
    out.try_reserve_exact(len).map_err(|_| ErrorKind::OutOfMemory)?;
    file.seek(SeekFrom::Start(at))?;
    file.take(len as u64).read_to_end(out)?;
    Ok(())
}

/// Whole words, as this machine writes them.
fn words(bytes: &[u8]) -> Vec<u64> {
    bytes.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word)).collect()
}
