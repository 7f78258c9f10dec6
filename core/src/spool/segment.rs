//! The bytes of a segment: its header, its records' headers, and how each is checked.
//!
//! ```text
//! segment = header (64 bytes), context, record…
//! header  = "tfspool\n", version, context length, first sequence, boot, since boot, wall clock, crc of context, crc
//! record  = mark, length, crc of payload, spans, sequence, milliseconds since the header, crc; payload
//! ```
//! A record's header has a checksum of its own, so that its length can be trusted or not before anything is read. The
//! checksum begins with the segment's, so that no payload can pretend to be a record.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::fields::Fields;
use super::moment::Moment;
use super::outcome::SpooledBatch;

pub(super) const HEADER: usize = 64;
pub(super) const RECORD_HEADER: usize = 32;
/// How the names of segments end.
pub(super) const SUFFIX: &str = ".segment";

const MAGIC: [u8; 8] = *b"tfspool\n";
const VERSION: u32 = 1;
const MARK: [u8; 4] = [0xc5, b'T', b'F', 0x9d];

/// The first bytes of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) first: u64,
    pub(super) created: Moment,
    pub(super) context_length: u32,
    pub(super) context_sum: u32,
    /// The header's own checksum, from which those of its records start.
    pub(super) seal: u32,
}

/// Why a header can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadHeader {
    Damaged,
    Version(u32),
}

impl Header {
    /// For a segment that starts now, and its bytes.
    pub(super) fn new(first: u64, created: Moment, context: &[u8]) -> (Self, Vec<u8>) {
        let (context_length, context_sum) = (context.len() as u32, crc32fast::hash(context));
        let mut bytes = Vec::with_capacity(HEADER + context.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&context_length.to_le_bytes());
        bytes.extend_from_slice(&first.to_le_bytes());
        bytes.extend_from_slice(&created.boot.to_le_bytes());
        bytes.extend_from_slice(&created.since_boot.to_le_bytes());
        bytes.extend_from_slice(&created.wall.to_le_bytes());
        bytes.extend_from_slice(&context_sum.to_le_bytes());
        let seal = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&seal.to_le_bytes());
        bytes.extend_from_slice(context);
        (Self { first, created, context_length, context_sum, seal }, bytes)
    }

    pub(super) fn decode(bytes: &[u8; HEADER]) -> Result<Self, BadHeader> {
        let (checked, sum) = bytes.split_last_chunk::<4>().ok_or(BadHeader::Damaged)?;
        let seal = u32::from_le_bytes(*sum);
        let mut fields = Fields::new(checked);
        // Every version starts with these two and has its checksum here.
        if fields.array() != Some(MAGIC) || crc32fast::hash(checked) != seal {
            return Err(BadHeader::Damaged);
        }
        match fields.u32() {
            Some(VERSION) => {}
            Some(version) => return Err(BadHeader::Version(version)),
            None => return Err(BadHeader::Damaged),
        }
        let mut rest = || {
            let context_length = fields.u32()?;
            let first = fields.u64()?;
            let boot = u128::from_le_bytes(fields.array()?);
            let created = Moment { boot, since_boot: fields.u64()?, wall: fields.u64()? };
            Some(Self { first, created, context_length, context_sum: fields.u32()?, seal })
        };
        rest().ok_or(BadHeader::Damaged)
    }
}

/// What stands before a record's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub(super) length: u32,
    pub(super) sum: u32,
    pub(super) spans: u32,
    pub(super) sequence: u64,
    /// Milliseconds since the segment was created.
    pub(super) elapsed: u32,
}

impl RecordHeader {
    pub(super) fn encode(&self, seal: u32) -> [u8; RECORD_HEADER] {
        let mut bytes = [0; RECORD_HEADER];
        let fields: [&[u8]; 6] = [
            &MARK,
            &self.length.to_le_bytes(),
            &self.sum.to_le_bytes(),
            &self.spans.to_le_bytes(),
            &self.sequence.to_le_bytes(),
            &self.elapsed.to_le_bytes(),
        ];
        for (to, from) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        if let Some((checked, sum)) = bytes.split_last_chunk_mut::<4>() {
            *sum = header_sum(seal, checked).to_le_bytes();
        }
        bytes
    }

    /// `None` for anything that was not encoded with the same seal.
    pub(super) fn decode(bytes: &[u8], seal: u32) -> Option<Self> {
        if !bytes.starts_with(&MARK) {
            return None;
        }
        let bytes = bytes.first_chunk::<RECORD_HEADER>()?;
        let (checked, sum) = bytes.split_last_chunk::<4>()?;
        if header_sum(seal, checked) != u32::from_le_bytes(*sum) {
            return None;
        }
        let mut fields = Fields::new(checked);
        fields.u32()?;
        Some(Self {
            length: fields.u32()?,
            sum: fields.u32()?,
            spans: fields.u32()?,
            sequence: fields.u64()?,
            elapsed: fields.u32()?,
        })
    }
}

fn header_sum(seal: u32, checked: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new_with_initial(seal);
    sum.update(checked);
    sum.finalize()
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) sequence: u64,
    pub(super) offset: u32,
    pub(super) spans: u32,
}

impl Entry {
    pub(super) fn batch(&self) -> SpooledBatch {
        SpooledBatch { sequence: self.sequence, spans: self.spans }
    }
}

/// A segment that is on disk, and where its records are: sixteen bytes each.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) header: Header,
    pub(super) context: Arc<[u8]>,
    /// Never empty, in order.
    pub(super) entries: Vec<Entry>,
    /// The file's length.
    pub(super) bytes: u64,
    /// When the last record was appended.
    pub(super) newest: Moment,
    /// Records that turned out to be unreadable.
    pub(super) bad: BTreeSet<u64>,
}

impl Segment {
    pub(super) fn last(&self) -> u64 {
        self.entries.last().map_or(self.header.first, |entry| entry.sequence)
    }

    /// The first record at or after a sequence.
    pub(super) fn find(&self, sequence: u64) -> Option<Entry> {
        let at = self.entries.partition_point(|entry| entry.sequence < sequence);
        self.entries.get(at).copied()
    }
}

/// The name of the segment that starts with a sequence.
pub(super) fn name(first: u64) -> String {
    format!("{first:016x}{SUFFIX}")
}
