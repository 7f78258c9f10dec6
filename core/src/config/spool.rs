//! What is kept on disk of spans that are not delivered yet, and what happens when there is too much of it.

use std::path::PathBuf;
use std::time::Duration;

/// The files that make finished spans survive the process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolConfig {
    /// Where they are.
    pub directory: SpoolDirectory,
    /// Bytes that may wait there for this tracer, and as many again for all that processes left which have ended; beyond,
    /// the oldest spans go and are counted.
    pub max_bytes: usize,
    /// How long spans may wait there, whoever left them.
    pub max_age: Duration,
    /// When what was written has to be on the disk itself; a killed process loses nothing either way.
    pub fsync: Fsync,
}

impl Default for SpoolConfig {
    fn default() -> Self {
        Self {
            directory: SpoolDirectory::PerUser,
            max_bytes: 256 << 20,
            max_age: Duration::from_secs(24 * 60 * 60),
            fsync: Fsync::Every(Duration::from_millis(500)),
        }
    }
}

/// Where the files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpoolDirectory {
    /// `tracer-factory/spool` in the user's state directory, for destinations over a network; without such a directory, nowhere.
    PerUser,
    /// There, whatever the destinations are.
    At(PathBuf),
    /// Nowhere: spans are kept in memory only.
    Off,
}

/// How far written spans have to get, for the case that the machine itself stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// When the system pleases.
    Never,
    /// At least this often.
    Every(Duration),
    /// Before a batch counts as kept.
    Always,
}

/// What a recording thread does when its lane is full because delivery cannot keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// Has delivery move the lane's spans on, to disk if need be, and waits for that for a second at most. Then new spans
    /// wait in memory, up to `queue_bytes`; beyond it the oldest of those go and are counted.
    #[default]
    Spill,
    /// Drops the span at once.
    Drop,
    /// Waits until there is room.
    Block,
}
