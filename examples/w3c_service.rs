//! The service that the W3C's trace-context validation suite calls: for each `{"url": …, "arguments": […]}` of a request it
//! posts the arguments to the URL, under a span of its own.
//!
//! ```text
//! cargo run --example w3c_service -- 5050
//! ```
//!
//! Then, in the `test` folder of <https://github.com/w3c/trace-context>, with aiohttp installed:
//! `SPEC_LEVEL=2 STRICT_LEVEL=2 python test.py http://127.0.0.1:5050/test`.

#![allow(clippy::print_stdout, reason = "a program for people to read")]

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::routing::post;
use axum::{Json, Router};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tracer_factory::{
    BaseTracer, Context, RecordingTracer, SpanKind, SpanOptions, StatusCode as SpanStatus, TraceFuture,
    TracerConfig,
};

struct Service {
    tracer: Arc<dyn BaseTracer>,
    client: Client<HttpConnector, Full<Bytes>>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(5050), |port| port.parse::<u16>())?;
    // Records like any other and sends to nobody: what counts here is what it tells the services it calls.
    let tracer = RecordingTracer::with_plans(&TracerConfig::default(), Vec::new())?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let service = Arc::new(Service { tracer: Arc::new(tracer), client });
    let app = Router::new().route("/test", post(test)).with_state(service);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("listening on http://{}/test", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

async fn test(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Json(calls): Json<Vec<Value>>,
) -> (StatusCode, Json<Value>) {
    let caller = service.tracer.extract_context(&headers);
    let options = SpanOptions::new("POST /test").kind(SpanKind::Server).parent_context(&caller);
    let span = service.tracer.start_span(&options);
    let failed = service.call_all(&calls).in_span(span).await;
    let status = if failed.is_empty() { StatusCode::OK } else { StatusCode::BAD_GATEWAY };
    (status, Json(json!({ "failed": failed })))
}

impl Service {
    /// Makes the calls one after the other; what went wrong is returned in words.
    async fn call_all(&self, calls: &[Value]) -> Vec<String> {
        let mut failed = Vec::new();
        for call in calls {
            let span = self.tracer.start_span(&SpanOptions::new("POST").kind(SpanKind::Client));
            let url = call["url"].as_str().unwrap_or_default();
            let result = async {
                let result = self.call(url, &call["arguments"]).await;
                if let Err(error) = &result {
                    self.tracer.set_span_status(SpanStatus::Error, &error.to_string());
                }
                result
            };
            if let Err(error) = result.in_span(span).await {
                failed.push(format!("{url}: {error}"));
            }
        }
        failed
    }

    async fn call(&self, url: &str, arguments: &Value) -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(arguments.to_string()))?;
        self.tracer.inject_context(&Context::current(), request.headers_mut());
        let answer = self.client.request(request).await?;
        // Read to its end, so that the connection can be used again.
        answer.into_body().collect().await?;
        Ok(())
    }
}
