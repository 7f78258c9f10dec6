//! What a service answers, and why it could not do what it was asked.

use std::error::Error;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::client::CallError;

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body }
    }

    pub(super) fn failure(status: StatusCode, words: &str) -> Self {
        Self { status, body: json!({ "error": words }) }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the body can't be read: {}", .rejection.body_text())]
    Unreadable { rejection: BytesRejection },
    #[error("the body must be JSON such as {example}: {source}")]
    Malformed { example: &'static str, source: serde_json::Error },
    #[error("{service}: {}", with_causes(.source))]
    Downstream { service: &'static str, source: CallError },
}

impl Failure {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Unreadable { rejection } => rejection.status(),
            Self::Malformed { .. } => StatusCode::BAD_REQUEST,
            Self::Downstream { source: CallError::Timeout { .. }, .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Downstream { .. } => StatusCode::BAD_GATEWAY,
        }
    }

    /// A name for `exception.type`.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::Malformed { .. } => "BadRequest",
            Self::Downstream { source: CallError::Timeout { .. }, .. } => "Timeout",
            Self::Downstream { .. } => "DownstreamFailure",
        }
    }
}

/// The error and what caused it: a client's own message often stops at "it did not work".
fn with_causes(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(&format!(": {error}"));
        cause = error.source();
    }
    words
}
