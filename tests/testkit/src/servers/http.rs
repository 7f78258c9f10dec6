//! A blocking HTTP client for tests: one request, one connection, any status is an answer.

use std::time::Duration;

use thiserror::Error;
use ureq::Agent;

const TIMEOUT: Duration = Duration::from_secs(10);

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body, in full.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as text, as far as it is that.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// There was no answer.
#[derive(Debug, Error)]
#[error("{method} {url}: {reason}")]
pub struct HttpError {
    method: &'static str,
    url: String,
    reason: String,
}

/// Sends a GET.
pub fn get(url: &str) -> Result<Reply, HttpError> {
    reply("GET", url, agent().get(url).call())
}

/// Sends a POST.
pub fn post(url: &str, content_type: &str, body: &[u8]) -> Result<Reply, HttpError> {
    reply("POST", url, agent().post(url).header("content-type", content_type).send(body))
}

/// A new one for each request: servers come and go here, and a pooled connection would outlive them.
fn agent() -> Agent {
    // No proxy that the environment may name: everything is on loopback.
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(TIMEOUT))
        .proxy(None)
        .build()
        .into()
}

fn reply(
    method: &'static str,
    url: &str,
    result: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Reply, HttpError> {
    let read = |mut response: ureq::http::Response<ureq::Body>| {
        let body = response.body_mut().with_config().limit(u64::MAX).read_to_vec()?;
        Ok(Reply { status: response.status().as_u16(), body })
    };
    result.and_then(read).map_err(|error| HttpError {
        method,
        url: url.to_owned(),
        reason: error.to_string(),
    })
}

/// The JSON behind `url`, or why there is none yet.
pub(super) fn get_json(url: &str) -> Result<serde_json::Value, String> {
    let reply = get(url).map_err(|error| error.to_string())?;
    if reply.status != 200 {
        return Err(format!("GET {url}: status {}: {}", reply.status, reply.text()));
    }
    serde_json::from_slice(&reply.body).map_err(|error| format!("GET {url}: {error}"))
}

/// Whether `url` answers 200; the error says what it does instead.
pub(super) fn answers_ok(url: &str) -> Result<(), String> {
    match get(url) {
        Ok(reply) if reply.status == 200 => Ok(()),
        Ok(reply) => Err(format!("GET {url}: status {}", reply.status)),
        Err(error) => Err(error.to_string()),
    }
}
