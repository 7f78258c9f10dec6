//! Which local roots are open, for OpenTelemetry contexts: these carry nothing of ours, and turn up on any thread.
//!
//! A root pays one compare-and-swap and a store or two. A capture that others add to is made only when somebody asks for
//! it, so that a root whose spans stay under native scopes of its thread, or that has none, never has one.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};

use crate::ids::TraceId;
use crate::lock::lock;
use crate::recorder::{SharedCapture, Worker};

/// Places for open roots; those that find none are in [`CROWD`].
const PLACES: usize = 4096;
/// How many places are looked at for one root.
const TRIES: usize = 4;

/// The bit of a place that says that somebody asked. Keys have it clear.
const ASKED: u64 = 1;
/// A place that is being filled. No key, since keys have the next bit set.
const TAKEN: u64 = 4;

struct Place {
    /// 0 when it is free.
    key: AtomicU64,
    worker: AtomicI64,
}

static OPEN: [Place; PLACES] =
    [const { Place { key: AtomicU64::new(0), worker: AtomicI64::new(0) } }; PLACES];

static CROWD: Mutex<BTreeMap<u64, Worker>> = Mutex::new(BTreeMap::new());
static CROWD_SIZE: AtomicUsize = AtomicUsize::new(0);

type Captures = Mutex<Vec<(u64, Arc<SharedCapture>)>>;

/// What was asked for, by the last bits of the key.
static CAPTURES: [Captures; 16] = [const { Mutex::new(Vec::new()) }; 16];

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
    let trace = trace.to_int();
    // Remote identifiers need not be random.
    let mixed =
        (trace as u64 ^ (trace >> 64) as u64).wrapping_add(recorder).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32) & !ASKED | 2
}

fn places(key: u64) -> impl Iterator<Item = (u32, &'static Place)> {
    let first = (key >> 2) as usize;
    (first..first + TRIES).filter_map(|at| Some(((at % PLACES) as u32, OPEN.get(at % PLACES)?)))
}

/// Makes a root known until [`end`].
pub(super) fn begin(trace: TraceId, recorder: u64, worker: Worker) -> OpenRoot {
    let key = key(trace, recorder);
    for (at, place) in places(key) {
        if place.key.load(Relaxed) == 0 && place.key.compare_exchange(0, TAKEN, Acquire, Relaxed).is_ok() {
            place.worker.store(worker.word(), Relaxed);
            place.key.store(key, Release);
            return OpenRoot { key, place: Some(at) };
        }
    }
    join_crowd(key, worker)
}

#[cold]
#[inline(never)]
fn join_crowd(key: u64, worker: Worker) -> OpenRoot {
    let mut crowd = lock(&CROWD);
    crowd.insert(key, worker);
    CROWD_SIZE.store(crowd.len(), Relaxed);
    OpenRoot { key, place: None }
}

/// Forgets a root. What others have added, or will in vain, comes back when somebody asked.
pub(super) fn end(root: OpenRoot) -> Option<Arc<SharedCapture>> {
    let OpenRoot { key, place } = root;
    let Some(place) = place.and_then(|at| OPEN.get(at as usize)) else { return leave_crowd(key) };
    let asked = place.key.load(Relaxed) & ASKED != 0;
    place.key.store(0, Release);
    if asked { take_capture(key) } else { None }
}

#[cold]
#[inline(never)]
fn leave_crowd(key: u64) -> Option<Arc<SharedCapture>> {
    let mut crowd = lock(&CROWD);
    crowd.remove(&key);
    CROWD_SIZE.store(crowd.len(), Relaxed);
    drop(crowd);
    take_capture(key)
}

#[inline(never)]
fn take_capture(key: u64) -> Option<Arc<SharedCapture>> {
    let mut captures = lock(captures_of(key)?);
    let at = captures.iter().position(|(of, _)| *of == key)?;
    Some(captures.swap_remove(at).1)
}

fn captures_of(key: u64) -> Option<&'static Captures> {
    CAPTURES.get((key >> 2) as usize % CAPTURES.len())
}

/// The worker of an open root, once it knows that somebody asks.
fn tell(key: u64) -> Option<Worker> {
    for (_, place) in places(key) {
        if place.key.load(Acquire) & !ASKED == key {
            let worker = Worker::new(place.worker.load(Relaxed));
            // In vain when it has ended meanwhile.
            let before = place.key.load(Relaxed);
            let told = before & !ASKED == key
                && (before & ASKED != 0
                    || place.key.compare_exchange(key, key | ASKED, Release, Relaxed).is_ok()
                    || place.key.load(Relaxed) == key | ASKED);
            return told.then_some(worker);
        }
    }
    if CROWD_SIZE.load(Relaxed) == 0 { None } else { lock(&CROWD).get(&key).copied() }
}

/// Whether a root is open.
pub(super) fn is_open(trace: TraceId, recorder: u64) -> bool {
    is_known(key(trace, recorder))
}

fn is_known(key: u64) -> bool {
    places(key).any(|(_, place)| place.key.load(Relaxed) & !ASKED == key)
        || CROWD_SIZE.load(Relaxed) != 0 && lock(&CROWD).contains_key(&key)
}

/// What the spans under an open root are gathered in, and its worker.
pub(super) fn ask(trace: TraceId, recorder: u64) -> Option<(Arc<SharedCapture>, Worker)> {
    let key = key(trace, recorder);
    if !is_known(key) {
        return None;
    }
    let mut captures = lock(captures_of(key)?);
    let worker = tell(key)?;
    if let Some((_, capture)) = captures.iter().find(|(of, _)| *of == key) {
        return Some((Arc::clone(capture), worker));
    }
    // Roots that ended while they were asked have left theirs.
    captures.retain(|(of, _)| is_known(*of));
    let capture = Arc::new(SharedCapture::new());
    captures.push((key, Arc::clone(&capture)));
    Some((capture, worker))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(number: u128) -> TraceId {
        TraceId::from_int(number)
    }

    /// A recorder's number that no other test has.
    const OURS: u64 = u64::MAX - 7;

    #[test]
    fn a_root_is_known_while_it_is_open() {
        let (worker, other) = (Worker::new(7), Worker::NONE);
        assert!(ask(trace(1), OURS).is_none());
        let (one, two) = (begin(trace(1), OURS, worker), begin(trace(2), OURS, other));
        assert!(is_open(trace(1), OURS) && !is_open(trace(1), OURS - 1));
        let (asked, of) = ask(trace(1), OURS).unwrap();
        let (again, _) = ask(trace(1), OURS).unwrap();
        assert!(of == worker && Arc::ptr_eq(&asked, &again));
        assert!(end(two).is_none(), "nobody asked");
        assert!(end(one).is_some_and(|ended| Arc::ptr_eq(&ended, &asked)));
        assert!(!is_open(trace(1), OURS) && ask(trace(1), OURS).is_none());
    }

    #[test]
    fn more_roots_than_places_are_all_known() {
        let count = PLACES as u128 * 2;
        let open: Vec<_> =
            (0..count).map(|number| begin(trace(number << 70), OURS - 1, Worker::NONE)).collect();
        assert!((0..count).all(|number| is_open(trace(number << 70), OURS - 1)));
        assert!(open.iter().any(|root| root.place.is_none()));
        let asked: Vec<_> = (0..count).filter_map(|number| ask(trace(number << 70), OURS - 1)).collect();
        assert_eq!(asked.len() as u128, count);
        for (root, (asked, _)) in open.into_iter().zip(asked) {
            assert!(end(root).is_some_and(|ended| Arc::ptr_eq(&ended, &asked)));
        }
        assert!((0..count).all(|number| !is_open(trace(number << 70), OURS - 1)));
    }

    #[test]
    fn what_a_root_left_behind_goes_with_the_next_question() {
        let root = begin(trace(11), OURS - 2, Worker::NONE);
        let (left, _) = ask(trace(11), OURS - 2).unwrap();
        // As if it had ended between being asked and hearing of it.
        let place = OPEN.get(root.place.unwrap() as usize).unwrap();
        place.key.store(0, Release);
        let same_shard = (12..).map(trace).find(|other| {
            std::ptr::eq(captures_of(key(*other, OURS - 2)).unwrap(), captures_of(root.key).unwrap())
        });
        let next = begin(same_shard.unwrap(), OURS - 2, Worker::NONE);
        assert!(ask(same_shard.unwrap(), OURS - 2).is_some());
        assert_eq!(Arc::strong_count(&left), 1);
        assert!(end(next).is_some());
    }
}
