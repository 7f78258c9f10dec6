//! The environment of a worker: where it sends to, and what surrounds it.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::Path;

/// How OTLP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `http/protobuf`
    Http,
    /// `grpc`
    Grpc,
}

/// What a worker is started with: these variables and no others.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    pub(super) variables: Vec<(OsString, OsString)>,
    pub(super) wrapper: Vec<OsString>,
}

impl Setup {
    /// A worker that sends OTLP there, keeps nothing on disk, and gives teardown a minute.
    pub fn otlp(address: SocketAddr, protocol: Protocol) -> Self {
        let protocol = match protocol {
            Protocol::Http => "http/protobuf",
            Protocol::Grpc => "grpc",
        };
        Self::default()
            .var("TRACER_TYPE", "otlp")
            .var("TRACER_SERVICE_NAME", "torture")
            .var("OTLP_ENDPOINT", format!("http://{address}"))
            .var("OTLP_PROTOCOL", protocol)
            .var("TRACER_SPOOL_DIR", "off")
            .var("TRACER_SHUTDOWN_TIMEOUT", "60s")
    }

    /// With a second destination that takes OTLP over HTTP.
    #[must_use]
    pub fn and_session(self, address: SocketAddr) -> Self {
        self.var("TRACER_TYPE", "otlp,agent-session")
            .var("AGENTOPS_MANAGED", "false")
            .var("AGENTOPS_EXPORTER_ENDPOINT", format!("http://{address}/v1/traces"))
    }

    /// Keeps spans on disk, below `directory`.
    #[must_use]
    pub fn spool(self, directory: &Path) -> Self {
        self.var("TRACER_SPOOL_DIR", directory)
    }

    /// With this variable; an earlier value of it is replaced.
    #[must_use]
    pub fn var(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables.retain(|(known, _)| known != name.as_ref());
        self.variables.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Started by this program, whose arguments end with the worker.
    #[must_use]
    pub fn under<S: AsRef<OsStr>>(mut self, wrapper: &[S]) -> Self {
        self.wrapper = wrapper.iter().map(|word| word.as_ref().to_owned()).collect();
        self
    }
}
