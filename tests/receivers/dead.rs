//! Addresses where nobody answers, one way or the other.

use std::net::{SocketAddr, TcpListener, TcpStream};

/// A port that refuses connections and that nobody else can take meanwhile: it is the near end of a connection.
#[derive(Debug)]
pub(crate) struct Refusing {
    pub(crate) address: SocketAddr,
    _held: (TcpListener, TcpStream),
}

impl Refusing {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        Self { address: stream.local_addr().unwrap(), _held: (listener, stream) }
    }
}

/// A port where connections succeed (the system accepts them) and nobody ever reads or answers.
#[derive(Debug)]
pub(crate) struct Silent {
    pub(crate) address: SocketAddr,
    _listener: TcpListener,
}

impl Silent {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { address: listener.local_addr().unwrap(), _listener: listener }
    }
}
