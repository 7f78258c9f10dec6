//! Lanes: single-producer, single-consumer rings of records.
//!
//! A lane belongs to one recording thread and is emptied by the delivery thread. Pushing never
//! blocks and never allocates; a full lane refuses the record and counts it.
//!
//! The store is a slice of atomic words, so the whole crate is safe Rust: a racing reader sees old
//! or new words, never undefined ones, and `head` is published (release) only after every word of a
//! record is in place. The words are on the heap so far; a mapped file can hold the same ones.

mod lane;
mod record;

pub use lane::{Consumer, Lane, Producer, Push, lane};
pub use record::{HEADER_BYTES, HEADER_WORDS, RecordHeader, Records};
