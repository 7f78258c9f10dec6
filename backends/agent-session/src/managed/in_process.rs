//! Servers in this process: one for each address asked for, shared by everyone who holds a lease.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracer_factory_core::PerProcess;

use super::attach::{Attached, start_or_join};
use crate::config::ServerConfig;
use crate::error::ServerError;
use crate::server::ServerHandle;

/// The servers that run here. A stop happens under the lock, so that a new start never meets a half-stopped one.
/// A child has none of them, and must not wait for a thread that was starting one when it was forked.
static RUNNING: PerProcess<Mutex<Vec<Running>>> = PerProcess::new();

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

/// What [`lease`] came to.
#[derive(Debug)]
pub(super) enum Leased {
    /// A server in this process.
    Here {
        url: String,
        /// The address that was asked for, when something else has it.
        instead_of: Option<SocketAddr>,
        lease: Lease,
    },
    /// Another process's, which there is no share of.
    Elsewhere { url: String },
}

fn running() -> MutexGuard<'static, Vec<Running>> {
    RUNNING.get(|_| Mutex::default()).lock().unwrap_or_else(PoisonError::into_inner)
}

/// A share of the server at `config.listen`: the one that runs here, a new one, or another process's.
pub(super) fn lease(config: ServerConfig) -> Result<Leased, ServerError> {
    let (asked, process) = (config.listen, std::process::id());
    let mut running = running();
    if let Some(entry) = running.iter_mut().find(|entry| entry.asked == asked && entry.process == process) {
        entry.leases += 1;
        let url = entry.server.url().to_owned();
        return Ok(Leased::Here { url, instead_of: entry.instead_of, lease: Lease { asked, process } });
    }
    Ok(match start_or_join(config)? {
        Attached::Started { server, instead_of } => {
            let url = server.url().to_owned();
            running.push(Running { asked, process, instead_of, leases: 1, server });
            Leased::Here { url, instead_of, lease: Lease { asked, process } }
        }
        Attached::Joined { url } => Leased::Elsewhere { url },
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
