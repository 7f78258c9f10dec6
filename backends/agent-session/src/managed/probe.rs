//! Asking what listens on a local port.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::api::Health;
use crate::http_get::http_get;

/// Ours answer within a millisecond; what takes this long is not one of ours, or as good as gone.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);
const LARGEST_HEALTH: usize = 64 << 10;

/// What listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// One of our servers.
    Ours(Health),
    /// Something else, or something that does not answer.
    Foreign,
    /// Nothing.
    Nobody,
}

/// Asks whatever listens at `addr` whether it is a trace server.
pub(crate) fn probe(addr: SocketAddr) -> Found {
    match http_get(addr, "/healthz", PROBE_TIMEOUT, LARGEST_HEALTH) {
        Ok((200, body)) => Health::recognise(&body).map_or(Found::Foreign, Found::Ours),
        Ok(_) => Found::Foreign,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Found::Nobody,
        Err(_) => Found::Foreign,
    }
}
