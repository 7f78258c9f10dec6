//! The faults that there are.

use std::time::Duration;

use super::Answer;

/// What happens to connections from now on, also to those that are open.
#[derive(Clone, Debug, Default)]
pub enum Fault {
    /// Nothing: every byte goes through.
    #[default]
    Pass,
    /// Each piece of data arrives so much later, in both directions.
    Delay(Duration),
    /// Nothing listens, and whoever was connected is reset.
    Refuse,
    /// Every connection is reset, new ones as soon as they are made.
    Reset,
    /// A connection ends after so many more bytes in one direction.
    Cut {
        /// Which way the bytes go.
        direction: Direction,
        /// How many go through, for each connection.
        after: u64,
    },
    /// So many bytes a second go through, for each direction of each connection.
    Trickle(u64),
    /// Connections are made, and not a byte goes through.
    Hang,
    /// Connections are not even made: a packet that asks for one gets no answer. Nothing goes through old ones.
    BlackHole,
    /// Every request gets this answer; the receiver sees none of them. Without TLS only.
    Answer(Box<Answer>),
}

impl From<Answer> for Fault {
    fn from(answer: Answer) -> Self {
        Self::Answer(Box::new(answer))
    }
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the receiver.
    Up,
    /// From the receiver to the client.
    Down,
}
