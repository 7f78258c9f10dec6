//! What a backend implements: somewhere that takes batches of finished spans and answers truthfully.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::batch::Batch;
use crate::config::TracerConfig;
use crate::error::ConfigError;

/// A boxed future, so that destinations are usable as `dyn`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Somewhere spans go. One task owns it; it is called with one batch at a time, on the delivery
/// thread, inside that thread's own tokio runtime. It never sees the caller's runtime.
pub trait Destination: Send + 'static {
    /// Sends a batch and says what became of it. Must not block: the runtime is single-threaded
    /// and other destinations share it. A panic is caught and counts as a retryable failure.
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Outcome>;

    /// Called once, after the last batch.
    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived, but for the spans counted here.
    Delivered(Delivered),
    /// It did not arrive and may be sent again, not before `after` when the receiver said so.
    Retry {
        /// What the receiver asked for.
        after: Option<Duration>,
        /// Why it did not arrive.
        error: DeliveryError,
    },
    /// It is more than the receiver takes in one request. Its halves are tried; a single span that
    /// is still too large is rejected with this error.
    TooLarge(DeliveryError),
    /// It will never be taken; its spans count as rejected.
    Rejected(DeliveryError),
}

/// The exceptions within a batch that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivered {
    /// Spans the receiver refused.
    pub rejected: u64,
    /// Spans too large for the transport, dropped here.
    pub oversize: u64,
    /// What the receiver said about it.
    pub message: Option<String>,
}

impl Outcome {
    /// Everything arrived.
    pub const fn all() -> Self {
        Outcome::Delivered(Delivered { rejected: 0, oversize: 0, message: None })
    }
}

/// Why a batch did not arrive. Names the endpoint (without credentials or query) and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{endpoint}: {what}")]
pub struct DeliveryError {
    /// The receiver.
    pub endpoint: String,
    /// What happened, and what to do about it where that is known.
    pub what: String,
    nobody_there: bool,
    of_any_batch: bool,
}

impl DeliveryError {
    /// An error at `endpoint`.
    pub fn new(endpoint: impl Into<String>, what: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), what: what.into(), nobody_there: false, of_any_batch: false }
    }

    /// Nothing listens there, which leaves less doubt than other failures: fewer of these open the circuit.
    #[must_use]
    pub fn nobody_there(mut self) -> Self {
        self.nobody_there = true;
        self
    }

    /// The receiver refused who sends, or is not at this URL: any batch would have fared the same. What an earlier
    /// process left is kept for better settings instead of being refused for good.
    #[must_use]
    pub fn of_any_batch(mut self) -> Self {
        self.of_any_batch = true;
        self
    }

    /// Whether it was [`of_any_batch`](DeliveryError::of_any_batch).
    pub fn is_of_any_batch(&self) -> bool {
        self.of_any_batch
    }

    /// Whether it was [`nobody_there`](DeliveryError::nobody_there).
    pub fn is_nobody_there(&self) -> bool {
        self.nobody_there
    }
}

/// A destination that was checked against a configuration and not yet connected.
pub struct Plan {
    /// The backend's name.
    pub backend: &'static str,
    /// Where spans will go, as logs and reports show it: no credentials, no query.
    pub endpoint: String,
    /// Whether spans leave the process: what is on its way there is kept on disk as well.
    pub networked: bool,
    /// What tells its spans from others' at the same endpoint, such as a tenant: never a secret, nor anything that one
    /// can be guessed from. What an earlier process left for another account is left alone.
    pub account: Option<String>,
    /// Builds clients and binds sockets. Runs inside the delivery runtime's context, so
    /// clients that want a reactor find one; it must not block for longer than a bind takes.
    pub connect: Box<dyn FnOnce() -> Result<Connected, ConfigError> + Send>,
}

/// A connected destination.
pub struct Connected {
    /// The destination.
    pub destination: Box<dyn Destination>,
    /// The endpoint, when connecting changed it (a server on the next free port).
    pub endpoint: Option<String>,
    /// Words for the start-up line, such as a server's URL and how to turn it off.
    pub notice: Option<String>,
}

impl Connected {
    /// A destination whose plan said everything already.
    pub fn new(destination: impl Destination) -> Self {
        Self { destination: Box::new(destination), endpoint: None, notice: None }
    }
}

impl Plan {
    /// A plan.
    pub fn new(
        backend: &'static str,
        endpoint: impl Into<String>,
        connect: impl FnOnce() -> Result<Connected, ConfigError> + Send + 'static,
    ) -> Self {
        Self {
            backend,
            endpoint: endpoint.into(),
            networked: false,
            account: None,
            connect: Box::new(connect),
        }
    }

    /// The same for a destination outside this process.
    #[must_use]
    pub fn networked(self) -> Self {
        Self { networked: true, ..self }
    }

    /// The same for an account of its own at the endpoint; see [`Plan::account`].
    #[must_use]
    pub fn account(self, account: Option<String>) -> Self {
        Self { account, ..self }
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("backend", &self.backend)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// What a backend's crate exports: one constant, collected by the facade's registry.
#[derive(Clone, Copy, Debug)]
pub struct Backend {
    /// The name of its [`TracerType`](crate::config::TracerType).
    pub name: &'static str,
    /// Checks the configuration without touching the network or the disk.
    pub plan: fn(&TracerConfig) -> Result<Plan, ConfigError>,
    /// Changes defaults that are wrong for this backend, before the user's own settings apply.
    pub limits: fn(&mut crate::config::Limits),
}
