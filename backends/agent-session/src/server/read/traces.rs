//! `GET /api/traces` and `GET /api/traces/{trace_id}`.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use tracer_factory_core::ids::TraceId;
use tracer_factory_core::otlp::{decode_request, request_to_json};

use super::chrome::chrome_trace;
use super::jaeger::jaeger_trace;
use super::{answer, reading};
use crate::api::TraceQuery;
use crate::server::answer::{failure, json};
use crate::server::shared::Shared;

pub(crate) async fn traces(
    State(state): State<Shared>,
    query: Result<Query<TraceQuery>, QueryRejection>,
) -> Response {
    match query {
        Ok(Query(query)) => answer(&state, move |store| store.list(&query)).await,
        Err(error) => failure(StatusCode::BAD_REQUEST, error.body_text()),
    }
}

/// How a trace is written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// OTLP in JSON.
    #[default]
    Otlp,
    /// What Jaeger's pages open.
    Jaeger,
    /// Trace events, which Perfetto opens.
    Chrome,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    #[serde(default)]
    format: Format,
}

pub(crate) async fn trace(
    State(state): State<Shared>,
    id: Result<Path<String>, PathRejection>,
    written: Result<Query<Written>, QueryRejection>,
) -> Response {
    let Ok(id) = id.map_err(|_| ()).and_then(|Path(id)| id.parse::<TraceId>().map_err(|_| ())) else {
        return failure(StatusCode::BAD_REQUEST, "a trace id has 32 hexadecimal digits");
    };
    let format = match written {
        Ok(Query(Written { format })) => format,
        Err(error) => {
            let why = error.body_text();
            return failure(StatusCode::BAD_REQUEST, format!("{why}; format is otlp, jaeger or chrome"));
        }
    };
    let read = reading(&state, move |store| {
        let Some(request) = store.request_of(id)? else { return Ok(None) };
        let spans = decode_request(&request)?;
        let written = match format {
            Format::Otlp => request_to_json(spans),
            Format::Jaeger => jaeger_trace(id, &spans),
            Format::Chrome => chrome_trace(&spans),
        };
        Ok(Some(written.to_string()))
    });
    match read.await {
        Ok(Some(trace)) => json(StatusCode::OK, trace),
        Ok(None) => failure(
            StatusCode::NOT_FOUND,
            format!("no trace {id} is stored; it may have been let go to make room"),
        ),
        Err(response) => response,
    }
}
