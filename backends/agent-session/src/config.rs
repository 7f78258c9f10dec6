//! What a server is told: where it listens and how much it may hold; and what the backend is called.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tracer_factory_core::config::AgentSessionConfig;

/// What the backend is called.
pub(crate) const NAME: &str = "agent-session";

/// Settings of a [`Server`](crate::Server).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The loopback address to listen on; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The directory that traces are kept in; without one they are kept in memory and end with the server.
    pub data: Option<PathBuf>,
    /// Bytes of spans that are kept; the oldest go first.
    pub max_bytes: usize,
    /// How long they are kept.
    pub max_age: Duration,
    /// How long requests that are under way at a stop may take.
    pub shutdown_timeout: Duration,
}

impl ServerConfig {
    /// The defaults, at `listen`.
    pub fn new(listen: SocketAddr) -> Self {
        Self { listen, ..Self::default() }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        let AgentSessionConfig { listen, max_bytes, max_age, .. } = AgentSessionConfig::default();
        Self { listen, data: None, max_bytes, max_age, shutdown_timeout: Duration::from_secs(2) }
    }
}
