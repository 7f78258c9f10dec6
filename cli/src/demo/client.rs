//! The HTTP client by which services call each other.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(10);
const LARGEST_ANSWER: usize = 1 << 20;

/// Posts JSON. Clones share their connections.
#[derive(Clone, Debug)]
pub(super) struct JsonClient(Client<HttpConnector, Full<Bytes>>);

pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Bytes of the body.
    pub(super) size: usize,
    pub(super) body: Value,
}

/// Why a call had no usable answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("{url} can't be called: {source}")]
    Request { url: String, source: axum::http::Error },
    #[error("{url} does not answer")]
    Unreachable { url: String, source: hyper_util::client::legacy::Error },
    #[error("{url} did not answer within {} seconds", TIMEOUT.as_secs())]
    Timeout { url: String },
    #[error("the answer of {url} broke off or is too large: {source}")]
    Body { url: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("{url} answered {status} with something else than JSON: {source}")]
    NotJson { url: String, status: StatusCode, source: serde_json::Error },
}

impl JsonClient {
    pub(super) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    /// Sends `body` with these headers, and whatever comes back is JSON or an error.
    pub(super) async fn post(&self, url: &str, headers: HeaderMap, body: &Value) -> Result<Reply, CallError> {
        let call = tokio::time::timeout(TIMEOUT, self.exchange(url, headers, body));
        call.await.unwrap_or_else(|_| Err(CallError::Timeout { url: url.to_owned() }))
    }

    async fn exchange(&self, url: &str, headers: HeaderMap, body: &Value) -> Result<Reply, CallError> {
        let url = || url.to_owned();
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(url())
            .body(Full::from(body.to_string()))
            .map_err(|source| CallError::Request { url: url(), source })?;
        *request.headers_mut() = headers;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer =
            self.0.request(request).await.map_err(|source| CallError::Unreachable { url: url(), source })?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await;
        let body = body.map_err(|source| CallError::Body { url: url(), source })?.to_bytes();
        let status = parts.status;
        match serde_json::from_slice(&body) {
            Ok(json) => Ok(Reply { status, headers: parts.headers, size: body.len(), body: json }),
            Err(source) => Err(CallError::NotJson { url: url(), status, source }),
        }
    }
}
