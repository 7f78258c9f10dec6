//! A report as it travels from a worker to the bar that asked for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tracer_factory::{DestinationReport, Report};

/// A [`Report`], and what it says of itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Spans that were recorded and ended.
    pub accepted: u64,
    /// Whether the law holds.
    pub adds_up: bool,
    /// Whether no accepted span is lost.
    pub safe: bool,
    /// Where what is pending is kept after teardown.
    pub kept_in: Option<String>,
    /// In the order in which they were configured.
    pub destinations: Vec<Destination>,
}

/// One destination's share.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Destination {
    /// Confirmed.
    pub delivered: u64,
    /// Refused for good.
    pub rejected: u64,
    /// Given up, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// On their way.
    pub pending: u64,
    /// Of earlier processes: found there, and what became of them.
    pub recovered: Recovered,
    /// The last failure.
    pub last_error: Option<String>,
}

/// What an earlier process left.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Recovered {
    /// Taken over.
    pub found: u64,
    /// Confirmed.
    pub delivered: u64,
    /// Refused for good.
    pub rejected: u64,
    /// Given up.
    pub dropped: u64,
    /// Still to be sent.
    pub pending: u64,
}

/// What teardown said, and how long that took.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Torn {
    /// How long.
    pub seconds: f64,
    /// The last report.
    pub report: Figures,
}

impl Figures {
    pub(super) fn of(report: &Report) -> Self {
        Self {
            accepted: report.accepted,
            adds_up: report.adds_up(),
            safe: report.is_safe(),
            kept_in: report.kept_in.as_ref().map(|path| path.display().to_string()),
            destinations: report.destinations.iter().map(Destination::of).collect(),
        }
    }

    /// Whether what was found of earlier processes adds up as well.
    pub fn recovered_adds_up(&self) -> bool {
        self.destinations.iter().map(|destination| &destination.recovered).all(|recovered| {
            recovered.found
                == recovered.delivered + recovered.rejected + recovered.dropped + recovered.pending
        })
    }

    /// Spans on their way, this process' and earlier ones', to whichever destination has most.
    pub fn pending(&self) -> u64 {
        self.destinations.iter().map(|one| one.pending + one.recovered.pending).max().unwrap_or(0)
    }

    /// Spans that will never arrive somewhere.
    pub fn lost(&self) -> u64 {
        self.destinations.iter().map(|one| one.rejected + one.dropped.values().sum::<u64>()).sum()
    }

    /// The only destination.
    pub fn only(&self) -> Destination {
        self.destinations.first().cloned().unwrap_or_default()
    }
}

impl Destination {
    fn of(report: &DestinationReport) -> Self {
        let recovered = &report.recovered;
        Self {
            delivered: report.delivered,
            rejected: report.rejected,
            dropped: report.dropped.iter().map(|(reason, spans)| ((*reason).to_owned(), *spans)).collect(),
            pending: report.pending,
            recovered: Recovered {
                found: recovered.found,
                delivered: recovered.delivered,
                rejected: recovered.rejected,
                dropped: recovered.dropped.values().sum(),
                pending: recovered.pending,
            },
            last_error: report.last_error.clone(),
        }
    }

    /// Everything that a receiver confirmed to this process.
    pub fn confirmed(&self) -> u64 {
        self.delivered + self.recovered.delivered
    }
}
