//! One destination's account: what became of the spans it was given, and what is said about it, once per change.

use std::collections::BTreeMap;
use std::time::Instant;

use super::breaker::Circuit;
use super::destination::{Delivered, DeliveryError};
use crate::report::{DestinationHealth, DestinationReport};

/// Reasons for which spans are given up.
pub(crate) mod reason {
    /// The recording thread's lane was full.
    pub(crate) const LANE_FULL: &str = "lane_full";
    /// What is kept for a destination that does not answer was more than may be; the oldest went.
    pub(crate) const QUEUE_FULL: &str = "queue_full";
    /// The same on disk.
    pub(crate) const SPOOL_FULL: &str = "spool_full";
    /// They waited on disk for longer than they may.
    pub(crate) const EXPIRED: &str = "spool_expired";
    /// They could not be read back from disk.
    pub(crate) const DAMAGED: &str = "spool_damaged";
    /// Too large for the transport.
    pub(crate) const OVERSIZE: &str = "oversize";
    /// The destination panicked on them again and again.
    pub(crate) const PANIC: &str = "destination_panicked";
    /// The deadline of teardown passed.
    pub(crate) const SHUTDOWN: &str = "shutdown";
    /// They ended after teardown.
    pub(crate) const TORN_DOWN: &str = "torn_down";
}

/// Spans by what became of them: the terms of the law but for those that wait.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) delivered: u64,
    pub(crate) rejected: u64,
    pub(crate) dropped: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(crate) fn drop_spans(&mut self, reason: &'static str, spans: u64) {
        if spans > 0 {
            *self.dropped.entry(reason).or_default() += spans;
        }
    }

    /// Counts `spans` of which the receiver said `what`.
    pub(crate) fn deliver(&mut self, spans: u64, what: &Delivered) {
        let rejected = what.rejected.min(spans);
        let oversize = what.oversize.min(spans - rejected);
        self.delivered += spans - rejected - oversize;
        self.rejected += rejected;
        self.drop_spans(reason::OVERSIZE, oversize);
    }
}

/// The batch that a destination is working on.
#[derive(Debug, Clone, Copy)]
pub(super) struct InFlight {
    pub(super) sequence: u64,
    /// Those of its spans that are not settled yet.
    pub(super) spans: u64,
}

#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) backend: &'static str,
    pub(super) endpoint: String,
    /// The first batch that it has not been given.
    pub(super) next: u64,
    pub(super) in_flight: Option<InFlight>,
    pub(super) tally: Tally,
    /// `None` before the first attempt.
    pub(super) circuit: Option<(Circuit, Instant)>,
    error: Option<DeliveryError>,
    last_success: Option<Instant>,
    overflowing: bool,
}

impl Ledger {
    pub(super) fn new(backend: &'static str, endpoint: String) -> Self {
        Self {
            backend,
            endpoint,
            next: 0,
            in_flight: None,
            tally: Tally::default(),
            circuit: None,
            error: None,
            last_success: None,
            overflowing: false,
        }
    }

    /// The first batch that is not settled: where it would have to begin again.
    pub(super) fn cursor(&self) -> u64 {
        self.in_flight.map_or(self.next, |flight| flight.sequence)
    }

    /// Spans of a batch that never gets to it.
    pub(super) fn overflow(&mut self, reason: &'static str, spans: u64) {
        self.tally.drop_spans(reason, spans);
        if spans > 0 && !std::mem::replace(&mut self.overflowing, true) {
            tracing::warn!(
                backend = self.backend,
                endpoint = self.endpoint,
                reason,
                "too much waits for this destination: the oldest spans are dropped and counted until it answers"
            );
        }
    }

    /// Part of the batch in flight arrived.
    pub(super) fn delivered(&mut self, spans: u64, what: &Delivered) {
        let landed = self.land(spans);
        self.tally.deliver(landed, what);
        self.last_success = Some(Instant::now());
        self.overflowing = false;
        let recovered = self.error.take().is_some();
        if what.rejected > 0 {
            let message = what.message.clone().unwrap_or_default();
            let words = format!("refused {} spans: {message}", what.rejected);
            self.error = Some(DeliveryError::new(&self.endpoint, words));
            if !recovered {
                let rejected = what.rejected;
                tracing::warn!(
                    backend = self.backend,
                    endpoint = self.endpoint,
                    rejected,
                    message,
                    "spans were refused"
                );
            }
        } else if recovered {
            tracing::info!(backend = self.backend, endpoint = self.endpoint, "spans are delivered again");
        }
    }

    /// Part of the batch in flight will never be taken.
    pub(super) fn rejected(&mut self, spans: u64, error: DeliveryError) {
        let landed = self.land(spans);
        self.tally.rejected += landed;
        self.failed(error, "spans were refused for good");
    }

    /// Part of the batch in flight is given up.
    pub(super) fn dropped(&mut self, spans: u64, reason: &'static str) {
        let spans = self.land(spans);
        self.tally.drop_spans(reason, spans);
    }

    /// Takes spans out of the batch in flight; never more than it has.
    fn land(&mut self, spans: u64) -> u64 {
        let flight = self.in_flight.as_mut();
        flight.map_or(0, |flight| {
            let landed = spans.min(flight.spans);
            flight.spans -= landed;
            landed
        })
    }

    /// Remembers a failure, and says it once until something is delivered again.
    pub(super) fn failed(&mut self, error: DeliveryError, what: &str) {
        let words = error.to_string();
        if self.error.replace(error).is_none() {
            tracing::warn!(backend = self.backend, endpoint = self.endpoint, error = words, "{what}");
        }
    }

    /// This destination's share of a report. `waiting` is what it has not been given yet.
    pub(super) fn report(&self, waiting: u64, refused: u64, late: u64) -> DestinationReport {
        let mut dropped = self.tally.dropped.clone();
        for (reason, count) in [(reason::LANE_FULL, refused), (reason::TORN_DOWN, late)] {
            if count > 0 {
                *dropped.entry(reason).or_default() += count;
            }
        }
        DestinationReport {
            backend: self.backend.to_owned(),
            endpoint: self.endpoint.clone(),
            delivered: self.tally.delivered,
            rejected: self.tally.rejected,
            dropped,
            pending: waiting + self.in_flight.map_or(0, |flight| flight.spans),
            last_error: self.error.as_ref().map(ToString::to_string),
            ..DestinationReport::default()
        }
    }

    pub(super) fn health(&self, waiting: u64) -> DestinationHealth {
        DestinationHealth {
            backend: self.backend.to_owned(),
            endpoint: self.endpoint.clone(),
            pending: waiting + self.in_flight.map_or(0, |flight| flight.spans),
            last_success: self.last_success.map(|when| when.elapsed()),
            circuit: self.circuit.map(|(circuit, _)| circuit).unwrap_or_default(),
            circuit_since: self.circuit.map(|(_, since)| since.elapsed()),
            error: self.error.as_ref().map(ToString::to_string),
        }
    }
}
