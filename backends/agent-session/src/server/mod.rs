//! The trace server: OTLP in, traces out, on a thread and a runtime of its own.

mod answer;
mod body;
mod connections;
mod guard;
mod ingest;
mod read;
mod routes;
mod shared;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::oneshot;
use tracer_factory_core::delivery::suppress_this_thread;

use self::shared::Shared;
use crate::api::Health;
use crate::config::ServerConfig;
use crate::error::ServerError;

/// The embedded trace server.
#[derive(Debug)]
pub struct Server;

/// A running server. Dropping it stops it as [`stop`](Self::stop) does.
#[derive(Debug)]
pub struct ServerHandle {
    addr: SocketAddr,
    url: String,
    state: Shared,
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

        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            // Readers have threads of their own, which are not traced either.
            .on_thread_start(suppress_this_thread)
            .build()
            .map_err(ServerError::Thread)?;
        let state = Shared::new(&config)?;
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
        let thread = spawn(move || {
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

/// Starts the server's thread. Its work is not traced: it may serve the very process whose spans it takes.
fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("tracer-server".to_owned()).spawn(move || {
        suppress_this_thread();
        work();
    })
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
        self.state.close();
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it was reported when it happened; there is nothing left to stop.
            let _ = thread.join();
        }
        self.state.store().close();
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.stop_now();
    }
}

#[cfg(test)]
mod tests {
    use tracer_factory_core::capture::Capture;
    use tracer_factory_core::config::{TracerConfig, TracerType};
    use tracer_factory_core::tracer::BaseTracer;

    #[test]
    fn the_thread_of_a_server_is_not_traced() {
        let (tracer, capture) = Capture::with_config(&TracerConfig::new(TracerType::Console)).unwrap();
        let used = std::sync::Arc::clone(&tracer);
        let thread = super::spawn(move || drop(used.trace_context("in the server"))).unwrap();
        thread.join().unwrap();
        drop(tracer.trace_context("outside"));
        let names: Vec<_> = capture.spans().into_iter().map(|span| span.name).collect();
        assert_eq!(names, ["outside"]);
    }
}
