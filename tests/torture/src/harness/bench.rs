//! How much is run, and where the worker program is.

use std::path::PathBuf;

use super::Law;

/// How much is run.
#[derive(Clone, Debug)]
pub struct Effort {
    /// For bars that repeat; their own number when nothing is said.
    pub rounds: Option<u64>,
    /// For bars that last; their own time when nothing is said.
    pub seconds: Option<u64>,
    /// Of every random choice.
    pub seed: u64,
    /// Whether this is part of a test run, where every second counts.
    pub short: bool,
}

impl Effort {
    /// What a person at a terminal waits for.
    pub fn normal() -> Self {
        Self { rounds: None, seconds: None, seed: fastrand::u64(..), short: false }
    }

    /// What every test run can afford.
    pub fn short() -> Self {
        Self { short: true, ..Self::normal() }
    }
}

/// One run.
#[derive(Debug)]
pub struct Bench {
    /// The program whose other half is the worker.
    pub program: PathBuf,
    /// How much.
    pub effort: Effort,
    /// What was checked after every bar.
    pub law: Law,
}

impl Bench {
    /// A run of `program`.
    pub fn new(program: PathBuf, effort: Effort) -> Self {
        Self { program, effort, law: Law::default() }
    }

    /// Rounds of a bar that does `normal` of them by itself.
    pub fn rounds(&self, short: u64, normal: u64) -> u64 {
        self.effort.rounds.unwrap_or(if self.effort.short { short } else { normal })
    }

    /// Seconds of a bar that lasts `normal` of them by itself.
    pub fn seconds(&self, short: u64, normal: u64) -> u64 {
        self.effort.seconds.unwrap_or(if self.effort.short { short } else { normal })
    }

    /// Random choices of a bar, the same for the same seed.
    pub fn random(&self, bar: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.effort.seed ^ bar.rotate_left(32))
    }
}
