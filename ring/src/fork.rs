//! Which process this is: a number that is another one in a forked child.
//!
//! The number is in a page that the kernel wipes in a child, whichever call made it, and that a handler of the C library
//! wipes where the kernel can't. Zero means "nobody has asked since the fork"; the first who asks makes a new number.
//! Nothing here locks: a child may have been forked while any thread was anywhere.

use std::ptr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicPtr, AtomicU64};

/// The word that is wiped; null until somebody has asked.
static WORD: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
/// Stands in for a page where there is none to have.
static NO_PAGE: AtomicU64 = AtomicU64::new(0);
/// The last number given; a child goes on counting from its parent's.
static LAST: AtomicU64 = AtomicU64::new(0);

/// The number of this process: the same for as long as it lives, and another one than that of any it was forked from.
#[inline]
pub fn generation() -> u64 {
    of(word())
}

#[inline]
fn of(word: &AtomicU64) -> u64 {
    match word.load(Relaxed) {
        0 => renew(word),
        generation => generation,
    }
}

#[cold]
fn renew(word: &AtomicU64) -> u64 {
    let next = LAST.fetch_add(1, AcqRel) + 1;
    word.compare_exchange(0, next, AcqRel, Acquire).map_or_else(|first| first, |_| next)
}

#[inline]
fn word() -> &'static AtomicU64 {
    let word = WORD.load(Acquire);
    if word.is_null() {
        return set_up();
    }
    // SAFETY: `set_up` stored it, and neither the page nor the static is ever given back.
    unsafe { &*word }
}

#[cold]
fn set_up() -> &'static AtomicU64 {
    let word = page::wiped_on_fork().unwrap_or(&NO_PAGE);
    let mine = ptr::from_ref(word).cast_mut();
    match WORD.compare_exchange(ptr::null_mut(), mine, AcqRel, Acquire) {
        Ok(_) => {
            page::at_fork();
            word
        }
        // Another thread was first. Its word counts; the page of this one stays, which happens once in a process.
        // SAFETY: as in `word`.
        Err(first) => unsafe { &*first },
    }
}

/// A value that each process has its own of. A child makes another one: its parent's may be locked by a thread that did
/// not come along, or be half changed.
#[derive(Debug)]
pub struct PerProcess<T> {
    /// Null until somebody has asked. What a parent had stays allocated in its children, who never look into it but
    /// through `make`.
    own: AtomicPtr<Own<T>>,
}

#[derive(Debug)]
struct Own<T> {
    generation: u64,
    value: T,
}

impl<T> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> PerProcess<T> {
    /// Without a value so far.
    pub const fn new() -> Self {
        Self { own: AtomicPtr::new(ptr::null_mut()) }
    }
}

impl<T: Send + Sync> PerProcess<T> {
    /// This process' value. When it has none, `make` makes it, and sees what the process had that this one was forked
    /// from: of that it must not wait for anything. Of threads that ask at once, one has its value kept.
    #[inline]
    pub fn get(&self, make: impl FnOnce(Option<&T>) -> T) -> &T {
        let here = generation();
        let known = self.own.load(Acquire);
        // SAFETY: it is null, or from a box that is given back only when `self` is dropped.
        match unsafe { known.as_ref() } {
            Some(own) if own.generation == here => &own.value,
            before => self.set(known, Own { generation: here, value: make(before.map(|own| &own.value)) }),
        }
    }

    #[cold]
    fn set(&self, before: *mut Own<T>, own: Own<T>) -> &T {
        let own = Box::into_raw(Box::new(own));
        let kept = match self.own.compare_exchange(before, own, AcqRel, Acquire) {
            Ok(_) => own,
            Err(first) => {
                // SAFETY: made above, and nobody else has seen it.
                drop(unsafe { Box::from_raw(own) });
                first
            }
        };
        // SAFETY: as in `get`; and what another thread was first to store is not null.
        unsafe { &(*kept).value }
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let own = *self.own.get_mut();
        // SAFETY: it is null, or from a box that nobody else gives back, and borrowed by nobody now.
        if unsafe { own.as_ref() }.is_some_and(|own| own.generation == generation()) {
            // SAFETY: as above.
            drop(unsafe { Box::from_raw(own) });
        }
    }
}

/// The process that something was made in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    word: &'static AtomicU64,
    generation: u64,
}

impl Origin {
    /// This process.
    pub(crate) fn here() -> Self {
        let word = word();
        Self { word, generation: of(word) }
    }

    /// Whether this is still that process. A word that was wiped is no process's number.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        self.word.load(Relaxed) == self.generation
    }
}

#[cfg(all(unix, not(miri)))]
mod page {
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering::{Acquire, Relaxed};

    #[cfg(target_os = "linux")]
    pub(super) fn wiped_on_fork() -> Option<&'static AtomicU64> {
        use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous};

        let len = crate::page::size();
        // SAFETY: a new private page, of which nothing else knows.
        let page = unsafe {
            mmap_anonymous(std::ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
        };
        let page = page.ok()?;
        // A kernel that does not know the advice leaves it to the handler.
        // SAFETY: it is the page that was just mapped.
        let _ = unsafe { madvise(page, len, Advice::LinuxWipeOnFork) };
        // SAFETY: mapped above for good, zeroed, and aligned as pages are.
        Some(unsafe { &*page.cast::<AtomicU64>() })
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn wiped_on_fork() -> Option<&'static AtomicU64> {
        None
    }

    pub(super) fn at_fork() {
        extern "C" fn in_child() {
            let word = super::WORD.load(Acquire);
            if !word.is_null() {
                // SAFETY: as in `word`.
                unsafe { &*word }.store(0, Relaxed);
            }
        }
        // It fails for want of memory only, and then the page is still there.
        // SAFETY: the handler only stores to an atomic, which is allowed between fork and anything.
        let _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    }
}

/// Where nothing forks.
#[cfg(any(not(unix), miri))]
mod page {
    use std::sync::atomic::AtomicU64;

    pub(super) fn wiped_on_fork() -> Option<&'static AtomicU64> {
        None
    }

    pub(super) fn at_fork() {}
}

#[cfg(all(test, not(loom)))]
mod own_tests {
    use std::sync::Mutex;

    use super::*;

    /// Of threads that ask for the first time at once, all get the value of one, and it goes with its holder.
    #[test]
    fn one_value_is_kept() {
        for _ in 0..if cfg!(miri) { 10 } else { 200 } {
            let own = PerProcess::<Mutex<Vec<u8>>>::default();
            std::thread::scope(|scope| {
                for n in 0..3 {
                    let own = &own;
                    scope.spawn(move || own.get(|_| Mutex::default()).lock().unwrap().push(n));
                }
            });
            assert_eq!(own.get(|_| Mutex::default()).lock().unwrap().len(), 3);
        }
    }
}

#[cfg(all(test, target_os = "linux", not(miri), not(loom)))]
mod tests {
    use super::*;

    /// The kernel is told to leave the page alone, as one that is too old would: the handler is enough.
    #[test]
    fn the_handler_is_enough() {
        use rustix::mm::{Advice, madvise};

        let here = generation();
        let page = WORD.load(Acquire).cast();
        // SAFETY: the page of `set_up`, which stays where it is; no other test of this program forks.
        unsafe { madvise(page, crate::page::size(), Advice::LinuxKeepOnFork) }.unwrap();
        // SAFETY: the child reads atomics and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let same = generation() == here || !Origin::here().is_here();
            // SAFETY: ends the child, whose threads and buffers are the parent's.
            unsafe { libc::_exit(i32::from(same)) }
        }
        let mut status = -1;
        // SAFETY: a child that nobody else waits for, and a place for its status.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0);
        assert_eq!(generation(), here);
    }
}
