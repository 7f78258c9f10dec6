//! Bar 18, which every other bar is held to as well: each report adds up, exactly.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Finding;
use crate::worker::figures::Figures;

/// How often the law was checked.
#[derive(Debug, Default)]
pub struct Law {
    checked: AtomicU64,
    broken: AtomicU64,
}

impl Law {
    /// Checks one report.
    pub fn check(&self, finding: &mut Finding, figures: &Figures) {
        self.count(figures.adds_up && figures.recovered_adds_up(), finding, || {
            format!("the law is broken: {figures:?}")
        });
    }

    /// What the report says was delivered is what the receiver stored.
    pub fn delivered(&self, finding: &mut Finding, said: u64, stored: u64) {
        self.count(said == stored, finding, || {
            format!("{said} delivered, says the report, and {stored} were stored")
        });
    }

    fn count(&self, holds: bool, finding: &mut Finding, what: impl FnOnce() -> String) {
        self.checked.fetch_add(1, Relaxed);
        self.broken.fetch_add(u64::from(!holds), Relaxed);
        finding.must(holds, what);
    }

    /// How often it was looked at.
    pub fn checked(&self) -> u64 {
        self.checked.load(Relaxed)
    }

    /// How often it was found broken.
    pub fn broken(&self) -> u64 {
        self.broken.load(Relaxed)
    }

    /// How often it held.
    pub fn held(&self) -> u64 {
        self.checked() - self.broken()
    }
}
