//! How much is run, and where the worker program is.

use std::fmt::Display;
use std::path::PathBuf;

use super::{Finding, Law, Need};

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
    /// What parts may be left out for want of; anything else that is missing is a miss.
    pub allow_missing: Vec<Need>,
    /// Kinds of workers that bar 1 kills; its own choice when none is named.
    pub scenarios: Vec<String>,
}

impl Effort {
    /// What a person at a terminal waits for.
    pub fn normal() -> Self {
        Self {
            rounds: None,
            seconds: None,
            seed: fastrand::u64(..),
            short: false,
            allow_missing: Vec::new(),
            scenarios: Vec::new(),
        }
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

    /// A part that can't be run here, and why: a miss, unless the caller allows it.
    pub fn without(&self, finding: &mut Finding, need: Need, what: &str, why: impl Display) {
        let allowed = self.effort.allow_missing.contains(&need);
        finding.without(format!("{what}: {why} (--allow-missing {need} goes without)"), allowed);
    }

    /// Random choices of a bar, the same for the same seed.
    pub fn random(&self, bar: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.effort.seed ^ bar.rotate_left(32))
    }
}
