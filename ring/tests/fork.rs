//! A forked child leaves its parent's lanes alone, whichever call made it, and has lanes of its own.
#![cfg(all(target_os = "linux", not(loom), not(miri)))]
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]
#![allow(unsafe_code, reason = "there is no safe way to fork")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tracer_factory_ring::fork::PerProcess;
use tracer_factory_ring::{Consumer, Producer, Push, RecordHeader, Records, RingFile, fork, lane, recover};

fn push(producer: &mut Producer, n: u64) -> Push {
    producer.push(&RecordHeader { start_unix_nanos: n, ..RecordHeader::default() }, &[n as u8; 80])
}

fn drain(consumer: &mut Consumer) -> Vec<u64> {
    let mut out = Vec::new();
    consumer.drain_into(&mut out, usize::MAX);
    Records::new(&out).map(|(header, _)| header.start_unix_nanos).collect()
}

/// Runs `f` in a child that `make` made. A child that fails, panics or takes ten seconds gives false.
fn in_child(make: impl Fn() -> libc::pid_t, f: impl FnOnce() -> bool) -> bool {
    match make() {
        0 => {
            // SAFETY: ends this process if it hangs, and at the end whatever happened: the harness is the parent's.
            unsafe { libc::alarm(10) };
            let passed = catch_unwind(AssertUnwindSafe(f)).unwrap_or(false);
            // SAFETY: as above.
            unsafe { libc::_exit(i32::from(!passed)) }
        }
        child => {
            assert!(child > 0);
            let mut status = -1;
            // SAFETY: a child that nobody else waits for, and a place for its status.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            status == 0
        }
    }
}

fn forked() -> libc::pid_t {
    // SAFETY: the child does what glibc allows it to, allocating included, and ends without returning.
    unsafe { libc::fork() }
}

/// A child that no handler of the C library has seen. It must not allocate.
fn cloned() -> libc::pid_t {
    let nothing = 0usize;
    // SAFETY: without a stack of its own and without flags that is a fork; the child ends without returning.
    unsafe {
        libc::syscall(libc::SYS_clone, libc::SIGCHLD, nothing, nothing, nothing, nothing) as libc::pid_t
    }
}

#[test]
fn every_process_has_a_number_of_its_own() {
    let here = fork::generation();
    assert_eq!(fork::generation(), here);
    for make in [forked, cloned] {
        assert!(in_child(make, || {
            let child = fork::generation();
            let grandchild = || fork::generation() != child && fork::generation() != here;
            child != here
                && fork::generation() == child
                && in_child(make, grandchild)
                && fork::generation() == child
        }));
    }
    assert_eq!(fork::generation(), here, "a child's is its own affair");
}

#[test]
fn a_child_leaves_its_parents_lanes_alone() {
    let directory = tempfile::tempdir().unwrap();
    let ring = RingFile::create(&directory.path().join("ring"), 4096, 1 << 20).unwrap();
    ring.set_cursor(0, 5);
    let mut used = Some((ring.lane().unwrap().unwrap(), ring.lane().unwrap().unwrap(), lane(4096), ring));
    let numbers = {
        let Some(((producer, _), (_, _), (on_heap, _), _)) = &mut used else { unreachable!() };
        (0..3).for_each(|n| assert_eq!([push(producer, n), push(on_heap, n)], [Push::Taken; 2]));
        vec![0, 1, 2]
    };
    let path = directory.path().join("ring");
    let before = fs::read(&path).unwrap();

    // No handler ran, nothing may be allocated: pushing is what such a child could do before it becomes a program.
    assert!(in_child(cloned, || {
        let Some(((producer, _), _, (on_heap, _), ring)) = &mut used else { return false };
        push(producer, 9) == Push::Forked && push(on_heap, 9) == Push::Forked && !ring.set_cursor(0, 9)
    }));
    assert!(in_child(forked, || {
        let Some(((mut producer, mut consumer), empty, (mut on_heap, mut heap_end), ring)) = used.take()
        else {
            return false;
        };
        let refused = push(&mut producer, 9) == Push::Forked
            && push(&mut on_heap, 9) == Push::Forked
            && producer.push(&RecordHeader::default(), &[0; 4000]) == Push::Forked
            && producer.lane().counts().pushed == 3
            && drain(&mut consumer).is_empty()
            && drain(&mut heap_end).is_empty()
            && !ring.set_cursor(0, 9)
            && ring.cursor(0) == Some(5)
            && ring.lane().unwrap().is_none();
        drop((producer, consumer, empty, on_heap, heap_end, ring));
        // Its own are as good as anybody's.
        let (mut producer, mut consumer) = lane(4096);
        let of_heap = push(&mut producer, 1) == Push::Taken && drain(&mut consumer) == [1];
        let ring = RingFile::create(&directory.path().join("of the child"), 4096, 1 << 20).unwrap();
        let (mut producer, mut consumer) = ring.lane().unwrap().unwrap();
        refused && of_heap && push(&mut producer, 1) == Push::Taken && drain(&mut consumer) == [1]
    }));
    assert!(fs::read(&path).unwrap() == before, "the file is what it was");
    assert_eq!(recover(&directory.path().join("of the child")).unwrap().count(), 0);

    let ((mut producer, mut consumer), (_, _), (mut on_heap, mut heap_end), ring) = used.unwrap();
    assert!(!consumer.is_finished() && !heap_end.is_finished(), "the child's drops are not the parent's");
    assert_eq!([push(&mut producer, 3), push(&mut on_heap, 3)], [Push::Taken; 2]);
    let all: Vec<u64> = numbers.into_iter().chain([3]).collect();
    assert_eq!([drain(&mut consumer), drain(&mut heap_end)], [all.clone(), all]);
    assert!(ring.set_cursor(0, 6) && ring.lane().unwrap().is_some());
}

/// A thread of the parent may hold the lock of the file at the moment of the fork: the child never waits for it.
#[test]
fn a_child_waits_for_no_lock_of_its_parent() {
    let directory = tempfile::tempdir().unwrap();
    let ring = RingFile::create(&directory.path().join("ring"), 4096, 1 << 20).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                drop(ring.lane().unwrap());
            }
        });
        for _ in 0..100 {
            let mut lane = ring.lane().unwrap();
            assert!(in_child(forked, || ring.lane().unwrap().is_none() && lane.take().is_some()));
        }
        done.store(true, Relaxed);
    });
}

#[test]
fn every_process_has_its_own_value_and_sees_its_parents_once() {
    static OWN: PerProcess<Mutex<Vec<u32>>> = PerProcess::new();
    let own = || {
        OWN.get(|parents| {
            let copy = parents.map(|parents| parents.try_lock().ok().map(|known| known.clone()));
            Mutex::new(copy.map_or_else(Vec::new, |copy| copy.unwrap_or_else(|| vec![0])))
        })
    };
    own().lock().unwrap().push(1);
    for locked in [false, true] {
        let guard = locked.then(|| own().lock().unwrap());
        assert!(in_child(forked, || {
            let inherited = own().lock().unwrap().clone();
            own().lock().unwrap().push(2);
            inherited == if locked { [0] } else { [1] } && own().lock().unwrap().len() == 2
        }));
        drop(guard);
    }
    assert_eq!(*own().lock().unwrap(), [1], "a child's is its own affair");
}
