//! The server's routes.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};

use super::answer::failure;
use super::guard::{Guard, guard};
use super::ingest::ingest;
use super::page;
use super::read::{self, serialize};
use super::shared::Shared;
use super::token::Token;

/// Everything the server at `addr` answers.
pub(super) fn router(state: Shared, addr: SocketAddr, token: Token) -> Router {
    Router::new()
        .merge(page::routes(token.clone()))
        .route("/v1/traces", post(ingest))
        .route("/traces", post(ingest))
        .route("/api/traces", get(read::traces))
        .route("/api/traces/{trace_id}", get(read::trace))
        .route("/api/sessions", get(read::sessions))
        .route("/api/sessions/{session_id}", get(read::session))
        .route("/api/triplets", get(read::triplets))
        .route("/api/facets", get(read::facets))
        .route("/api/services", get(read::services))
        .route("/api/live", get(read::live))
        .route("/healthz", get(health))
        .route("/metrics", get(read::metrics))
        .fallback(async || failure(StatusCode::NOT_FOUND, "there is nothing here"))
        .method_not_allowed_fallback(async || {
            failure(StatusCode::METHOD_NOT_ALLOWED, "this path takes another method")
        })
        // Bodies have their own limit, which counts what they inflate to.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Guard::new(addr, token), guard))
        .with_state(state)
}

async fn health(State(state): State<Shared>) -> Response {
    serialize(&state.health())
}
