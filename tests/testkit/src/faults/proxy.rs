//! The proxy: one port in front of a receiver, and the fault of the moment.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::mpsc as tokio_mpsc;

use super::Fault;
use super::listener::Port;
use super::relay::{self, Told};
use super::thread::Background;

/// Stands between a client and a receiver while it lives.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    commands: tokio_mpsc::UnboundedSender<Command>,
    seen: Arc<Seen>,
    _thread: Background,
}

/// A fault, and who waits until it is there.
type Command = (Fault, mpsc::SyncSender<io::Result<()>>);

/// What went through, and what was answered here.
#[derive(Debug, Default)]
pub(super) struct Seen {
    connections: AtomicU64,
    bytes_up: AtomicU64,
    answers: Mutex<Vec<Instant>>,
}

impl Seen {
    pub(super) fn up(&self, bytes: u64) {
        self.bytes_up.fetch_add(bytes, Relaxed);
    }

    pub(super) fn answered(&self) {
        self.answers().push(Instant::now());
    }

    fn answers(&self) -> MutexGuard<'_, Vec<Instant>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FaultProxy {
    /// In front of `receiver`, which need not exist yet. Everything passes at first.
    pub fn start(receiver: SocketAddr) -> io::Result<Self> {
        let (commands, received) = tokio_mpsc::unbounded_channel();
        let (ready, is_ready) = mpsc::sync_channel(1);
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        let thread = Background::start("fault-proxy", move || async move {
            match Port::bind() {
                Ok(port) => {
                    let _ = ready.send(Ok(port.address()));
                    run(port, receiver, received, shared).await;
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        })?;
        let address = is_ready.recv().map_err(io::Error::other)??;
        Ok(Self { address, commands, seen, _thread: thread })
    }

    /// Where clients connect to; it stays the same under every fault.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the fault. Once this returns, no new connection sees the old one, and those that are open were told.
    ///
    /// # Errors
    /// When the port could not be closed, opened or filled as the fault needs it.
    pub fn set(&self, fault: impl Into<Fault>) -> io::Result<()> {
        let (done, is_done) = mpsc::sync_channel(1);
        self.commands.send((fault.into(), done)).map_err(io::Error::other)?;
        is_done.recv().map_err(io::Error::other)?
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> u64 {
        self.seen.connections.load(Relaxed)
    }

    /// How many bytes the receiver was given.
    pub fn bytes_up(&self) -> u64 {
        self.seen.bytes_up.load(Relaxed)
    }

    /// When each request came that was answered here.
    pub fn answers(&self) -> Vec<Instant> {
        self.seen.answers().clone()
    }
}

async fn run(
    mut port: Port,
    receiver: SocketAddr,
    mut commands: tokio_mpsc::UnboundedReceiver<Command>,
    seen: Arc<Seen>,
) {
    let mut fault = Fault::Pass;
    let mut open: Vec<tokio_mpsc::UnboundedSender<Fault>> = Vec::new();
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => {
                let Some((next, done)) = command else { return };
                let result = match next {
                    Fault::Refuse => {
                        port.close();
                        Ok(())
                    }
                    Fault::BlackHole => port.ignore().await,
                    _ => port.open(),
                };
                open.retain(|connection| connection.send(next.clone()).is_ok());
                fault = next;
                let _ = done.send(result);
            }
            stream = port.accept() => {
                let Ok(stream) = stream else {
                    // Too many open files: some of them will be closed.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                seen.connections.fetch_add(1, Relaxed);
                let (told, next) = tokio_mpsc::unbounded_channel();
                open.retain(|connection| !connection.is_closed());
                open.push(told);
                let faults = Told::new(fault.clone(), next);
                tokio::spawn(relay::run(stream, receiver, faults, Arc::clone(&seen)));
            }
        }
    }
}
