//! Jaeger v2 with its memory storage.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use super::error::{ReadError, StartError};
use super::http::{answers_ok, get_json};
use super::ports::with_free;
use super::process::{Launch, Process};
use crate::layout::Backend;

const START: Duration = Duration::from_secs(60);

/// A running Jaeger, empty at first.
#[derive(Debug)]
pub struct Jaeger {
    process: Process,
    query: u16,
    otlp_grpc: u16,
    otlp_http: u16,
    thrift_http: u16,
    thrift_compact: u16,
}

impl Jaeger {
    /// Starts one and waits until it is ready.
    pub fn start() -> Result<Self, StartError> {
        with_free(|[health, query, query_grpc, otlp_grpc, otlp_http, thrift_http, thrift_compact]| {
            let launch = Launch::new(Backend::Jaeger)?;
            // No batching between receivers and storage: what was accepted can be read back at once.
            let config = launch.write(
                "config.yaml",
                &format!(
                    "\
service:
  extensions: [jaeger_storage, jaeger_query, healthcheckv2]
  pipelines:
    traces: {{receivers: [otlp, jaeger], exporters: [jaeger_storage_exporter]}}
  telemetry:
    metrics: {{level: none}}
extensions:
  jaeger_storage:
    backends: {{memory: {{memory: {{max_traces: 100000}}}}}}
  jaeger_query:
    storage: {{traces: memory}}
    http: {{endpoint: '127.0.0.1:{query}'}}
    grpc: {{endpoint: '127.0.0.1:{query_grpc}'}}
    enable_tracing: false
  healthcheckv2:
    use_v2: true
    http: {{endpoint: '127.0.0.1:{health}'}}
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: '127.0.0.1:{otlp_grpc}'}}
      http: {{endpoint: '127.0.0.1:{otlp_http}'}}
  jaeger:
    protocols:
      thrift_http: {{endpoint: '127.0.0.1:{thrift_http}'}}
      thrift_compact: {{endpoint: '127.0.0.1:{thrift_compact}'}}
exporters:
  jaeger_storage_exporter: {{trace_storage: memory}}
"
                ),
            )?;
            let program = launch.program().to_owned();
            let mut process = launch.start(program, |command| {
                command.arg("--config").arg(config);
            })?;
            process.wait_ready(START, || answers_ok(&format!("http://127.0.0.1:{health}/status")))?;
            Ok(Self { process, query, otlp_grpc, otlp_http, thrift_http, thrift_compact })
        })
    }

    /// The one that all tests of this process share.
    pub fn shared() -> Result<&'static Self, &'static StartError> {
        static SHARED: OnceLock<Result<Jaeger, StartError>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// Where OTLP over gRPC goes.
    pub fn otlp_grpc(&self) -> String {
        format!("http://127.0.0.1:{}", self.otlp_grpc)
    }

    /// Where OTLP over HTTP goes: the base, without `/v1/traces`.
    pub fn otlp_http(&self) -> String {
        format!("http://127.0.0.1:{}", self.otlp_http)
    }

    /// Where batches in Thrift's binary protocol are posted.
    pub fn thrift_http(&self) -> String {
        format!("http://127.0.0.1:{}/api/traces", self.thrift_http)
    }

    /// Where the agent's UDP packets in Thrift's compact protocol go.
    pub fn thrift_compact_udp(&self) -> String {
        format!("udp://127.0.0.1:{}", self.thrift_compact)
    }

    /// The query service and page.
    pub fn query(&self) -> String {
        format!("http://127.0.0.1:{}", self.query)
    }

    /// The trace once it has at least `spans` spans: `{traceID, spans, processes}` as Jaeger's
    /// query API gives it.
    pub fn trace(&self, trace_id: &str, spans: usize, within: Duration) -> Result<Value, ReadError> {
        let url = format!("{}/api/traces/{trace_id}", self.query());
        self.process.read(format!("trace {trace_id} with {spans} spans"), within, || {
            let trace = get_json(&url)?["data"][0].take();
            match trace["spans"].as_array() {
                Some(seen) if seen.len() >= spans => Ok(trace),
                seen => Err(format!("it has {}", seen.map_or(0, Vec::len))),
            }
        })
    }

    /// The server's log.
    pub fn log(&self) -> &Path {
        self.process.log()
    }
}
