//! What the server's handlers share.

use std::sync::Arc;

use super::body::InFlight;
use crate::api::Health;
use crate::config::ServerConfig;
use crate::store::Store;

/// The server's state; clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    in_flight: InFlight,
    max_bytes: usize,
}

impl Shared {
    pub(super) fn new(config: &ServerConfig) -> Self {
        let max_bytes = config.max_bytes;
        Self(Arc::new(Inner { store: Store::new(max_bytes), in_flight: InFlight::new(), max_bytes }))
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(super) fn in_flight(&self) -> &InFlight {
        &self.0.in_flight
    }

    pub(super) fn health(&self) -> Health {
        let totals = self.store().totals();
        Health {
            server: Health::SERVER.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            status: "ok".to_owned(),
            pid: std::process::id(),
            traces: totals.traces,
            spans: totals.spans,
            bytes: totals.bytes,
            max_bytes: self.0.max_bytes,
            evicted_traces: totals.evicted_traces,
            evicted_spans: totals.evicted_spans,
        }
    }
}
