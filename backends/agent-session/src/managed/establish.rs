//! A worker's server: found, joined or started, and held as long as that takes.

use std::net::SocketAddr;

use tracer_factory_core::config::{AgentSessionConfig, ServerData};
use tracer_factory_core::error::ConfigError;

use super::attach::find;
use super::in_process::{Lease, Leased, lease};
use super::process;
use crate::config::{NAME, ServerConfig};

/// A server that takes this worker's spans.
#[derive(Debug)]
pub(crate) struct Managed {
    pub(crate) url: String,
    /// Where it was meant to be, when somebody else was there.
    pub(crate) instead_of: Option<SocketAddr>,
    pub(crate) tie: Tie,
}

/// What holds the server in place.
#[derive(Debug)]
pub(crate) enum Tie {
    /// It lives in this process as long as anyone here holds a lease.
    Lease(#[expect(dead_code, reason = "held for its drop")] Lease),
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
        server.data = match &config.data {
            ServerData::At(directory) => Some(directory.clone()),
            ServerData::Default | ServerData::Memory => None,
        };
        server.max_bytes = config.max_bytes;
        server.max_age = config.max_age;
        if config.daemon {
            return lease(server).map(Self::from).map_err(|error| setup(error.to_string()));
        }
        if let Some(url) = find(config.listen) {
            return Ok(Self { url, instead_of: None, tie: Tie::Joined });
        }
        process::start(config).map(|url| Self { url, instead_of: None, tie: Tie::Started }).map_err(setup)
    }
}

impl From<Leased> for Managed {
    fn from(leased: Leased) -> Self {
        match leased {
            Leased::Here { url, instead_of, lease } => Self { url, instead_of, tie: Tie::Lease(lease) },
            Leased::Elsewhere { url } => Self { url, instead_of: None, tie: Tie::Joined },
        }
    }
}

fn setup(what: String) -> ConfigError {
    ConfigError::Setup { backend: NAME.to_owned(), what }
}
