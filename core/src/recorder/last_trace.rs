//! Last traces: copies of a root's records, kept as bytes and decoded when asked.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard};

use crossbeam_utils::atomic::AtomicCell;
use tracer_factory_ring::{Record, Records, fork};

use super::frame::Recording;
use crate::lock::lock;
use crate::wire::Buffer;

/// Records of one local root, in the order they ended.
#[derive(Debug, Default, Clone)]
pub(crate) struct Capture {
    records: Buffer,
    pub(crate) omitted: u64,
}

impl Capture {
    /// Adds a record, unless there would then be more than `cap` bytes.
    #[inline(always)]
    pub(crate) fn push(&mut self, record: Record<'_>, cap: usize) {
        let bytes = record.bytes();
        if self.records.len() + bytes.len() > cap {
            self.omitted += 1;
            return;
        }
        self.records.append(bytes);
    }

    /// Keeps its memory for the next one that this thread shares: as roots come one after the other, it need not grow again.
    pub(super) fn keep(mut self) {
        self.clear();
        // In vain while the thread ends.
        let _ = SPARE.try_with(|spare| spare.set(Some(self)));
    }

    /// An empty one, with memory if there is some.
    fn kept() -> Self {
        SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default()
    }

    /// The records.
    pub(crate) fn records(&self) -> Records<'_> {
        Records::new(self.records.written())
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.records.len() == 0 && self.omitted == 0
    }

    /// Takes over what `other` has, as far as it fits.
    pub(crate) fn append(&mut self, other: &mut Capture, cap: usize) {
        if self.is_empty() {
            return std::mem::swap(self, other);
        }
        let mut records = other.records();
        while let Some(record) = records.next_whole() {
            self.push(record, cap);
        }
        self.omitted += other.omitted;
        other.clear();
    }

    pub(crate) fn clear(&mut self) {
        const KEPT: usize = 64 << 10;
        if self.records.capacity() > KEPT {
            self.records = Buffer::default();
        }
        self.records.clear();
        self.omitted = 0;
    }
}

thread_local! {
    static SPARE: Cell<Option<Capture>> = const { Cell::new(None) };
}

/// A capture that spans on other threads add to while their root is open.
#[derive(Debug)]
pub(crate) struct SharedCapture {
    /// Says without the lock that the root has ended.
    closed: AtomicBool,
    /// `None` once the root has ended: later spans are not part of its last trace.
    state: Mutex<Option<Capture>>,
    /// The process that it was made in. Another one may find it locked for ever.
    generation: u64,
}

impl SharedCapture {
    pub(crate) fn new() -> Self {
        Self {
            closed: AtomicBool::new(false),
            state: Mutex::new(Some(Capture::kept())),
            generation: fork::generation(),
        }
    }

    /// `None` in a child of its process, which has no part in its trace.
    fn lock(&self) -> Option<MutexGuard<'_, Option<Capture>>> {
        (self.generation == fork::generation()).then(|| lock(&self.state))
    }

    #[inline(never)]
    pub(crate) fn push(&self, record: Record<'_>, cap: usize) {
        if let Some(mut state) = self.lock()
            && let Some(capture) = state.as_mut()
        {
            capture.push(record, cap);
        }
    }

    /// Ends another one, and adds what came in there.
    #[cfg(feature = "guest")]
    pub(super) fn take_over(&self, other: &Self, cap: usize) {
        let ended = other.close();
        if let (Some(mut ended), Some(mut state)) = (ended, self.lock())
            && let Some(capture) = state.as_mut()
        {
            capture.append(&mut ended, cap);
        }
    }

    /// Whether its root has ended.
    #[cfg(feature = "guest")]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// Ends it, and hands over what came in.
    pub(crate) fn close(&self) -> Option<Capture> {
        self.closed.store(true, Relaxed);
        self.lock()?.take()
    }
}

/// The last finished root of one thread: the root's own recording, which it gives away for the one before.
///
/// One exchange of a pointer publishes it. Readers take it out and put it back, one reader at a time.
#[derive(Default)]
pub(crate) struct LastTrace {
    newest: AtomicCell<Option<Box<Recording>>>,
}

impl fmt::Debug for LastTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastTrace").finish_non_exhaustive()
    }
}

impl LastTrace {
    /// Makes an ended root the last one. What comes back may be used for another span.
    #[inline(always)]
    pub(super) fn replace(&self, root: Box<Recording>) -> Option<Box<Recording>> {
        const { assert!(AtomicCell::<Option<Box<Recording>>>::is_lock_free()) };
        self.newest.swap(Some(root))
    }

    pub(super) fn take(&self) -> Option<Box<Recording>> {
        self.newest.take()
    }

    /// Shows it. Only one thread may do this at a time.
    pub(super) fn look(&self, read: impl FnOnce(&Recording)) {
        let Some(mut ours) = self.newest.take() else { return };
        read(&ours);
        loop {
            let counted = ours.span.ended;
            match self.newest.swap(Some(ours)) {
                // A root that ended meanwhile, and now has the older one in its place.
                Some(other) if other.span.ended > counted => ours = other,
                _ => return,
            }
        }
    }
}

impl Recording {
    /// All records of an ended root, the root last. The root is always among them: a trace without its root would be none.
    pub(super) fn to_capture(&self) -> Capture {
        let mut capture = self.capture.clone();
        if let Some(record) = self.span.record() {
            capture.push(record, usize::MAX);
        }
        capture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(ended: u64) -> Box<Recording> {
        let mut root = Box::<Recording>::default();
        root.span.ended = ended;
        root
    }

    #[test]
    fn whoever_looks_never_brings_an_older_one_back() {
        let (last, done) = (LastTrace::default(), AtomicBool::new(false));
        std::thread::scope(|threads| {
            threads.spawn(|| {
                for ended in 1..=20_000 {
                    last.replace(root(ended));
                }
                done.store(true, Relaxed);
            });
            let mut before = 0;
            while !done.load(Relaxed) {
                last.look(|root| {
                    assert!(root.span.ended >= before, "{} after {before}", root.span.ended);
                    before = root.span.ended;
                });
            }
        });
        let mut newest = 0;
        last.look(|root| newest = root.span.ended);
        assert_eq!(newest, 20_000);
    }
}
