//! How a ring file is laid out: a header, then lanes of one size, each beginning with its control words.
//!
//! ```text
//! header  0 magic · 1 version · 2 bytes of the header · 3 words for records in a lane · 64.. the owner's words
//! lane    0 head · 16 tail · 32.. records (little-endian words; all others are the machine's)
//! ```
#![cfg_attr(any(loom, not(target_os = "linux")), allow(dead_code, reason = "only mapped files are written"))]

use crate::storage::CONTROL_WORDS;

/// Words of the header that mean what the file's owner wants.
pub const OWNER_WORDS: usize = 62;

pub(crate) const MAGIC: u64 = u64::from_ne_bytes(*b"TFring\r\n");
pub(crate) const VERSION: u64 = 1;
/// Where the owner's words begin.
pub(crate) const OWNER: usize = 64;
/// Words of the header that are read back.
pub(crate) const HEADER_WORDS_USED: usize = OWNER + OWNER_WORDS;
/// No header is smaller, or larger than the largest page there is.
pub(crate) const HEADER_BYTES_LEAST: u64 = 4096;
pub(crate) const HEADER_BYTES_MOST: u64 = 64 << 10;

const DATA_BYTES_LEAST: usize = 4096;
const DATA_BYTES_MOST: usize = 1 << 30;

/// Words for records in a lane of at least `bytes` bytes.
pub(crate) fn data_words(bytes: usize) -> usize {
    (bytes.clamp(DATA_BYTES_LEAST, DATA_BYTES_MOST) / 8).next_power_of_two()
}

/// The sizes of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Bytes of the header: a page, and at least [`HEADER_BYTES_LEAST`].
    pub(crate) header_bytes: u64,
    /// Words for records in each lane, a power of two.
    pub(crate) data_words: u64,
}

impl Layout {
    pub(crate) fn new(lane_bytes: usize, page_bytes: usize) -> Self {
        let header_bytes = (page_bytes as u64).max(HEADER_BYTES_LEAST);
        Self { header_bytes, data_words: data_words(lane_bytes) as u64 }
    }

    /// From what a header says; `None` when that can't be.
    pub(crate) fn plausible(header_bytes: u64, data_words: u64) -> Option<Self> {
        let header = header_bytes.is_power_of_two()
            && (HEADER_BYTES_LEAST..=HEADER_BYTES_MOST).contains(&header_bytes);
        let lane = data_words.is_power_of_two()
            && (DATA_BYTES_LEAST as u64 / 8..=DATA_BYTES_MOST as u64 / 8).contains(&data_words);
        (header && lane).then_some(Self { header_bytes, data_words })
    }

    /// Words of a lane that are used: control and records.
    pub(crate) fn lane_words(&self) -> usize {
        CONTROL_WORDS + self.data_words as usize
    }

    /// Bytes from one lane to the next: whole pages.
    pub(crate) fn stride(&self) -> u64 {
        (self.lane_words() as u64 * 8).next_multiple_of(self.header_bytes)
    }

    /// Lanes that a file of so many bytes has room for.
    pub(crate) fn lanes_in(&self, bytes: u64) -> u64 {
        bytes.saturating_sub(self.header_bytes) / self.stride()
    }

    /// Where a lane begins. `None` for one that no file has.
    pub(crate) fn lane_at(&self, lane: u64) -> Option<u64> {
        self.stride().checked_mul(lane)?.checked_add(self.header_bytes)
    }
}
