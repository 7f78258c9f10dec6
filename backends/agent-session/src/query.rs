//! A small blocking client for the query API.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tracer_factory_core::ids::TraceId;
use tracer_factory_core::otlp::decode_json_request;
use tracer_factory_core::span::SpanData;

use crate::api::{Health, TraceList, TraceQuery, TraceSummary};
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
