//! Servers in this process: one for each address asked for, shared by everyone who holds a lease.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::attach::{Attached, start_or_join};
use super::{Managed, Tie};
use crate::config::ServerConfig;
use crate::error::ServerError;
use crate::server::ServerHandle;

/// The servers that run here. A stop happens under the lock, so that a new start never meets a half-stopped one.
static RUNNING: Mutex<Vec<Running>> = Mutex::new(Vec::new());

#[derive(Debug)]
struct Running {
    asked: SocketAddr,
    /// A forked child has the entry and not the thread behind it.
    process: u32,
    instead_of: Option<SocketAddr>,
    leases: usize,
    server: ServerHandle,
}

/// A share of a server in this process, which stops when the last one is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    asked: SocketAddr,
    process: u32,
}

fn running() -> MutexGuard<'static, Vec<Running>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A share of the server at `config.listen`: the one that runs here, a new one, or another process's.
pub(super) fn lease(config: ServerConfig) -> Result<Managed, ServerError> {
    let (asked, process) = (config.listen, std::process::id());
    let mut running = running();
    if let Some(entry) = running.iter_mut().find(|entry| entry.asked == asked && entry.process == process) {
        entry.leases += 1;
        let url = entry.server.url().to_owned();
        return Ok(Managed { url, instead_of: entry.instead_of, tie: Tie::Lease(Lease { asked, process }) });
    }
    Ok(match start_or_join(config)? {
        Attached::Started { server, instead_of } => {
            let url = server.url().to_owned();
            running.push(Running { asked, process, instead_of, leases: 1, server });
            Managed { url, instead_of, tie: Tie::Lease(Lease { asked, process }) }
        }
        Attached::Joined { url } => Managed { url, instead_of: None, tie: Tie::Joined },
    })
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut running = running();
        let own = |entry: &Running| entry.asked == self.asked && entry.process == self.process;
        let Some(at) = running.iter().position(own) else { return };
        running[at].leases -= 1;
        // In a forked child there is no thread to stop, and the parent's server is not ours to end.
        if running[at].leases == 0 && self.process == std::process::id() {
            running.swap_remove(at).server.stop();
        }
    }
}
