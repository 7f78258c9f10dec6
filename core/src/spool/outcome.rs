//! What the spool answers: batches, what is pending, what was evicted, what was damaged.

/// A batch that was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its number.
    pub(crate) sequence: u64,
    /// How many spans it has.
    pub(crate) spans: u32,
    /// Its records, as they were appended.
    pub(crate) records: Vec<u8>,
}

/// The answer to a read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Batches that were passed because they are damaged or gone: the reader counts their spans as dropped. Another
    /// read from the same place names them again.
    pub(crate) lost: Vec<SpooledBatch>,
    /// The batch that was asked for, or the next one; none when there is none.
    pub(crate) stored: Option<Stored>,
}

/// A batch's number and size, without its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpooledBatch {
    /// Its number.
    pub(crate) sequence: u64,
    /// How many spans it has.
    pub(crate) spans: u32,
}

/// How much waits from some sequence on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pending {
    /// Batches.
    pub(crate) batches: u64,
    /// Their spans.
    pub(crate) spans: u64,
}

/// A segment that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Evicted {
    /// All of its batches, in order; a destination has lost those from its cursor on.
    pub(crate) batches: Vec<SpooledBatch>,
    /// Why.
    pub(crate) reason: EvictReason,
}

/// Why a segment was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EvictReason {
    /// The spool had reached its own limit.
    MaxBytes,
    /// The file system had too little free space.
    FreeSpace,
    /// Its newest batch was too old.
    Age,
}

/// What became of a directory whose tracer is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// Nothing was pending: it is gone.
    Removed,
    /// It waits for the next process.
    Left,
}

/// What could not be read, counted once however many destinations pass it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Records that were skipped: at least this many where a header was unreadable.
    pub(crate) records: u64,
    /// Spans in those whose header was readable.
    pub(crate) spans: u64,
    /// Bytes that were skipped.
    pub(crate) bytes: u64,
    /// Segments that ended in the middle of a record, as a killed process leaves them.
    pub(crate) tails: u64,
    /// Segments that were missing, or unreadable as a whole and moved to the quarantine.
    pub(crate) segments: u64,
    /// Files beside the segments (cursors, identity) that were unreadable.
    pub(crate) files: u64,
}

impl Damage {
    /// True when everything was as it should be.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn add(&mut self, other: Self) {
        self.records += other.records;
        self.spans += other.spans;
        self.bytes += other.bytes;
        self.tails += other.tails;
        self.segments += other.segments;
        self.files += other.files;
    }
}
