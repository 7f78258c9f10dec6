//! Answers: JSON for people and programs, OTLP's own messages for senders of spans.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// An error as the query API shows it.
pub(super) fn failure(status: StatusCode, message: impl AsRef<str>) -> Response {
    json(status, serde_json::json!({ "error": message.as_ref() }).to_string())
}

/// A JSON body that is text already.
pub(super) fn json(status: StatusCode, body: impl Into<axum::body::Body>) -> Response {
    with_type(status, "application/json", body)
}

/// A body of any type.
pub(super) fn with_type(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<axum::body::Body>,
) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static(content_type))], body.into()).into_response()
}

/// The encodings of OTLP over HTTP; an answer has its request's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    /// `ExportTraceServiceResponse`: empty, or with what was rejected and why.
    pub(super) fn accepted(self, rejected: u64, message: &str) -> Response {
        let partial = rejected > 0;
        match self {
            Encoding::Protobuf => {
                let mut body = Vec::new();
                if partial {
                    let mut inner = vec![0x08];
                    varint(&mut inner, rejected);
                    text_field(&mut inner, message);
                    body.push(0x0a);
                    varint(&mut body, inner.len() as u64);
                    body.extend(inner);
                }
                self.respond(StatusCode::OK, body)
            }
            Encoding::Json => {
                let body = if partial {
                    serde_json::json!({
                        "partialSuccess": { "rejectedSpans": rejected.to_string(), "errorMessage": message }
                    })
                } else {
                    serde_json::json!({ "partialSuccess": {} })
                };
                self.respond(StatusCode::OK, body.to_string())
            }
        }
    }

    /// `google.rpc.Status`, as OTLP wants the body of an error.
    pub(super) fn refused(self, status: StatusCode, message: &str) -> Response {
        // gRPC's numbers for the same: RESOURCE_EXHAUSTED, UNAVAILABLE, INVALID_ARGUMENT.
        let code = match status {
            StatusCode::PAYLOAD_TOO_LARGE => 8,
            StatusCode::SERVICE_UNAVAILABLE => 14,
            _ => 3,
        };
        match self {
            Encoding::Protobuf => {
                let mut body = vec![0x08, code];
                text_field(&mut body, message);
                self.respond(status, body)
            }
            Encoding::Json => {
                self.respond(status, serde_json::json!({ "code": code, "message": message }).to_string())
            }
        }
    }

    fn respond(self, status: StatusCode, body: impl Into<axum::body::Body>) -> Response {
        let content_type = match self {
            Encoding::Protobuf => "application/x-protobuf",
            Encoding::Json => "application/json",
        };
        with_type(status, content_type, body)
    }
}

/// Field 2 of both messages.
fn text_field(out: &mut Vec<u8>, text: &str) {
    out.push(0x12);
    varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
