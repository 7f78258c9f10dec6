//! The body of `tracer-factory serve`: a server until a signal says otherwise.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use super::attach::{Attached, start_or_join};
use crate::config::ServerConfig;
use crate::error::ServerError;

/// What [`serve_blocking`] reports once spans can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ready {
    /// The server's URL.
    pub url: String,
    /// One of ours runs there already; nothing was started.
    pub joined: bool,
    /// The address that was asked for, when something else has it.
    pub instead_of: Option<SocketAddr>,
}

/// Serves until SIGINT or SIGTERM, then finishes what is under way. Returns at once when a server of ours
/// has the address already. `on_ready` is called once, when spans can be sent. Must not be called inside a tokio runtime.
pub fn serve_blocking(config: ServerConfig, on_ready: impl FnOnce(Ready)) -> Result<(), ServerError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ServerError::Thread)?;
    // Before it is ready, so that a signal right afterwards is not missed.
    let signal = runtime.block_on(async { StopSignal::listen() }).map_err(ServerError::Thread)?;
    let attached = start_or_join(config)?;
    let url = attached.url().to_owned();
    match attached {
        Attached::Joined { .. } => on_ready(Ready { url, joined: true, instead_of: None }),
        Attached::Started { server, instead_of } => {
            on_ready(Ready { url, joined: false, instead_of });
            runtime.block_on(signal.received());
            server.stop();
        }
    }
    Ok(())
}

/// Writes `url` for the worker that asked for it by `--ready-file`: whole or not at all.
pub fn announce(ready_file: &Path, url: &str) -> io::Result<()> {
    let unfinished = ready_file.with_extension("unfinished");
    std::fs::write(&unfinished, url)?;
    std::fs::rename(unfinished, ready_file)
}

#[cfg(unix)]
struct StopSignal {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl StopSignal {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn received(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct StopSignal;

#[cfg(not(unix))]
impl StopSignal {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn received(self) {
        // Without a handler there is nothing to wait for but the process's end.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
