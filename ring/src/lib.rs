//! Lanes: single-producer, single-consumer rings of records, on the heap or in a mapped file.
//!
//! A lane belongs to one recording thread and is emptied by the delivery thread. Pushing never
//! blocks and never allocates; a full lane refuses the record and counts it. What a process that
//! was killed left in its [`RingFile`] is read by [`recover`].
//!
//! This is the one crate with `unsafe`: a mapping is memory that Rust knows nothing of, and records
//! are copied as bytes, not word by word. Each module says first what has to hold.
#![allow(unsafe_code)]
#![warn(clippy::undocumented_unsafe_blocks)]

mod consumer;
mod copy;
pub mod fork;
mod lane;
mod layout;
#[cfg(target_os = "linux")]
mod page;
mod producer;
mod record;
mod recover;
mod storage;
mod sync;

#[cfg(not(loom))]
#[cfg_attr(not(target_os = "linux"), path = "file_elsewhere.rs")]
mod file;
#[cfg(all(target_os = "linux", not(loom)))]
mod mapping;
#[cfg_attr(loom, path = "region_loom.rs")]
mod region;
#[cfg(not(loom))]
mod room;

pub use consumer::Consumer;
#[cfg(not(loom))]
pub use file::RingFile;
#[cfg(not(loom))]
pub use lane::lane;
pub use lane::{Lane, LaneCounts, lane_over};
pub use layout::OWNER_WORDS;
pub use producer::{Producer, Push};
pub use record::{HEADER_BYTES, HEADER_WORDS, Record, RecordHeader, Records};
pub use recover::{Damage, RecoverError, Recovered, RecoveredLane, recover};
pub use region::Region;
#[cfg(not(loom))]
pub use room::Room;
pub use storage::{CONTROL_WORDS, Storage};
