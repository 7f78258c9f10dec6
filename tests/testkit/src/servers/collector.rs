//! An OpenTelemetry Collector that forwards all it receives to a sink in this process.

use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use super::error::{ReadError, StartError};
use super::http;
use super::ports::with_free;
use super::process::{Launch, Process, io_error};
use super::sink::Sink;
use crate::layout::Backend;

const START: Duration = Duration::from_secs(60);

/// A running Collector.
pub struct Collector {
    // Before the sink, so that it is gone before its destination is.
    process: Process,
    sink: Sink,
    grpc: u16,
    http: u16,
}

impl Collector {
    /// Starts one and waits until it is ready.
    pub fn start() -> Result<Self, StartError> {
        with_free(|[grpc, http]| {
            let launch = Launch::new(Backend::Collector)?;
            let sink = Sink::start().map_err(io_error(Backend::Collector, "listen for what it forwards"))?;
            let destination = sink.url();
            // No batching: each request that was accepted is forwarded at once.
            let config = launch.write(
                "config.yaml",
                &format!(
                    "\
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: '127.0.0.1:{grpc}'}}
      http: {{endpoint: '127.0.0.1:{http}'}}
exporters:
  otlp_http: {{endpoint: '{destination}', encoding: json, compression: none}}
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlp_http]}}
  telemetry:
    metrics: {{level: none}}
"
                ),
            )?;
            let program = launch.program().to_owned();
            let mut process = launch.start(program, |command| {
                command.arg("--config").arg(config);
            })?;
            process.wait_ready(START, || ready(grpc, http))?;
            Ok(Self { process, sink, grpc, http })
        })
    }

    /// The one that all tests of this process share.
    pub fn shared() -> Result<&'static Self, &'static StartError> {
        static SHARED: OnceLock<Result<Collector, StartError>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// Where OTLP over gRPC goes.
    pub fn otlp_grpc(&self) -> String {
        format!("http://127.0.0.1:{}", self.grpc)
    }

    /// Where OTLP over HTTP goes: the base, without `/v1/traces`.
    pub fn otlp_http(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    /// All that it forwarded so far: export requests in OTLP's JSON, one for each that it received.
    pub fn received(&self) -> Vec<Value> {
        self.sink.requests()
    }

    /// The trace's spans in OTLP's JSON, in the order of their arrival, once there are at least
    /// `spans`. What belongs to their resource and scope is in [`received`](Self::received).
    pub fn spans(&self, trace_id: &str, spans: usize, within: Duration) -> Result<Vec<Value>, ReadError> {
        self.process.read(format!("trace {trace_id} with {spans} spans"), within, || {
            let seen = spans_of(&self.received(), trace_id);
            if seen.len() >= spans { Ok(seen) } else { Err(format!("it has {}", seen.len())) }
        })
    }

    /// The server's log.
    pub fn log(&self) -> &Path {
        self.process.log()
    }
}

/// The build has no health extension, so the receivers themselves are asked.
fn ready(grpc: u16, http: u16) -> Result<(), String> {
    let connected = TcpStream::connect((Ipv4Addr::LOCALHOST, grpc));
    connected.map_err(|error| format!("the gRPC port: {error}"))?;
    // A request without spans is accepted and goes nowhere.
    let url = format!("http://127.0.0.1:{http}/v1/traces");
    match http::post(&url, "application/json", b"{}") {
        Ok(reply) if reply.status == 200 => Ok(()),
        Ok(reply) => Err(format!("POST {url}: status {}", reply.status)),
        Err(error) => Err(error.to_string()),
    }
}

fn spans_of(requests: &[Value], trace_id: &str) -> Vec<Value> {
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    requests
        .iter()
        .flat_map(|request| list(request, "resourceSpans"))
        .flat_map(|resource| list(&resource, "scopeSpans"))
        .flat_map(|scope| list(&scope, "spans"))
        .filter(|span| span["traceId"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(trace_id)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_found_across_requests_resources_and_scopes() {
        let request = |scopes: &[&[&str]]| {
            let scopes: Vec<_> = scopes
                .iter()
                .map(|ids| {
                    let spans: Vec<_> = ids.iter().map(|id| serde_json::json!({"traceId": id})).collect();
                    serde_json::json!({ "spans": spans })
                })
                .collect();
            serde_json::json!({"resourceSpans": [{"scopeSpans": scopes}, {}]})
        };
        let requests = [request(&[&["aa", "bb"], &["AA"]]), request(&[&["aa"]]), serde_json::json!({})];
        assert_eq!(spans_of(&requests, "aa").len(), 3);
        assert_eq!(spans_of(&requests, "cc").len(), 0);
    }
}
