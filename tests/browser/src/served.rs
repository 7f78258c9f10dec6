//! A server in this process, and traces sent to it.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tracer_factory_agent_session::{Server, ServerConfig, ServerHandle};

/// A server of this test's own, on a port of its own, that keeps its traces in memory.
pub struct Served(ServerHandle);

impl std::fmt::Debug for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Served").field(&self.url()).finish()
    }
}

impl Served {
    /// Starts it and sends it `requests`.
    ///
    /// # Errors
    /// If it does not start, or refuses one.
    pub fn with(requests: &[Value]) -> Result<Self> {
        let served = Self(Server::start(ServerConfig::new(([127, 0, 0, 1], 0).into()))?);
        requests.iter().try_for_each(|request| served.send(request))?;
        Ok(served)
    }

    /// Where it is: `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.0.url()
    }

    /// Sends one export request.
    ///
    /// # Errors
    /// If it is not taken.
    pub fn send(&self, request: &Value) -> Result<()> {
        let body = request.to_string();
        let mut stream = TcpStream::connect(self.0.addr())?;
        write!(
            stream,
            "POST /v1/traces HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.0.addr(),
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).context("the server's answer")?;
        ensure!(answer.starts_with("HTTP/1.1 200 "), "not taken: {answer}");
        Ok(())
    }
}
