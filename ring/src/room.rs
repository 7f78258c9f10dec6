//! How many lanes a file has, and how many are to be had.

/// Lanes of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// All it may have.
    pub lanes: u64,
    /// Those that nobody uses.
    pub free: u64,
}
