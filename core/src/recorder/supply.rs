//! Where lanes come from: the mapped file while it has room, else memory, within bounds. And whether what threads record
//! would survive the process.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock};

use tracer_factory_ring::{Consumer, Producer, RingFile, lane};

use crate::lock::lock;

/// What lanes in memory may take together before a new one is a small one.
const MEMORY: usize = 128 << 20;
/// A small one: little beside what the thread itself takes.
const SMALL: usize = 16 << 10;

/// Why there is no file although spans are to survive the process.
type NoFile = String;

/// Hands out lanes.
#[derive(Debug)]
pub(super) struct Supply {
    lane_bytes: usize,
    /// Unset when spans are kept in memory on purpose.
    file: OnceLock<Result<Arc<RingFile>, NoFile>>,
    in_memory: Arc<InMemory>,
    /// Why the latest lane that should be in the file is not.
    why: Mutex<String>,
    /// Whether it was said that lanes ran out, and not yet that they are back.
    complained: AtomicBool,
}

/// Lanes in memory. Without a lock, since a child gives up lanes of its parent.
#[derive(Debug, Default)]
struct InMemory {
    bytes: AtomicUsize,
    /// Those that should be in the file.
    exposed: AtomicUsize,
}

/// A lane for one thread.
pub(super) struct Supplied {
    pub(super) producer: Producer,
    pub(super) consumer: Consumer,
    pub(super) place: Place,
    /// Few are left in the file: those of threads that are gone should come back.
    pub(super) few_left: bool,
}

/// Where a lane is.
#[derive(Debug)]
pub(super) enum Place {
    File,
    Memory(Memory),
}

/// What a lane in memory takes of what all may take, for as long as it is there.
#[derive(Debug)]
pub(super) struct Memory {
    all: Arc<InMemory>,
    bytes: usize,
    exposed: bool,
}

impl Place {
    /// Whether what ends there would be lost with the process although it should not be.
    pub(super) fn is_exposed(&self) -> bool {
        matches!(self, Self::Memory(memory) if memory.exposed)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.all.bytes.fetch_sub(self.bytes, Relaxed);
        self.all.exposed.fetch_sub(usize::from(self.exposed), Relaxed);
    }
}

impl Supply {
    pub(super) fn new(lane_bytes: usize) -> Self {
        Self {
            lane_bytes,
            file: OnceLock::new(),
            in_memory: Arc::default(),
            why: Mutex::default(),
            complained: AtomicBool::new(false),
        }
    }

    /// Where lanes are to be from now on, or why that can't be.
    pub(super) fn set_file(&self, file: Result<Arc<RingFile>, NoFile>) {
        let _ = self.file.set(file);
    }

    /// Never fails and waits for nobody but the disk.
    pub(super) fn lane(&self) -> Supplied {
        let ring = match self.file.get() {
            None => return self.in_memory(None),
            Some(Err(why)) => return self.in_memory(Some(why.clone())),
            Some(Ok(ring)) => ring,
        };
        let taken = ring.lane();
        let room = ring.room();
        let few_left = room.free <= room.lanes / 4;
        let why = match taken {
            Ok(Some((producer, consumer))) => {
                if !few_left && self.complained.swap(false, Relaxed) {
                    tracing::info!(
                        "threads record into lanes on disk again, whose spans survive the process"
                    );
                }
                return Supplied { producer, consumer, place: Place::File, few_left };
            }
            Ok(None) => format!(
                "all {} lanes in {} are in use; a larger TRACER_SPOOL_MAX_BYTES or smaller TRACER_LANE_BYTES makes more",
                room.lanes,
                ring.path().display()
            ),
            Err(error) => error.to_string(),
        };
        if !self.complained.swap(true, Relaxed) {
            tracing::warn!(
                why,
                "a thread records into memory: what it has just finished is lost if the process is killed"
            );
        }
        Supplied { few_left: true, ..self.in_memory(Some(why)) }
    }

    fn in_memory(&self, why: Option<String>) -> Supplied {
        let (all, exposed) = (Arc::clone(&self.in_memory), why.is_some());
        if let Some(why) = why {
            *lock(&self.why) = why;
        }
        // Of threads that ask at once more than one may still get a large one, which does no harm.
        let fits = all.bytes.load(Relaxed).saturating_add(self.lane_bytes) <= MEMORY.max(self.lane_bytes);
        let bytes = if fits { self.lane_bytes } else { self.lane_bytes.min(SMALL) };
        all.bytes.fetch_add(bytes, Relaxed);
        all.exposed.fetch_add(usize::from(exposed), Relaxed);
        let (producer, consumer) = lane(bytes);
        let place = Place::Memory(Memory { all, bytes, exposed });
        Supplied { producer, consumer, place, few_left: false }
    }

    /// Why some of what has just ended would not survive the process, if so.
    pub(super) fn exposed(&self) -> Option<String> {
        if let Some(Err(why)) = self.file.get() {
            return Some(why.clone());
        }
        let exposed = self.in_memory.exposed.load(Relaxed);
        let s = if exposed == 1 { " records" } else { "s record" };
        (exposed > 0).then(|| format!("{exposed} thread{s} into memory: {}", lock(&self.why)))
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;

    const LANE: usize = 4096;

    fn with_file(lanes: u64) -> (tempfile::TempDir, Supply) {
        let directory = tempfile::tempdir().unwrap();
        let bytes = RingFile::bytes_of(lanes, LANE);
        let ring = RingFile::create(&directory.path().join("ring"), LANE, bytes).unwrap();
        let supply = Supply::new(LANE);
        supply.set_file(Ok(Arc::new(ring)));
        (directory, supply)
    }

    #[test]
    fn whoever_is_not_in_the_file_is_counted_while_it_lasts() {
        let (_directory, supply) = with_file(8);
        let mut lanes: Vec<_> = (0..8).map(|_| supply.lane()).collect();
        let few_left: Vec<_> = lanes.iter().map(|lane| lane.few_left).collect();
        assert_eq!(few_left, [false, false, false, false, false, true, true, true]);
        assert!(lanes.iter().all(|lane| matches!(lane.place, Place::File)));
        assert_eq!(supply.exposed(), None);
        let (ninth, tenth) = (supply.lane(), supply.lane());
        assert!(ninth.place.is_exposed() && ninth.few_left);
        let why = supply.exposed().unwrap();
        assert!(why.starts_with("2 threads record into memory: all 8 lanes in /"), "{why}");
        drop(tenth);
        assert!(supply.exposed().unwrap().starts_with("1 thread records"));
        drop(ninth);
        lanes.pop();
        assert_eq!(supply.exposed(), None);
        assert!(matches!(supply.lane().place, Place::File), "what was given back is given again");
    }

    #[test]
    fn memory_on_purpose_is_no_trouble_and_other_memory_is() {
        let supply = Supply::new(LANE);
        let lane = supply.lane();
        assert!(!lane.place.is_exposed() && supply.exposed().is_none());
        supply.set_file(Err("no disk".to_owned()));
        assert!(supply.lane().place.is_exposed());
        assert_eq!(supply.exposed().as_deref(), Some("no disk"));
    }

    #[test]
    fn lanes_in_memory_are_small_once_they_are_many() {
        let lane_bytes = MEMORY / 4;
        let supply = Supply::new(lane_bytes);
        let words = |lane: &Supplied| lane.producer.lane().capacity() as usize * 8;
        let mut lanes: Vec<_> = (0..6).map(|_| supply.lane()).collect();
        let sizes: Vec<_> = lanes.iter().map(words).collect();
        assert_eq!(sizes, [lane_bytes, lane_bytes, lane_bytes, lane_bytes, SMALL, SMALL]);
        lanes.remove(0);
        lanes.truncate(3);
        assert_eq!(words(&supply.lane()), lane_bytes);
        assert_eq!(
            words(&Supply::new(2 * MEMORY).lane()),
            2 * MEMORY,
            "one as large as was asked for in any case"
        );
    }
}
