//! One server for several workers: join ours if it is there, step over what is not ours.

use std::net::SocketAddr;

use super::probe::{Found, probe};
use crate::config::ServerConfig;
use crate::error::ServerError;
use crate::server::{Server, ServerHandle};

/// Ports that are tried before the system chooses one.
const TRIES: u16 = 5;

/// What [`start_or_join`] came to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Attached {
    /// A server was started here.
    Started {
        /// It, until dropped.
        server: ServerHandle,
        /// The address that was asked for, when something else has it.
        instead_of: Option<SocketAddr>,
    },
    /// One of ours was there.
    Joined {
        /// Its URL.
        url: String,
    },
}

impl Attached {
    /// The server's URL.
    pub fn url(&self) -> &str {
        match self {
            Self::Started { server, .. } => server.url(),
            Self::Joined { url } => url,
        }
    }
}

/// Starts a server, or joins the one that listens there already; a port that something else has is stepped over:
/// the next few are tried, then the system chooses.
pub fn start_or_join(config: ServerConfig) -> Result<Attached, ServerError> {
    let asked = config.listen;
    for listen in candidates(asked).chain([SocketAddr::new(asked.ip(), 0)]) {
        match Server::start(ServerConfig { listen, ..config.clone() }) {
            Ok(server) => {
                return Ok(Attached::Started { server, instead_of: (listen != asked).then_some(asked) });
            }
            Err(ServerError::AddressInUse { .. }) => {}
            Err(error) => return Err(error),
        }
        if let Found::Ours(_) = probe(listen) {
            return Ok(Attached::Joined { url: url_of(listen) });
        }
    }
    Err(ServerError::AddressInUse { listen: asked })
}

/// The URL of one of ours that `start_or_join` would join.
pub(super) fn find(asked: SocketAddr) -> Option<String> {
    for listen in candidates(asked).filter(|listen| listen.port() != 0) {
        match probe(listen) {
            Found::Ours(_) => return Some(url_of(listen)),
            Found::Foreign => {}
            Found::Nobody => return None,
        }
    }
    None
}

fn candidates(asked: SocketAddr) -> impl Iterator<Item = SocketAddr> {
    let last = if asked.port() == 0 { 0 } else { asked.port().saturating_add(TRIES - 1) };
    (asked.port()..=last).map(move |port| SocketAddr::new(asked.ip(), port))
}

fn url_of(addr: SocketAddr) -> String {
    format!("http://{addr}")
}
