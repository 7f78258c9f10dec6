//! What numbers of a configuration may be: one place for the fields and for the variables.

use std::time::Duration;

/// The least and the greatest value, both allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The least.
    pub min: u64,
    /// The greatest.
    pub max: u64,
}

impl Bounds {
    const fn new(min: u64, max: u64) -> Self {
        Self { min, max }
    }

    /// True for a value between them.
    pub const fn hold(self, value: u64) -> bool {
        self.min <= value && value <= self.max
    }

    /// True for a time whose milliseconds are between them.
    pub fn hold_millis(self, time: Duration) -> bool {
        Duration::from_millis(self.min) <= time && time <= Duration::from_millis(self.max)
    }
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Attributes, events, links; beyond it there is `unlimited`.
pub const COUNT: Bounds = Bounds::new(0, 1_000_000_000);
/// Bytes of one value; beyond it there is `unlimited`.
pub const VALUE_BYTES: Bounds = Bounds::new(0, GIB);
/// Bytes of one span: an OTLP request holds 64 MiB at most.
pub const SPAN_BYTES: Bounds = Bounds::new(256, 64 * MIB);
/// Bytes of the last trace.
pub const LAST_TRACE_BYTES: Bounds = Bounds::new(0, 16 * GIB);
/// Milliseconds; 0 would spin.
pub const SCHEDULE_DELAY: Bounds = Bounds::new(1, 3_600_000);
/// Spans in one request.
pub const BATCH_SPANS: Bounds = Bounds::new(1, 1_000_000);
/// Bytes in one request.
pub const BATCH_BYTES: Bounds = Bounds::new(KIB, 64 * MIB);
/// Bytes that wait for one destination.
pub const QUEUE_BYTES: Bounds = Bounds::new(KIB, 1024 * GIB);
/// Bytes of one thread's lane.
pub const LANE_BYTES: Bounds = Bounds::new(4 * KIB, GIB);
/// Bytes of one tracer's files on disk.
pub const SPOOL_BYTES: Bounds = Bounds::new(MIB, 1024 * GIB);
/// Milliseconds that spans may wait on disk.
pub const SPOOL_AGE: Bounds = Bounds::new(1000, 366 * 24 * 3_600_000);
/// Milliseconds between two writes to the disk itself.
pub const SPOOL_FSYNC: Bounds = Bounds::new(10, 3_600_000);
/// Milliseconds; 0 means not to wait.
pub const SHUTDOWN_TIMEOUT: Bounds = Bounds::new(0, 600_000);
/// Milliseconds of one request.
pub const TIMEOUT: Bounds = Bounds::new(1, 600_000);
/// Bytes of spans that the embedded server keeps.
pub const SERVER_BYTES: Bounds = Bounds::new(MIB, 1024 * GIB);
/// Milliseconds that the embedded server keeps spans.
pub const SERVER_AGE: Bounds = Bounds::new(1000, 3660 * 24 * 3_600_000);
/// Spans that wait for one destination, where they are counted instead of their bytes.
pub const QUEUE_SPANS: Bounds = Bounds::new(1, GIB);
