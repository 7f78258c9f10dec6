//! The server's routes, and the handlers of those that read.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;
use tracer_factory_core::ids::TraceId;
use tracer_factory_core::otlp::{decode_request, request_to_json};

use super::answer::{failure, json};
use super::guard::{Guard, guard};
use super::ingest::ingest;
use super::page;
use super::shared::Shared;
use super::token::Token;
use crate::api::{TraceList, TraceQuery};

/// Everything the server at `addr` answers.
pub(super) fn router(state: Shared, addr: SocketAddr, token: Token) -> Router {
    Router::new()
        .merge(page::routes(token.clone()))
        .route("/v1/traces", post(ingest))
        .route("/traces", post(ingest))
        .route("/api/traces", get(list))
        .route("/api/traces/{trace_id}", get(trace))
        .route("/healthz", get(health))
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

async fn list(State(state): State<Shared>, query: Result<Query<TraceQuery>, QueryRejection>) -> Response {
    match query {
        Ok(Query(query)) => serialize(&TraceList { traces: state.store().list(&query) }),
        Err(error) => failure(StatusCode::BAD_REQUEST, error.body_text()),
    }
}

async fn trace(State(state): State<Shared>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<TraceId>() else {
        return failure(StatusCode::BAD_REQUEST, "a trace id has 32 hexadecimal digits");
    };
    let Some(request) = state.store().request_of(id) else {
        return failure(
            StatusCode::NOT_FOUND,
            format!("no trace {id} is stored; it may have been let go to make room"),
        );
    };
    match decode_request(&request) {
        Ok(spans) => json(StatusCode::OK, request_to_json(spans).to_string()),
        // Requests are checked whole before they are stored.
        Err(error) => {
            failure(StatusCode::INTERNAL_SERVER_ERROR, format!("trace {id} can't be read: {error}"))
        }
    }
}

fn serialize(body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => json(StatusCode::OK, body),
        Err(error) => failure(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
