//! What the server's handlers share.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::body::InFlight;
use crate::api::Health;
use crate::config::ServerConfig;
use crate::error::ServerError;
use crate::store::{Keep, Store};

/// Pages that watch at one time; each has a connection that does not end.
const LIVE_PLACES: usize = 32;

/// The server's state; clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    in_flight: InFlight,
    max_bytes: usize,
    live: Arc<Semaphore>,
    closing: watch::Sender<bool>,
}

impl Shared {
    pub(super) fn new(config: &ServerConfig) -> Result<Self, ServerError> {
        let keep = Keep { max_bytes: config.max_bytes, max_age: config.max_age };
        let store = match &config.data {
            Some(directory) => Store::on_disk(directory, keep)?,
            None => Store::in_memory(keep),
        };
        Ok(Self(Arc::new(Inner {
            store,
            in_flight: InFlight::new(),
            max_bytes: config.max_bytes,
            live: Arc::new(Semaphore::new(LIVE_PLACES)),
            closing: watch::Sender::new(false),
        })))
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(super) fn in_flight(&self) -> &InFlight {
        &self.0.in_flight
    }

    pub(super) fn max_bytes(&self) -> usize {
        self.0.max_bytes
    }

    /// A place for one more page that watches, until it is dropped.
    pub(super) fn live_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.live).try_acquire_owned().ok()
    }

    /// Ends the answers that don't end by themselves.
    pub(super) fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// Resolves once the server is about to stop.
    pub(super) async fn closing(&self) {
        // The sender lives as long as this does.
        let _ = self.0.closing.subscribe().wait_for(|closing| *closing).await;
    }

    pub(super) fn health(&self) -> Health {
        let totals = self.store().totals();
        Health {
            server: Health::SERVER.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            status: self.store().failure().unwrap_or_else(|| "ok".to_owned()),
            pid: std::process::id(),
            data: self.store().directory().map(|path| path.display().to_string()),
            traces: totals.traces,
            spans: totals.spans,
            bytes: totals.bytes,
            max_bytes: self.0.max_bytes,
            evicted_traces: totals.evicted_traces,
            evicted_spans: totals.evicted_spans,
        }
    }
}
