//! `POST /v1/traces`: OTLP over HTTP, in protobuf or JSON, plain or gzip.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use tracer_factory_core::otlp::{decode_json_request, encode_request};

use super::answer::{Encoding, failure};
use super::body::{self, BodyError};
use super::shared::Shared;
use crate::store::{IngestError, Ingested};

const NO_IDS: &str =
    "spans without a valid trace_id (16 bytes) and span_id (8 bytes), not all zeros, are not stored";

pub(super) async fn ingest(State(state): State<Shared>, headers: HeaderMap, body: Body) -> Response {
    let Some(encoding) = encoding_of(&headers) else {
        return failure(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the content type must be application/x-protobuf or application/json",
        );
    };
    let Some(gzip) = is_gzip(&headers) else {
        return encoding
            .refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content encoding must be gzip or identity");
    };
    let whole = match body::read(body, gzip, state.in_flight()).await {
        Ok(whole) => whole,
        Err(error) => return refuse_body(encoding, &error),
    };
    let request = match encoding {
        Encoding::Protobuf => whole.bytes,
        Encoding::Json => match decode_json_request(&whole.bytes) {
            Ok(spans) => encode_request(&spans),
            Err(error) => return encoding.refused(StatusCode::BAD_REQUEST, &error.to_string()),
        },
    };
    match state.store().ingest(request).await {
        Ok(Ingested { rejected, .. }) => encoding.accepted(rejected, NO_IDS),
        Err(error @ IngestError::Malformed(_)) => {
            encoding.refused(StatusCode::BAD_REQUEST, &error.to_string())
        }
        Err(error @ IngestError::Unavailable(_)) => {
            retry_later(encoding.refused(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()), "5")
        }
    }
}

fn refuse_body(encoding: Encoding, error: &BodyError) -> Response {
    let status = match error {
        BodyError::TooLarge | BodyError::Bomb => StatusCode::PAYLOAD_TOO_LARGE,
        BodyError::Gzip(_) | BodyError::Broken => StatusCode::BAD_REQUEST,
        BodyError::Slow => StatusCode::REQUEST_TIMEOUT,
        BodyError::Busy => StatusCode::SERVICE_UNAVAILABLE,
    };
    let response = encoding.refused(status, &error.to_string());
    if status == StatusCode::SERVICE_UNAVAILABLE { retry_later(response, "1") } else { response }
}

fn retry_later(mut response: Response, seconds: &'static str) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static(seconds));
    response
}

fn encoding_of(headers: &HeaderMap) -> Option<Encoding> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-protobuf") {
        Some(Encoding::Protobuf)
    } else if essence.eq_ignore_ascii_case("application/json") {
        Some(Encoding::Json)
    } else {
        None
    }
}

/// `None` for an encoding that is neither gzip nor none.
fn is_gzip(headers: &HeaderMap) -> Option<bool> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else { return Some(false) };
    match encoding.to_str().ok()?.trim() {
        "" => Some(false),
        text if text.eq_ignore_ascii_case("identity") => Some(false),
        text if text.eq_ignore_ascii_case("gzip") => Some(true),
        _ => None,
    }
}
