//! The trace server: OTLP in, traces out, on a thread and a runtime of its own.

mod answer;
mod body;
mod connections;
mod guard;
mod ingest;
mod routes;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::oneshot;

use crate::config::ServerConfig;
use crate::error::ServerError;
use crate::query::Health;

/// The embedded trace server.
#[derive(Debug)]
pub struct Server;

/// A running server. Dropping it stops it as [`stop`](Self::stop) does.
#[derive(Debug)]
pub struct ServerHandle {
    addr: SocketAddr,
    url: String,
    state: routes::Shared,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server and returns when it answers. Needs no tokio runtime and uses none that is there.
    pub fn start(config: ServerConfig) -> Result<ServerHandle, ServerError> {
        let listen = config.listen;
        if !listen.ip().is_loopback() {
            return Err(ServerError::NotLoopback { listen });
        }
        let listener = TcpListener::bind(listen).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => ServerError::AddressInUse { listen },
            _ => ServerError::Bind { listen, source },
        })?;
        let bind_error = |source| ServerError::Bind { listen, source };
        listener.set_nonblocking(true).map_err(bind_error)?;
        let addr = listener.local_addr().map_err(bind_error)?;

        let runtime =
            runtime::Builder::new_current_thread().enable_all().build().map_err(ServerError::Thread)?;
        let state = routes::Shared::new(&config);
        let app = routes::router(state.clone(), addr);
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = mpsc::channel();
        let serve = async move {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => {
                    let _ = ready.send(Ok(()));
                    connections::serve(listener, app, stopped, config.shutdown_timeout).await;
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("tracer-server".to_owned())
            .spawn(move || {
                runtime.block_on(serve);
                runtime.shutdown_timeout(Duration::ZERO);
            })
            .map_err(ServerError::Thread)?;
        // A server whose thread died has dropped its end.
        is_ready.recv().map_err(io::Error::other).and_then(|ready| ready).map_err(ServerError::Thread)?;
        Ok(ServerHandle {
            addr,
            url: format!("http://{addr}"),
            state,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl ServerHandle {
    /// `http://` and the address it listens on.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it holds; the same that `/healthz` says.
    pub fn health(&self) -> Health {
        self.state.health()
    }

    /// Takes no more connections, finishes the requests under way, and ends the thread. Blocks, for at most
    /// [`ServerConfig::shutdown_timeout`].
    pub fn stop(mut self) {
        self.stop_now();
    }

    fn stop_now(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it was reported when it happened; there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.stop_now();
    }
}
