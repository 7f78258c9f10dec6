//! Lanes in a mapped file: what they hold is there for [`crate::recover`] when the process is gone.
//!
//! - Every page that is mapped has a block reserved on the disk first, so that a full disk is an error here and never a
//!   signal on the recording thread.
//! - A lane that is empty and used by nobody goes to the pool and is used again as it is, positions and all: nothing is
//!   reset, so there is no moment at which a dead process leaves a lane half reset.
//! - In a forked child nothing here stores to the file, or waits for a lock that another thread held at the fork.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FallocateFlags, IFlags, fallocate, ioctl_getflags, ioctl_setflags};
use rustix::io::{Errno, retry_on_intr};

use crate::consumer::Consumer;
use crate::fork::Origin;
use crate::lane::lane_over;
use crate::layout::{Layout, MAGIC, OWNER, OWNER_WORDS, VERSION};
use crate::mapping::Mapping;
use crate::producer::Producer;
use crate::region::Region;
use crate::room::Room;
use crate::storage::{HEAD, TAIL};

/// A file of lanes, made by this process and written by it alone. Lanes keep the file mapped when this is dropped.
#[derive(Debug)]
pub struct RingFile {
    pool: Arc<Pool>,
}

#[derive(Debug)]
struct Pool {
    path: PathBuf,
    file: File,
    layout: Layout,
    max_bytes: u64,
    header: Mapping,
    origin: Origin,
    lanes: Mutex<Lanes>,
}

#[derive(Debug, Default)]
struct Lanes {
    /// Empty ones that nobody uses.
    free: Vec<Mapping>,
    /// Lanes the file has.
    count: u64,
}

impl RingFile {
    /// Makes the file, which must not exist, for lanes of at least `lane_bytes` bytes (rounded up to a power of two, 4 KiB
    /// at least, 1 GiB at most). It grows lane by lane and never beyond `max_bytes`.
    ///
    /// The path's directory is to be the user's own: its file is for nobody else, and no link is followed.
    pub fn create(path: &Path, lane_bytes: usize, max_bytes: u64) -> io::Result<Self> {
        let about = |error| explain(path, "cannot be made", &error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        let file = options.open(path).map_err(about)?;
        let made = Self::lay_out(path, file, Layout::new(lane_bytes, crate::page::size()), max_bytes);
        made.map_err(|error| {
            // Made a moment ago, with nothing in it.
            let _ = std::fs::remove_file(path);
            about(error)
        })
    }

    fn lay_out(path: &Path, file: File, layout: Layout, max_bytes: u64) -> io::Result<Self> {
        // Where each write goes to a new block, a reserved one is of no use. Others don't know the flag.
        if let Ok(flags) = ioctl_getflags(&file) {
            let _ = ioctl_setflags(&file, flags | IFlags::NOCOW);
        }
        reserve(&file, 0, layout.header_bytes, reserve_blocks)?;
        let header = Mapping::new(&file, 0, layout.header_bytes as usize)?;
        // The magic last: a file without it holds nothing.
        let words = [MAGIC, VERSION, layout.header_bytes, layout.data_words];
        for (slot, word) in header.words().iter().zip(words).rev() {
            slot.store(word, Release);
        }
        let pool = Pool {
            path: path.to_owned(),
            file,
            layout,
            max_bytes,
            header,
            origin: Origin::here(),
            lanes: Mutex::default(),
        };
        Ok(Self { pool: Arc::new(pool) })
    }

    /// The bytes of a file with so many lanes of at least `lane_bytes` bytes.
    pub fn bytes_of(lanes: u64, lane_bytes: usize) -> u64 {
        Layout::new(lane_bytes, crate::page::size()).lane_at(lanes).unwrap_or(u64::MAX)
    }

    /// How many lanes it may have, and how many of those could be had now if the disk has room: made and free, or not yet
    /// made. None in a forked child.
    pub fn room(&self) -> Room {
        let pool = &self.pool;
        if !pool.origin.is_here() {
            return Room::default();
        }
        let lanes = pool.layout.lanes_in(pool.max_bytes);
        let used = {
            let made = pool.lanes();
            made.count - made.free.len() as u64
        };
        Room { lanes, free: lanes.saturating_sub(used) }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.pool.path
    }

    /// A lane that was given back, else a new one. `None` when the file would be larger than it may, and in a forked
    /// child: a lane on the heap will do.
    ///
    /// It is given back when producer and consumer are dropped, if everything in it was released; else it stays, for
    /// [`crate::recover`].
    pub fn lane(&self) -> io::Result<Option<(Producer, Consumer)>> {
        if !self.pool.origin.is_here() {
            return Ok(None);
        }
        let Some(mapping) = self.pool.take().map_err(|error| explain(self.path(), "cannot grow", &error))?
        else {
            return Ok(None);
        };
        let (start, len) = (mapping.start(), self.pool.layout.lane_words());
        let place = Place { mapping: Some(mapping), pool: Arc::clone(&self.pool) };
        // SAFETY: the mapping is that long, lives as long as its place, and is in nobody else's hands.
        let region = unsafe { Region::new(start, len, Box::new(place)) };
        Ok(lane_over(region))
    }

    /// One of the [`OWNER_WORDS`] words that mean what the owner of the file wants; zero at first.
    pub fn cursor(&self, index: usize) -> Option<u64> {
        self.pool.owner(index).map(|word| word.load(Acquire))
    }

    /// Stores one of the owner's words. False where there is no such word, and in a forked child.
    pub fn set_cursor(&self, index: usize, value: u64) -> bool {
        let word = self.pool.owner(index).filter(|_| self.pool.origin.is_here());
        word.map(|word| word.store(value, Release)).is_some()
    }
}

impl Pool {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owner(&self, index: usize) -> Option<&std::sync::atomic::AtomicU64> {
        self.header.words().get(OWNER..OWNER + OWNER_WORDS)?.get(index)
    }

    fn take(&self) -> io::Result<Option<Mapping>> {
        let mut lanes = self.lanes();
        if let Some(mapping) = lanes.free.pop() {
            return Ok(Some(mapping));
        }
        let stride = self.layout.stride();
        let room = |at: &u64| at.checked_add(stride).is_some_and(|end| end <= self.max_bytes);
        let Some(at) = self.layout.lane_at(lanes.count).filter(room) else { return Ok(None) };
        reserve(&self.file, at, stride, reserve_blocks)?;
        let mapping = Mapping::new(&self.file, at, stride as usize)?;
        lanes.count += 1;
        Ok(Some(mapping))
    }
}

/// A lane's part of the file. Dropped when producer and consumer are gone.
struct Place {
    mapping: Option<Mapping>,
    pool: Arc<Pool>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(mapping) = self.mapping.take()
            && self.pool.origin.is_here()
            && is_empty(&mapping)
        {
            self.pool.lanes().free.push(mapping);
        }
    }
}

/// Producer and consumer are gone, and what they stored was seen when the last of them let go.
fn is_empty(lane: &Mapping) -> bool {
    let [head, tail] = [HEAD, TAIL].map(|at| lane.words().get(at).map(|word| word.load(Relaxed)));
    head == tail
}

fn reserve_blocks(file: &File, offset: u64, len: u64) -> rustix::io::Result<()> {
    retry_on_intr(|| fallocate(file, FallocateFlags::empty(), offset, len))
}

/// Makes the file `len` bytes longer, each with a place on the disk and zero. When that fails, it is as long as before.
fn reserve(
    file: &File,
    offset: u64,
    len: u64,
    blocks: impl FnOnce(&File, u64, u64) -> rustix::io::Result<()>,
) -> io::Result<()> {
    let reserved = match blocks(file, offset, len) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => write_zeros(file, offset, len),
        other => other.map_err(io::Error::from),
    };
    reserved.inspect_err(|_| {
        let _ = file.set_len(offset);
    })
}

/// For file systems that can't reserve: what is written has its place.
fn write_zeros(file: &File, offset: u64, len: u64) -> io::Result<()> {
    let zeros = [0; 16 << 10];
    let mut at = 0;
    while at < len {
        let some = zeros.len().min((len - at) as usize);
        file.write_all_at(zeros.get(..some).unwrap_or_default(), offset + at)?;
        at += some as u64;
    }
    Ok(())
}

fn explain(path: &Path, what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("ring file {} {what}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "files")]
    fn zeros_are_written_where_nothing_can_be_reserved() {
        let file = tempfile::tempfile().unwrap();
        reserve(&file, 0, 4096, reserve_blocks).unwrap();
        reserve(&file, 4096, 100_000, |_, _, _| Err(Errno::OPNOTSUPP)).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 104_096);
        let mut bytes = vec![1; 104_096];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 0));
    }

    #[test]
    #[cfg_attr(miri, ignore = "files")]
    fn a_file_that_cannot_grow_is_as_long_as_before() {
        let file = tempfile::tempfile().unwrap();
        let half_way = |file: &File, offset, len| {
            file.set_len(offset + len / 2).unwrap();
            Err(Errno::NOSPC)
        };
        let error = reserve(&file, 0, 8192, half_way).unwrap_err();
        assert_eq!((error.kind(), file.metadata().unwrap().len()), (io::ErrorKind::StorageFull, 0));
    }
}
