//! What can be asked: handlers that read.

mod chrome;
mod facets;
mod jaeger;
mod live;
mod metrics;
mod services;
mod sessions;
mod text;
mod traces;
mod triplets;

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

pub(super) use self::facets::facets;
pub(super) use self::live::live;
pub(super) use self::metrics::metrics;
pub(super) use self::services::services;
pub(super) use self::sessions::{session, sessions};
pub(super) use self::traces::{trace, traces};
pub(super) use self::triplets::triplets;
use super::answer::{failure, json};
use super::shared::Shared;
use crate::store::{ReadError, Store};

/// Reads off the thread that takes spans.
async fn reading<T: Send + 'static>(
    state: &Shared,
    read: impl FnOnce(&Store) -> Result<T, ReadError> + Send + 'static,
) -> Result<T, Response> {
    let state = state.clone();
    match tokio::task::spawn_blocking(move || read(state.store())).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error @ ReadError::Cursor(_))) => Err(failure(StatusCode::BAD_REQUEST, error.to_string())),
        Ok(Err(error)) => Err(failure(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
        Err(_) => Err(failure(StatusCode::INTERNAL_SERVER_ERROR, "the answer was not finished")),
    }
}

/// What was read, as JSON.
async fn answer<T: Serialize + Send + 'static>(
    state: &Shared,
    read: impl FnOnce(&Store) -> Result<T, ReadError> + Send + 'static,
) -> Response {
    match reading(state, read).await {
        Ok(value) => serialize(&value),
        Err(response) => response,
    }
}

pub(super) fn serialize(body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => json(StatusCode::OK, body),
        Err(error) => failure(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
