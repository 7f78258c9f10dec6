//! `GET /api/sessions` and `GET /api/sessions/{session_id}`.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::{answer, reading, serialize};
use crate::api::SessionQuery;
use crate::server::answer::failure;
use crate::server::shared::Shared;

pub(crate) async fn sessions(
    State(state): State<Shared>,
    query: Result<Query<SessionQuery>, QueryRejection>,
) -> Response {
    match query {
        Ok(Query(query)) => answer(&state, move |store| store.sessions(&query)).await,
        Err(error) => failure(StatusCode::BAD_REQUEST, error.body_text()),
    }
}

pub(crate) async fn session(
    State(state): State<Shared>,
    id: Result<Path<String>, PathRejection>,
) -> Response {
    let id = match id {
        Ok(Path(id)) => id,
        Err(error) => return failure(StatusCode::BAD_REQUEST, error.body_text()),
    };
    let asked = id.clone();
    match reading(&state, move |store| store.session(&asked)).await {
        Ok(Some(session)) => serialize(&session),
        Ok(None) => {
            let id: String = id.chars().take(100).collect();
            failure(StatusCode::NOT_FOUND, format!("no trace of a session {id:?} is stored"))
        }
        Err(response) => response,
    }
}
