//! Batches on disk: what a destination can't take yet waits in segment files and outlives the process.
//!
//! One directory for each tracer, below a base that its processes share. `Spool` is the directory of a living
//! tracer, `Orphan` the one of a dead process. Both are a `Store`: segments in order, the last one open for appending.

mod error;
mod fields;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod moment;
mod options;
mod outcome;
pub(crate) mod place;
mod scan;
mod segment;

#[cfg(target_os = "linux")]
mod claim;
#[cfg(target_os = "linux")]
mod cursors;
#[cfg(target_os = "linux")]
mod directory;
#[cfg(target_os = "linux")]
mod identity;
#[cfg(target_os = "linux")]
mod live;
#[cfg(target_os = "linux")]
mod orphan;
#[cfg(target_os = "linux")]
mod quarantine;
#[cfg(target_os = "linux")]
mod store;
#[cfg(target_os = "linux")]
mod together;
#[cfg(target_os = "linux")]
mod unsynced;

#[cfg(not(target_os = "linux"))]
mod elsewhere;

pub(crate) use error::{Limit, SpoolError};
pub(crate) use moment::Moment;
pub(crate) use options::SpoolOptions;
pub(crate) use outcome::Evicted;
#[cfg(test)]
pub(crate) use outcome::{Closed, EvictReason, Found, Pending, Stored};

#[cfg(target_os = "linux")]
pub(crate) use {
    live::Spool,
    orphan::{Orphan, is_one_tracers, orphans},
    together::{Turn, orphan_bytes},
    unsynced::Unsynced,
};

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{Orphan, Spool, Turn, Unsynced, is_one_tracers, orphan_bytes, orphans};

#[cfg(feature = "fuzzing")]
pub use scan::fuzz_segment;

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests;

#[cfg(target_os = "linux")]
#[cfg(test)]
pub(crate) use tests::faults::Disk;
