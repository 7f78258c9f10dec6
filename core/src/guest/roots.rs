//! Which local roots are open, for OpenTelemetry contexts: these carry nothing of ours, and turn up on any thread.
//!
//! A root pays one compare-and-swap and a store or two. A capture that others add to is made only when somebody asks for
//! it, so that a root whose spans stay under native scopes of its thread, or that has none, never has one.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard};

use tracer_factory_ring::fork::PerProcess;

use crate::ids::TraceId;
use crate::lock::{inherited, lock};
use crate::recorder::{SharedCapture, Worker};

/// Places for open roots.
const PLACES: usize = 4096;
/// How many places are looked at for one root.
const TRIES: usize = 4;

/// The bit of a place that says that somebody asked. Keys have it clear.
const ASKED: u64 = 1;
/// A place that is being filled. No key, since keys have bit 1 set.
const TAKEN: u64 = 4;

struct Place {
    /// 0 when it is free.
    key: AtomicU64,
    worker: AtomicI64,
}

type Captures = Vec<(u64, Arc<SharedCapture>)>;

/// All that are open.
struct Roots {
    open: [Place; PLACES],
    /// Those that found no place.
    crowd: PerProcess<Mutex<BTreeMap<u64, Worker>>>,
    crowd_size: AtomicUsize,
    /// What was asked for, by some bits of the key.
    captures: [PerProcess<Mutex<Captures>>; 16],
}

static ROOTS: Roots = Roots::new();

/// Makes a root known until [`end`].
#[inline]
pub(super) fn begin(trace: TraceId, recorder: u64, worker: Worker) -> OpenRoot {
    ROOTS.begin(key(trace, recorder), worker)
}

/// Forgets a root. What others have added, or will in vain, comes back when somebody asked.
#[inline]
pub(super) fn end(root: OpenRoot) -> Option<Arc<SharedCapture>> {
    ROOTS.end(root)
}

/// Whether a root is open.
pub(super) fn is_open(trace: TraceId, recorder: u64) -> bool {
    ROOTS.knows(key(trace, recorder))
}

/// What the spans under an open root are gathered in, and its worker.
#[inline]
pub(super) fn ask(trace: TraceId, recorder: u64) -> Option<(Arc<SharedCapture>, Worker)> {
    let key = key(trace, recorder);
    let known = LAST_ASKED.try_with(|last| {
        let asked = last.take().filter(|asked| asked.key == key && ROOTS.is_current(asked))?;
        let answer = (Arc::clone(&asked.capture), asked.worker);
        last.set(Some(asked));
        Some(answer)
    });
    known.ok().flatten().or_else(|| ask_all(key))
}

#[inline(never)]
fn ask_all(key: u64) -> Option<(Arc<SharedCapture>, Worker)> {
    let (capture, worker) = ROOTS.ask(key)?;
    let asked = Asked { key, capture: Arc::clone(&capture), worker };
    // In vain while the thread ends.
    let _ = LAST_ASKED.try_with(|last| last.set(Some(asked)));
    Some((capture, worker))
}

/// An answer, which the next spans under the same root are given without a lock.
struct Asked {
    key: u64,
    capture: Arc<SharedCapture>,
    worker: Worker,
}

thread_local! {
    static LAST_ASKED: Cell<Option<Asked>> = const { Cell::new(None) };
}

/// A root that is open, in the hands of whoever ends it.
#[derive(Debug)]
pub(crate) struct OpenRoot {
    key: u64,
    /// None in the crowd.
    place: Option<u32>,
}

/// Of a trace and a recorder. Should a recorder have two roots of one trace, as with a remote parent, they are taken for one.
#[inline]
fn key(trace: TraceId, recorder: u64) -> u64 {
    const ODD: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03, 0x8cb9_2ba7_2f3d_8dd7];
    let trace = trace.to_int();
    // Remote identifiers need not be random.
    let trace = (trace as u64).wrapping_mul(ODD[0]) ^ (trace >> 64) as u64;
    let mixed = (trace ^ recorder.wrapping_mul(ODD[1])).wrapping_mul(ODD[2]);
    (mixed ^ mixed >> 32) & !ASKED | 2
}

impl Roots {
    const fn new() -> Self {
        Self {
            open: [const { Place { key: AtomicU64::new(0), worker: AtomicI64::new(0) } }; PLACES],
            crowd: PerProcess::new(),
            crowd_size: AtomicUsize::new(0),
            captures: [const { PerProcess::new() }; 16],
        }
    }

    /// Where a root may be.
    #[inline(always)]
    fn places(&self, key: u64) -> impl Iterator<Item = (u32, &Place)> {
        let first = (key >> 2) as usize;
        (first..first + TRIES).filter_map(|at| Some(((at % PLACES) as u32, self.open.get(at % PLACES)?)))
    }

    #[inline]
    fn begin(&self, key: u64, worker: Worker) -> OpenRoot {
        for (at, place) in self.places(key) {
            let is_free = place.key.load(Relaxed) == 0;
            if is_free && place.key.compare_exchange(0, TAKEN, Acquire, Relaxed).is_ok() {
                place.worker.store(worker.word(), Relaxed);
                place.key.store(key, Release);
                return OpenRoot { key, place: Some(at) };
            }
        }
        self.join_crowd(key, worker)
    }

    #[cold]
    #[inline(never)]
    fn join_crowd(&self, key: u64, worker: Worker) -> OpenRoot {
        let mut crowd = self.lock_crowd();
        crowd.insert(key, worker);
        self.crowd_size.store(crowd.len(), Relaxed);
        OpenRoot { key, place: None }
    }

    #[inline]
    fn end(&self, root: OpenRoot) -> Option<Arc<SharedCapture>> {
        let OpenRoot { key, place } = root;
        let Some(place) = place.and_then(|at| self.open.get(at as usize)) else {
            return self.leave_crowd(key);
        };
        let asked = place.key.load(Relaxed) & ASKED != 0;
        // While it is still known: whoever asks about another root throws away the captures of those that are not.
        let capture = if asked { self.take_capture(key) } else { None };
        place.key.store(0, Release);
        capture
    }

    #[cold]
    #[inline(never)]
    fn leave_crowd(&self, key: u64) -> Option<Arc<SharedCapture>> {
        let capture = self.take_capture(key);
        let mut crowd = self.lock_crowd();
        crowd.remove(&key);
        self.crowd_size.store(crowd.len(), Relaxed);
        capture
    }

    #[inline(never)]
    fn take_capture(&self, key: u64) -> Option<Arc<SharedCapture>> {
        let mut captures = self.lock_captures(key)?;
        let at = captures.iter().position(|(of, _)| *of == key)?;
        Some(captures.swap_remove(at).1)
    }

    fn captures_of(&self, key: u64) -> Option<&PerProcess<Mutex<Captures>>> {
        self.captures.get((key >> 2) as usize % self.captures.len())
    }

    /// What spans of a parent process are gathered in is of no use in its child, which records none of them.
    fn lock_captures(&self, key: u64) -> Option<MutexGuard<'_, Captures>> {
        Some(lock(self.captures_of(key)?.get(|_| Mutex::default())))
    }

    fn lock_crowd(&self) -> MutexGuard<'_, BTreeMap<u64, Worker>> {
        lock(self.crowd.get(inherited))
    }

    fn knows(&self, key: u64) -> bool {
        self.places(key).any(|(_, place)| place.key.load(Relaxed) & !ASKED == key)
            || self.crowd_size.load(Relaxed) != 0 && self.lock_crowd().contains_key(&key)
    }

    /// The worker of an open root, once the root knows that somebody asks.
    fn tell(&self, key: u64) -> Option<Worker> {
        let mut places = self.places(key);
        let Some((_, place)) = places.find(|(_, place)| place.key.load(Acquire) & !ASKED == key) else {
            return if self.crowd_size.load(Relaxed) == 0 {
                None
            } else {
                self.lock_crowd().get(&key).copied()
            };
        };
        let worker = Worker::from_word(place.worker.load(Relaxed));
        if place.key.load(Relaxed) == key | ASKED {
            return Some(worker);
        }
        // In vain when the root has ended meanwhile. Others who ask wait for the lock on the captures.
        let told = place.key.compare_exchange(key, key | ASKED, Release, Relaxed);
        (told.is_ok() || told == Err(key | ASKED)).then_some(worker)
    }

    /// Whether an answer is still right. Its capture was closed if its root has ended, but for one that ended while it
    /// was asked; that one's place is free then.
    #[inline]
    fn is_current(&self, asked: &Asked) -> bool {
        !asked.capture.is_closed()
            && self.places(asked.key).any(|(_, place)| place.key.load(Relaxed) == asked.key | ASKED)
    }

    fn ask(&self, key: u64) -> Option<(Arc<SharedCapture>, Worker)> {
        if !self.knows(key) {
            return None;
        }
        let mut captures = self.lock_captures(key)?;
        let worker = self.tell(key)?;
        if let Some((_, capture)) = captures.iter().find(|(of, _)| *of == key) {
            return Some((Arc::clone(capture), worker));
        }
        // Roots that ended while they were asked have left theirs.
        captures.retain(|(of, _)| self.knows(*of));
        let capture = Arc::new(SharedCapture::new());
        captures.push((key, Arc::clone(&capture)));
        Some((capture, worker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(trace: u128) -> u64 {
        key(TraceId::from_int(trace), 7)
    }

    #[test]
    fn a_root_is_known_while_it_is_open() {
        static ROOTS: Roots = Roots::new();
        let worker = Worker::new(7);
        assert!(ROOTS.ask(of(1)).is_none());
        let (one, two) = (ROOTS.begin(of(1), worker), ROOTS.begin(of(2), Worker::NONE));
        assert!(ROOTS.knows(of(1)) && !ROOTS.knows(key(TraceId::from_int(1), 8)));
        let (asked, whose) = ROOTS.ask(of(1)).unwrap();
        let (again, _) = ROOTS.ask(of(1)).unwrap();
        assert!(whose == worker && Arc::ptr_eq(&asked, &again));
        assert!(ROOTS.end(two).is_none(), "nobody asked");
        assert!(ROOTS.end(one).is_some_and(|ended| Arc::ptr_eq(&ended, &asked)));
        assert!(!ROOTS.knows(of(1)) && ROOTS.ask(of(1)).is_none());
    }

    #[test]
    fn more_roots_than_places_are_all_known() {
        static ROOTS: Roots = Roots::new();
        let keys: Vec<_> = (0..PLACES as u128 * 2).map(|number| of(number << 70)).collect();
        let open: Vec<_> = keys.iter().map(|key| ROOTS.begin(*key, Worker::NONE)).collect();
        assert!(open.iter().any(|root| root.place.is_none()));
        let asked: Vec<_> = keys.iter().map(|key| ROOTS.ask(*key).unwrap().0).collect();
        for (root, asked) in open.into_iter().zip(asked) {
            assert!(ROOTS.end(root).is_some_and(|ended| Arc::ptr_eq(&ended, &asked)));
        }
        assert!(keys.iter().all(|key| !ROOTS.knows(*key)));
    }

    #[test]
    fn what_a_root_left_behind_goes_with_the_next_question() {
        static ROOTS: Roots = Roots::new();
        let root = ROOTS.begin(of(1), Worker::NONE);
        let (left, _) = ROOTS.ask(root.key).unwrap();
        // As if it had ended between being asked and hearing of it.
        ROOTS.open[root.place.unwrap() as usize].key.store(0, Release);
        let home = |key| std::ptr::from_ref(ROOTS.captures_of(key).unwrap());
        let next = (2..).map(of).find(|other| home(*other) == home(root.key)).unwrap();
        let next = ROOTS.begin(next, Worker::NONE);
        assert!(ROOTS.ask(next.key).is_some());
        assert_eq!(Arc::strong_count(&left), 1);
        assert!(ROOTS.end(next).is_some());
    }

    #[test]
    fn an_answer_is_remembered_as_long_as_its_root_is_open() {
        let (trace, recorder) = (TraceId::from_int(5 << 80), u64::MAX);
        let mut before: Option<Arc<SharedCapture>> = None;
        for worker in [Worker::new(1), Worker::new(2)] {
            let root = begin(trace, recorder, worker);
            let (asked, whose) = ask(trace, recorder).unwrap();
            let (again, _) = ask(trace, recorder).unwrap();
            assert!(whose == worker && Arc::ptr_eq(&asked, &again));
            assert!(
                before.is_none_or(|before| !Arc::ptr_eq(&before, &asked)),
                "another root of the same trace"
            );
            let ended = end(root).unwrap();
            assert!(Arc::ptr_eq(&ended, &asked) && ended.close().is_some());
            assert!(ask(trace, recorder).is_none());
            before = Some(asked);
        }
    }

    #[test]
    fn roots_of_many_threads_keep_apart() {
        static ROOTS: Roots = Roots::new();
        std::thread::scope(|scope| {
            for thread in 0..4u128 {
                scope.spawn(move || {
                    for number in 0..2_000 {
                        let key = of(number * 4 + thread);
                        let root = ROOTS.begin(key, Worker::new(thread as i64));
                        let (asked, worker) = ROOTS.ask(key).unwrap();
                        assert_eq!(worker, Worker::new(thread as i64));
                        assert!(ROOTS.end(root).is_some_and(|ended| Arc::ptr_eq(&ended, &asked)));
                    }
                });
            }
        });
        assert!(ROOTS.open.iter().all(|place| place.key.load(Relaxed) == 0));
    }
}
