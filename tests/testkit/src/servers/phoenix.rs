//! Arize Phoenix with a database in memory.

use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use super::error::{ReadError, StartError};
use super::http::{answers_ok, get_json};
use super::ports::with_free;
use super::process::{Launch, Process};
use crate::layout::Backend;

const LAUNCHER: &str = include_str!("phoenix.py");
/// Half a minute on an idle machine with two cores, most of it imports.
const START: Duration = Duration::from_secs(240);

/// A running Phoenix, empty at first.
#[derive(Debug)]
pub struct Phoenix {
    process: Process,
    http: u16,
    grpc: u16,
}

impl Phoenix {
    /// Starts one and waits until it is ready.
    pub fn start() -> Result<Self, StartError> {
        with_free(|[http, grpc]| {
            let launch = Launch::new(Backend::Phoenix)?;
            let script = launch.write("launch.py", LAUNCHER)?;
            let python = launch.program().to_owned();
            let dir = launch.dir().to_owned();
            let mut process = launch.start(python, |command| {
                command.arg(script).env("PYTHONUNBUFFERED", "1");
                command.env("PHOENIX_HOST", "127.0.0.1");
                command.env("PHOENIX_PORT", http.to_string()).env("PHOENIX_GRPC_PORT", grpc.to_string());
                command.env("PHOENIX_WORKING_DIR", dir);
                command.env("PHOENIX_SQL_DATABASE_URL", "sqlite:///:memory:");
                // Nothing that calls out or runs commands.
                command.env("PHOENIX_TELEMETRY_ENABLED", "false");
                command.env("PHOENIX_ALLOW_EXTERNAL_RESOURCES", "false");
                command.env("PHOENIX_ENABLE_MCP_SERVER", "false");
                command.env("PHOENIX_DISABLE_AGENT_ASSISTANT", "true");
                command.env("PHOENIX_AGENTS_DISABLE_BASH", "true");
                command.env("PHOENIX_AGENTS_DISABLE_WEB_ACCESS", "true");
            })?;
            process.wait_ready(START, || {
                answers_ok(&format!("http://127.0.0.1:{http}/healthz"))?;
                let grpc = TcpStream::connect((Ipv4Addr::LOCALHOST, grpc));
                grpc.map(drop).map_err(|error| format!("the gRPC port: {error}"))
            })?;
            Ok(Self { process, http, grpc })
        })
    }

    /// The one that all tests of this process share.
    pub fn shared() -> Result<&'static Self, &'static StartError> {
        static SHARED: OnceLock<Result<Phoenix, StartError>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// Where OTLP over gRPC goes.
    pub fn otlp_grpc(&self) -> String {
        format!("http://127.0.0.1:{}", self.grpc)
    }

    /// Where OTLP over HTTP goes, only as protobuf: the base, without `/v1/traces`.
    pub fn otlp_http(&self) -> String {
        self.query()
    }

    /// The page and the REST API.
    pub fn query(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    /// The trace's spans in project `default`, once there are at least `spans`, the latest received
    /// first: `{id, name, context: {trace_id, span_id}, span_kind, parent_id, start_time, end_time,
    /// status_code, status_message, attributes, events}`. Phoenix keeps no resource.
    pub fn spans(&self, trace_id: &str, spans: usize, within: Duration) -> Result<Vec<Value>, ReadError> {
        let url = format!("{}/v1/projects/default/spans?limit=1000&trace_id={trace_id}", self.query());
        self.process.read(format!("trace {trace_id} with {spans} spans"), within, || {
            match get_json(&url)?["data"].take() {
                Value::Array(seen) if seen.len() >= spans => Ok(seen),
                Value::Array(seen) => Err(format!("it has {}", seen.len())),
                other => Err(format!("GET {url}: no list in data: {other}")),
            }
        })
    }

    /// The server's log.
    pub fn log(&self) -> &Path {
        self.process.log()
    }
}
