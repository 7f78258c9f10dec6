//! Ring files where files are not mapped yet: there are none, and lanes are on the heap.

use std::convert::Infallible;
use std::io;
use std::path::Path;

use crate::consumer::Consumer;
use crate::producer::Producer;
use crate::room::Room;

/// A file of lanes, which this system does not have.
#[derive(Debug)]
pub struct RingFile(Infallible);

impl RingFile {
    /// Always an error of the kind `Unsupported`.
    pub fn create(path: &Path, _lane_bytes: usize, _max_bytes: u64) -> io::Result<Self> {
        let text = format!("ring file {}: only Linux has them so far; lanes stay in memory", path.display());
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }

    /// A lane of the file.
    pub fn lane(&self) -> io::Result<Option<(Producer, Consumer)>> {
        match self.0 {}
    }

    /// No file has any bytes.
    pub fn bytes_of(_lanes: u64, _lane_bytes: usize) -> u64 {
        0
    }

    /// How many lanes there are.
    pub fn room(&self) -> Room {
        match self.0 {}
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        match self.0 {}
    }

    /// One of the owner's words.
    pub fn cursor(&self, _index: usize) -> Option<u64> {
        match self.0 {}
    }

    /// Stores one of the owner's words.
    pub fn set_cursor(&self, _index: usize, _value: u64) -> bool {
        match self.0 {}
    }
}
