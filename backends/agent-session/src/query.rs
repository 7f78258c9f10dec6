//! Questions to a trace server and their answers, with a small blocking client for them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracer_factory_core::ids::TraceId;
use tracer_factory_core::otlp::decode_json_request;
use tracer_factory_core::span::SpanData;

use crate::error::QueryError;
use crate::managed::http_get;

/// Which traces `GET /api/traces` lists. What is absent does not restrict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TraceQuery {
    /// At most this many, the newest first.
    pub limit: usize,
    /// Traces with a span of this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Traces whose root's name contains this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Traces with (`true`) or without (`false`) a span that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<bool>,
}

impl Default for TraceQuery {
    fn default() -> Self {
        Self { limit: 100, service: None, name: None, errors: None }
    }
}

/// A trace as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TraceSummary {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// The name of the span without a parent; while there is none, of the span that started first.
    pub root_name: String,
    /// Whether a span without a parent has arrived.
    pub has_root: bool,
    /// The services of its spans, sorted.
    pub services: Vec<String>,
    /// The earliest start; text in JSON, where numbers are too small for it.
    #[serde(with = "decimal")]
    pub start_unix_nanos: u64,
    /// From the earliest start to the latest end; text in JSON.
    #[serde(with = "decimal")]
    pub duration_nanos: u64,
    /// Spans that are stored.
    pub spans: u64,
    /// Spans that failed.
    pub errors: u64,
    /// Spans that were let go because the trace alone outgrew the store.
    pub omitted_spans: u64,
}

/// The body of `GET /api/traces`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TraceList {
    pub(crate) traces: Vec<TraceSummary>,
}

/// The body of `/healthz`, by which one of ours is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Health {
    /// [`Health::SERVER`].
    pub server: String,
    /// The version of this crate.
    pub version: String,
    /// `ok`.
    pub status: String,
    /// The server's process.
    pub pid: u32,
    /// Traces that are stored.
    pub traces: usize,
    /// Spans that are stored.
    pub spans: u64,
    /// Bytes they take.
    pub bytes: usize,
    /// Bytes they may take.
    pub max_bytes: usize,
    /// Traces that were let go to make room.
    pub evicted_traces: u64,
    /// Spans that were let go to make room.
    pub evicted_spans: u64,
}

impl Health {
    /// The name that our servers answer with.
    pub const SERVER: &'static str = "tracer-factory";

    /// What `body` says, if one of ours wrote it.
    pub(crate) fn recognise(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok().filter(|health: &Self| health.server == Self::SERVER)
    }
}

/// Asks a local trace server. Each question is a connection of its own; calls block.
#[derive(Clone, Debug)]
pub struct QueryClient {
    url: String,
    addr: SocketAddr,
}

impl QueryClient {
    const TIMEOUT: Duration = Duration::from_secs(10);
    const LARGEST_ANSWER: usize = 1 << 30;

    /// For the server at `url`, as [`ServerHandle::url`](crate::ServerHandle::url) gives it.
    pub fn new(url: &str) -> Result<Self, QueryError> {
        let addr = url.strip_prefix("http://").and_then(|rest| rest.trim_end_matches('/').parse().ok());
        let addr = addr.ok_or_else(|| QueryError::Url { url: url.to_owned() })?;
        Ok(Self { url: url.to_owned(), addr })
    }

    /// The server's health.
    pub fn health(&self) -> Result<Health, QueryError> {
        let body = self.get("/healthz")?.ok_or_else(|| self.unexpected("no health"))?;
        Health::recognise(&body).ok_or_else(|| self.unexpected("another server's health"))
    }

    /// The newest traces that `query` describes.
    pub fn traces(&self, query: &TraceQuery) -> Result<Vec<TraceSummary>, QueryError> {
        let mut path = format!("/api/traces?limit={}", query.limit);
        for (key, value) in [("service", &query.service), ("name", &query.name)] {
            if let Some(value) = value {
                path.push_str(&format!("&{key}={}", percent_encode(value)));
            }
        }
        if let Some(errors) = query.errors {
            path.push_str(&format!("&errors={errors}"));
        }
        let body = self.get(&path)?.ok_or_else(|| self.unexpected("no list of traces"))?;
        let list: TraceList =
            serde_json::from_slice(&body).map_err(|error| self.unexpected(&error.to_string()))?;
        Ok(list.traces)
    }

    /// The spans of a trace, `None` when the server has none.
    pub fn trace(&self, id: TraceId) -> Result<Option<Vec<SpanData>>, QueryError> {
        let Some(body) = self.get(&format!("/api/traces/{id}"))? else { return Ok(None) };
        decode_json_request(&body).map(Some).map_err(|error| self.unexpected(&error.to_string()))
    }

    /// The body of a 200; `None` for a 404.
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>, QueryError> {
        let answer = http_get(self.addr, path, Self::TIMEOUT, Self::LARGEST_ANSWER);
        let (status, body) =
            answer.map_err(|source: io::Error| QueryError::Io { url: self.url.clone(), source })?;
        match status {
            200 => Ok(Some(body)),
            404 => Ok(None),
            status => {
                let body = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
                Err(QueryError::Status { url: self.url.clone(), status, body })
            }
        }
    }

    fn unexpected(&self, what: &str) -> QueryError {
        QueryError::Unexpected { url: self.url.clone(), what: what.to_owned() }
    }
}

/// For a query's value: whatever is not plainly safe is escaped.
fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// 64-bit numbers as decimal text.
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
