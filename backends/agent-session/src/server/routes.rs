//! The server's routes and what their handlers share.

use std::net::SocketAddr;
use std::sync::Arc;

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
use super::body::InFlight;
use super::guard::{Hosts, guard};
use super::ingest::ingest;
use crate::config::ServerConfig;
use crate::query::{Health, TraceList, TraceQuery};
use crate::store::Store;

/// The server's state; clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    in_flight: InFlight,
    max_bytes: usize,
}

impl Shared {
    pub(super) fn new(config: &ServerConfig) -> Self {
        let max_bytes = config.max_bytes;
        Self(Arc::new(Inner { store: Store::new(max_bytes), in_flight: InFlight::new(), max_bytes }))
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(super) fn in_flight(&self) -> &InFlight {
        &self.0.in_flight
    }

    pub(super) fn health(&self) -> Health {
        let totals = self.store().totals();
        Health {
            server: Health::SERVER.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            status: "ok".to_owned(),
            pid: std::process::id(),
            traces: totals.traces,
            spans: totals.spans,
            bytes: totals.bytes,
            max_bytes: self.0.max_bytes,
            evicted_traces: totals.evicted_traces,
            evicted_spans: totals.evicted_spans,
        }
    }
}

/// Everything the server at `addr` answers.
pub(super) fn router(state: Shared, addr: SocketAddr) -> Router {
    Router::new()
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
        .layer(from_fn_with_state(Hosts::of(addr), guard))
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
