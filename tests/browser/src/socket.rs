//! Chromium's DevTools protocol over its WebSocket: calls, their answers, and what goes wrong in the page meanwhile.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

/// How long a call may take; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Socket {
    socket: WebSocket<TcpStream>,
    last: u64,
    session: Option<String>,
    problems: Vec<String>,
}

impl Socket {
    pub(crate) fn connect(port: u16, path: &str) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (socket, _) = tungstenite::client(format!("ws://127.0.0.1:{port}{path}"), stream)
            .context("Chromium's WebSocket")?;
        Ok(Self { socket, last: 0, session: None, problems: Vec::new() })
    }

    /// From now on calls are about this page.
    pub(crate) fn attach(&mut self, session: &str) {
        self.session = Some(session.to_owned());
    }

    /// Errors in the console, exceptions, and breaches of the page's policy, so far.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }

    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Result<Value> {
        self.last += 1;
        let mut call = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        self.socket.send(Message::text(call.to_string()))?;
        loop {
            let message = self.socket.read().with_context(|| format!("no answer to {method}"))?;
            let Message::Text(text) = message else { continue };
            let mut answer: Value = serde_json::from_str(&text)?;
            if answer["id"] == self.last {
                if !answer["error"].is_null() {
                    bail!("{method}: {}", answer["error"]);
                }
                return Ok(answer["result"].take());
            }
            self.note(&answer);
        }
    }

    fn note(&mut self, event: &Value) {
        let params = &event["params"];
        let is_problem = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => params["type"] == "error",
            Some("Log.entryAdded") => {
                params["entry"]["level"] == "error" || params["entry"]["source"] == "security"
            }
            _ => false,
        };
        if is_problem {
            self.problems.push(params.to_string());
        }
    }
}
