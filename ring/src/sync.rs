//! The atomics of a lane: the standard library's, or loom's when a model is run.
//!
//! Records are copied as plain bytes, which loom can't see. So each copy is also told to a [`Watch`], and in a model that
//! fails when producer and consumer could be at the same word at once.

pub(crate) use imp::Watch;

#[cfg(loom)]
pub(crate) use loom::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64},
};
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64},
};

#[cfg(not(loom))]
mod imp {
    /// Nothing, outside of a model.
    #[derive(Debug)]
    pub(crate) struct Watch;

    impl Watch {
        pub(crate) fn new(_words: usize) -> Self {
            Self
        }

        #[inline(always)]
        pub(crate) fn written(&self, _place: usize, _words: usize) {}

        #[inline(always)]
        pub(crate) fn read(&self, _place: usize, _words: usize) {}
    }
}

#[cfg(loom)]
mod imp {
    use loom::cell::UnsafeCell;

    /// Stands for the words, as plain memory.
    #[derive(Debug)]
    pub(crate) struct Watch(Box<[UnsafeCell<()>]>);

    // SAFETY: there is nothing in the cells; loom sees to it that their use is ordered.
    unsafe impl Sync for Watch {}

    impl Watch {
        pub(crate) fn new(words: usize) -> Self {
            Self((0..words).map(|_| UnsafeCell::new(())).collect())
        }

        pub(crate) fn written(&self, place: usize, words: usize) {
            self.cells(place, words).for_each(|cell| cell.with_mut(|_| ()));
        }

        pub(crate) fn read(&self, place: usize, words: usize) {
            self.cells(place, words).for_each(|cell| cell.with(|_| ()));
        }

        fn cells(&self, place: usize, words: usize) -> impl Iterator<Item = &UnsafeCell<()>> {
            self.0.iter().cycle().skip(place).take(words)
        }
    }
}
