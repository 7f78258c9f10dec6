//! A small blocking client for the query API.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tracer_factory_core::ids::TraceId;
use tracer_factory_core::otlp::decode_json_request;
use tracer_factory_core::span::SpanData;

use crate::api::{
    Facets, Health, ServiceMap, SessionList, SessionQuery, SessionTraces, TraceList, TraceQuery, TraceSummary,
};
use crate::error::QueryError;
use crate::http_get::http_get;

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
        self.trace_list(query).map(|list| list.traces)
    }

    /// The same, with where the list goes on.
    pub fn trace_list(&self, query: &TraceQuery) -> Result<TraceList, QueryError> {
        let path = Path::new("/api/traces")
            .number("limit", Some(query.limit as u64))
            .text("before", query.before.as_deref())
            .text("service", query.service.as_deref())
            .text("name", query.name.as_deref())
            .text("q", query.q.as_deref())
            .text("kind", query.kind.as_deref())
            .flag("errors", query.errors)
            .number("min_duration_nanos", query.min_duration_nanos)
            .number("max_duration_nanos", query.max_duration_nanos)
            .text("tag", query.tag.as_deref())
            .text("project", query.project.as_deref())
            .text("session_id", query.session_id.as_deref())
            .flag("reward", query.reward);
        self.ask(&path.0)
    }

    /// The spans of a trace, `None` when the server has none.
    pub fn trace(&self, id: TraceId) -> Result<Option<Vec<SpanData>>, QueryError> {
        let Some(body) = self.get(&format!("/api/traces/{id}"))? else { return Ok(None) };
        decode_json_request(&body).map(Some).map_err(|error| self.unexpected(&error.to_string()))
    }

    /// The newest sessions that `query` describes.
    pub fn sessions(&self, query: &SessionQuery) -> Result<SessionList, QueryError> {
        let path = Path::new("/api/sessions")
            .number("limit", Some(query.limit as u64))
            .text("before", query.before.as_deref())
            .text("project", query.project.as_deref())
            .text("tag", query.tag.as_deref())
            .text("q", query.q.as_deref());
        self.ask(&path.0)
    }

    /// A session and its traces, `None` when the server has none.
    pub fn session(&self, id: &str) -> Result<Option<SessionTraces>, QueryError> {
        let Some(body) = self.get(&format!("/api/sessions/{}", percent_encode(id)))? else { return Ok(None) };
        self.read(&body).map(Some)
    }

    /// What filters can ask for.
    pub fn facets(&self) -> Result<Facets, QueryError> {
        self.ask("/api/facets")
    }

    /// Who calls whom, over the newest `limit` traces.
    pub fn services(&self, limit: usize) -> Result<ServiceMap, QueryError> {
        self.ask(&Path::new("/api/services").number("limit", Some(limit as u64)).0)
    }

    fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<T, QueryError> {
        let body = self.get(path)?.ok_or_else(|| self.unexpected("no answer to this"))?;
        self.read(&body)
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, QueryError> {
        serde_json::from_slice(body).map_err(|error| self.unexpected(&error.to_string()))
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

/// A path with its query.
struct Path(String);

impl Path {
    fn new(path: &str) -> Self {
        Self(path.to_owned())
    }

    fn text(mut self, key: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.0.push(if self.0.contains('?') { '&' } else { '?' });
            self.0.push_str(&format!("{key}={}", percent_encode(value)));
        }
        self
    }

    fn number(self, key: &str, value: Option<u64>) -> Self {
        self.text(key, value.map(|value| value.to_string()).as_deref())
    }

    fn flag(self, key: &str, value: Option<bool>) -> Self {
        self.text(key, value.map(|value| if value { "true" } else { "false" }))
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
