//! Locks whose holders can't leave what they guard half done: a panic elsewhere does not close them for everyone.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a child begins with: a copy of what its parent had, or nothing when somebody was just changing that.
pub(crate) fn inherited<T: Clone + Default>(parents: Option<&Mutex<T>>) -> Mutex<T> {
    let copy = parents.and_then(|parents| parents.try_lock().ok().map(|known| known.clone()));
    Mutex::new(copy.unwrap_or_default())
}

/// Locks, whether or not somebody panicked while holding it.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
