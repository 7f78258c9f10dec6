//! One port that is listened on, refused or ignored, and is never anybody else's in between.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// A port on loopback.
pub(super) struct Port {
    address: SocketAddr,
    /// Bound and never listening: it keeps the port while nothing else does.
    _keeper: TcpSocket,
    state: State,
}

enum State {
    Open(TcpListener),
    Closed,
    /// The queue of connections that nobody accepts is full, and so the kernel drops what asks for another.
    Ignoring {
        _listener: TcpListener,
        _queued: Vec<TcpStream>,
        _more: JoinSet<io::Result<TcpStream>>,
    },
}

const QUEUE: u32 = 1024;

impl Port {
    /// Any free one, open.
    pub(super) fn bind() -> io::Result<Self> {
        let keeper = bound(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = keeper.local_addr()?;
        let state = State::Open(bound(address)?.listen(QUEUE)?);
        Ok(Self { address, _keeper: keeper, state })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn open(&mut self) -> io::Result<()> {
        if !matches!(self.state, State::Open(_)) {
            self.state = State::Closed;
            self.state = State::Open(bound(self.address)?.listen(QUEUE)?);
        }
        Ok(())
    }

    /// Resets those who wait to be accepted.
    pub(super) fn close(&mut self) {
        self.state = State::Closed;
    }

    /// Returns when no further connection can be made.
    pub(super) async fn ignore(&mut self) -> io::Result<()> {
        /// Linux holds one more than it is asked to.
        const HELD: usize = 2;
        self.state = State::Closed;
        let listener = bound(self.address)?.listen(1)?;
        let mut connecting = JoinSet::new();
        for _ in 0..2 * HELD {
            connecting.spawn(TcpStream::connect(self.address));
        }
        let mut queued = Vec::new();
        while queued.len() < HELD {
            match connecting.join_next().await {
                Some(Ok(connected)) => queued.push(connected?),
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => break,
            }
        }
        self.state = State::Ignoring { _listener: listener, _queued: queued, _more: connecting };
        Ok(())
    }

    /// The next connection; never, when there are none to be.
    pub(super) async fn accept(&self) -> io::Result<TcpStream> {
        match &self.state {
            State::Open(listener) => Ok(listener.accept().await?.0),
            State::Closed | State::Ignoring { .. } => pending().await,
        }
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
