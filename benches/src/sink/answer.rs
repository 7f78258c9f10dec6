//! Requests and their answers, as each protocol has them.

use std::convert::Infallible;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;

use super::scan::{self, Malformed};

/// Spans since somebody last asked.
static SPANS: AtomicU64 = AtomicU64::new(0);

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Where a `GET` answers how many spans came since the last one.
pub(super) const COUNT: &str = "/count";

pub(super) async fn answer(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(match (&head.method, head.uri.path()) {
        (&Method::POST, "/v1/traces") => plain(scan::otlp(&body), StatusCode::OK, "application/x-protobuf"),
        (&Method::POST, "/api/v2/spans") => plain(scan::zipkin(&body), StatusCode::ACCEPTED, "text/plain"),
        (&Method::POST, "/api/traces") => plain(scan::jaeger(&body), StatusCode::ACCEPTED, "text/plain"),
        (&Method::POST, "/opentelemetry.proto.collector.trace.v1.TraceService/Export") => {
            grpc(scan::grpc(&body))
        }
        (&Method::GET, COUNT) => {
            let count = SPANS.swap(0, Relaxed).to_string();
            Response::new(Full::new(Bytes::from(count)).boxed_unsync())
        }
        _ => status(StatusCode::NOT_FOUND),
    })
}

fn plain(spans: Result<u64, Malformed>, accepted: StatusCode, content_type: &'static str) -> Response<Body> {
    let Ok(spans) = spans else { return status(StatusCode::BAD_REQUEST) };
    SPANS.fetch_add(spans, Relaxed);
    let mut response = status(accepted);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An empty message and the status behind it.
fn grpc(spans: Result<u64, Malformed>) -> Response<Body> {
    const INVALID_ARGUMENT: &str = "3";
    let (status, message) = match spans {
        Ok(spans) => {
            SPANS.fetch_add(spans, Relaxed);
            ("0", Bytes::from_static(&[0; 5]))
        }
        Err(Malformed) => (INVALID_ARGUMENT, Bytes::new()),
    };
    let mut trailers = HeaderMap::new();
    trailers.insert(HeaderName::from_static("grpc-status"), HeaderValue::from_static(status));
    let body = Full::new(message).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(body.boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Empty::new().boxed_unsync());
    *response.status_mut() = status;
    response
}
