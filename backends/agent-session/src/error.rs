//! Why a server did not start, and why a question to one was not answered.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Without authentication the server stays on this machine.
    #[error(
        "the trace server can't listen on {listen}: only loopback addresses such as 127.0.0.1:4319 or [::1]:4319"
    )]
    NotLoopback {
        /// The refused address.
        listen: SocketAddr,
    },
    /// Somebody else has the address.
    #[error("the trace server can't listen on {listen}: the port is taken; choose another or port 0")]
    AddressInUse {
        /// The taken address.
        listen: SocketAddr,
    },
    /// The system refused the address for another reason.
    #[error("the trace server can't listen on {listen}: {source}")]
    Bind {
        /// The refused address.
        listen: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Another server has the data directory.
    #[error("another trace server keeps its traces in {}; use that one, or choose another directory with --data or TRACER_SERVER_DATA", path.display())]
    DataInUse {
        /// The directory.
        path: PathBuf,
    },
    /// The data directory can't be used.
    #[error("traces can't be kept in {}: {what}; choose another directory with --data or TRACER_SERVER_DATA, or `memory`", path.display())]
    Data {
        /// The directory or a file in it.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The system refused the server's thread or its event loop.
    #[error("the trace server's thread could not be started: {0}")]
    Thread(io::Error),
}

/// Why a server did not answer a question.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// Not `http://` and a socket address.
    #[error("{url} is not the URL of a local trace server, such as http://127.0.0.1:4319")]
    Url {
        /// What was given.
        url: String,
    },
    /// No connection, or it broke.
    #[error("{url}: {source}")]
    Io {
        /// The server.
        url: String,
        /// What went wrong.
        source: io::Error,
    },
    /// An answer other than 200.
    #[error("{url} answered {status}: {body}")]
    Status {
        /// The server.
        url: String,
        /// The status code.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// An answer that is not what the question asks for.
    #[error("{url} answered with something else than a trace server would: {what}")]
    Unexpected {
        /// The server.
        url: String,
        /// What is wrong with it.
        what: String,
    },
}
