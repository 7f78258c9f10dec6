//! Managed servers: started or joined on a worker's behalf, in its process or in one of their own.

mod attach;
mod in_process;
mod probe;
mod process;
mod serve;

use tracer_factory_core::config::AgentSessionConfig;
use tracer_factory_core::error::ConfigError;

pub use attach::{Attached, start_or_join};
pub(crate) use probe::{Found, http_get, probe};
pub use serve::{Ready, announce, serve_blocking};

use crate::config::ServerConfig;

/// A server that takes this worker's spans.
#[derive(Debug)]
pub(crate) struct Managed {
    pub(crate) url: String,
    /// Where it was meant to be, when somebody else was there.
    pub(crate) instead_of: Option<std::net::SocketAddr>,
    pub(crate) tie: Tie,
}

/// What holds the server in place.
#[derive(Debug)]
pub(crate) enum Tie {
    /// It lives in this process as long as anyone here holds a lease.
    Lease(#[expect(dead_code, reason = "held for its drop")] in_process::Lease),
    /// It is somebody else's, in another process, and may end at any time.
    Joined,
    /// A process that was started here and outlives us.
    Started,
}

impl Managed {
    /// Finds or starts the server that `config` asks for. Blocks: for a bind and some local round trips, and for
    /// a process of its own until that is ready.
    pub(crate) fn establish(config: &AgentSessionConfig) -> Result<Self, ConfigError> {
        let mut server = ServerConfig::new(config.listen);
        server.max_bytes = config.max_bytes;
        if config.daemon {
            return in_process::lease(server).map_err(|error| setup(error.to_string()));
        }
        if let Some(url) = attach::find(config.listen) {
            return Ok(Self { url, instead_of: None, tie: Tie::Joined });
        }
        process::start(config).map(|url| Self { url, instead_of: None, tie: Tie::Started }).map_err(setup)
    }
}

fn setup(what: String) -> ConfigError {
    ConfigError::Setup { backend: crate::BACKEND.name.to_owned(), what }
}
