//! What became of the spans: counted per destination, each term on its own.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::delivery::Circuit;

/// Where every ended span is now. For each destination `accepted = delivered + rejected + dropped + pending`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// Spans that were recorded and ended.
    pub accepted: u64,
    /// Traces that head sampling did not record; their spans are not among the accepted.
    pub sampled_out_traces: u64,
    /// The directory that keeps what is pending after teardown.
    pub kept_in: Option<PathBuf>,
    /// One for each destination.
    pub destinations: Vec<DestinationReport>,
    /// What earlier processes left and could not be taken over, each directory with the reason.
    pub unread: Vec<String>,
    /// After a replay, the file with the spans that a receiver refused for what is in them. Nothing removes it.
    pub refused_in: Option<PathBuf>,
    /// Delivery did not answer in time, perhaps because its disk does not: these are the figures of the last report
    /// that it gave.
    pub is_outdated: bool,
}

/// One destination's share of a [`Report`].
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DestinationReport {
    /// The backend's name.
    pub backend: String,
    /// Where it sends, without credentials.
    pub endpoint: String,
    /// Spans the receiver confirmed. Over UDP: spans sent.
    pub delivered: u64,
    /// Spans the receiver will never take.
    pub rejected: u64,
    /// Spans given up here, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Spans on their way. After teardown: spans on disk, for the next process that sends there.
    pub pending: u64,
    /// Spans that an earlier process left on disk for this destination: an account of its own, beside the law.
    pub recovered: RecoveredReport,
    /// The last failure, until something is delivered again.
    pub last_error: Option<String>,
}

/// What became of spans that earlier processes left behind: `found = delivered + rejected + dropped + pending`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RecoveredReport {
    /// Spans taken over.
    pub found: u64,
    /// Spans the receiver confirmed.
    pub delivered: u64,
    /// Spans the receiver will never take.
    pub rejected: u64,
    /// Spans given up here, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Spans still on disk.
    pub pending: u64,
}

impl DestinationReport {
    /// Spans given up, whatever the reason.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }
}

impl Report {
    /// True when every destination has confirmed every accepted span.
    pub fn is_complete(&self) -> bool {
        !self.is_outdated
            && self.destinations.iter().all(|destination| destination.delivered == self.accepted)
    }

    /// True when no accepted span is lost: each was delivered, or waits on disk for the next process.
    pub fn is_safe(&self) -> bool {
        let kept = self.kept_in.is_some();
        !self.is_outdated
            && self
                .destinations
                .iter()
                .all(|d| d.rejected + d.dropped_total() == 0 && (d.pending == 0 || kept))
    }

    /// True when the law holds for every destination.
    pub fn adds_up(&self) -> bool {
        self.destinations
            .iter()
            .all(|d| self.accepted == d.delivered + d.rejected + d.dropped_total() + d.pending)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.accepted == 1 { "" } else { "s" };
        write!(f, "{} span{s} accepted", self.accepted)?;
        for d in &self.destinations {
            write!(f, "; {} {}: {} delivered", d.backend, d.endpoint, d.delivered)?;
            for (count, what) in [(d.rejected, "rejected"), (d.pending, "pending")] {
                if count > 0 {
                    write!(f, ", {count} {what}")?;
                }
            }
            for (reason, count) in &d.dropped {
                write!(f, ", {count} dropped ({reason})")?;
            }
            if let Some(error) = &d.last_error {
                write!(f, " ({error})")?;
            }
        }
        if let Some(directory) = &self.kept_in {
            write!(f, "; what is pending is kept in {}", directory.display())?;
        }
        if self.is_outdated {
            write!(f, "; delivery does not answer, and these figures are older")?;
        }
        Ok(())
    }
}

/// Whether a tracer can do its work.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Health {
    /// One for each destination.
    pub destinations: Vec<DestinationHealth>,
    /// Where spans wait that are not delivered yet.
    pub disk: DiskHealth,
    /// Why a killed process would lose some of the spans that have just ended, although finished spans are to be kept on
    /// disk: no directory, a full disk, or more threads than lanes. `None` while that is not so, or not wanted.
    pub exposed: Option<String>,
}

/// The disk's share of a [`Health`]. While it fails, spans wait in memory; that alone makes no tracer unhealthy.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DiskHealth {
    /// How often writing or syncing failed.
    pub failures: u64,
    /// Why it failed the last time; `None` once it works again.
    pub error: Option<String>,
}

impl Health {
    /// True when no destination failed the last time it was tried. Says nothing about the disk.
    pub fn is_healthy(&self) -> bool {
        self.destinations.iter().all(|destination| destination.error.is_none())
    }
}

/// One destination's share of a [`Health`].
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DestinationHealth {
    /// The backend's name.
    pub backend: String,
    /// Where it sends, without credentials.
    pub endpoint: String,
    /// Spans waiting.
    pub pending: u64,
    /// How long ago something was last delivered.
    pub last_success: Option<Duration>,
    /// Whether it is tried: open after several failures in a row.
    pub circuit: Circuit,
    /// For how long it has been open, or closed since it last was.
    pub circuit_since: Option<Duration>,
    /// Why the last attempt failed; `None` after a success and before the first attempt.
    pub error: Option<String>,
}
