//! What a lane lies in while a model is run: loom's atomics can be nowhere but on the heap.

use crate::sync::AtomicU64;

/// Words on the heap.
pub type Region = Box<[AtomicU64]>;
