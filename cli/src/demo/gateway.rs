//! The API gateway: where a request, and with it a trace, begins.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::Value;
use tracer_factory::{BaseTracer, Context, TraceFuture, TraceId};

use super::answer::{Answer, Failure};
use super::client::JsonClient;
use super::finished::Finished;
use super::service::{Body, conclude, parse, request_span};

pub(super) const NAME: &str = "api-gateway";
pub(super) const PATH: &str = "/api/query";
/// The answer's header that says which trace to look at.
pub(super) const TRACE_ID_HEADER: &str = "x-trace-id";
const EXAMPLE: &str = r#"{"user_id": "user_123", "query": "Explain distributed tracing"}"#;

pub(super) struct Gateway {
    pub(super) tracer: Arc<dyn BaseTracer>,
    pub(super) client: JsonClient,
    /// `/process` of the user service.
    pub(super) user_service: String,
    pub(super) finished: Finished,
}

/// Checked here so that a wrong request is refused at the door; what is sent on is the caller's own JSON.
#[derive(Deserialize)]
struct Query {
    user_id: String,
    #[serde(rename = "query")]
    _query: String,
}

impl Gateway {
    pub(super) fn router(self) -> Router {
        Router::new().route(PATH, post(handle_query)).with_state(Arc::new(self))
    }

    async fn query(&self, client: SocketAddr, body: Body) -> Answer {
        let outcome = self.forward(client, body).await;
        conclude(&*self.tracer, outcome)
    }

    async fn forward(&self, client: SocketAddr, body: Body) -> Result<Answer, Failure> {
        let tracer = &*self.tracer;
        tracer.add_span_attribute("service", NAME.into());
        tracer.add_span_attribute("endpoint", PATH.into());
        tracer.add_span_attribute("client_ip", client.ip().to_string().into());
        let request: Value = parse(body, EXAMPLE)?;
        let query: Query =
            Query::deserialize(&request).map_err(|source| Failure::Malformed { example: EXAMPLE, source })?;
        tracer.add_span_attribute("user_id", query.user_id.into());

        let mut headers = HeaderMap::new();
        tracer.inject_context(&Context::current(), &mut headers);
        let names: Vec<_> = headers.keys().map(|name| name.as_str()).collect();
        tracer.add_span_attribute("propagated_headers", names.as_slice().into());

        let reply = self.client.post(&self.user_service, headers, &request).await;
        let reply = reply.map_err(|source| Failure::Downstream { service: super::user::NAME, source })?;
        tracer.add_span_attribute("user_service_status", reply.status.as_u16().into());
        tracer.add_span_attribute("response_size", reply.size.into());
        Ok(Answer { status: reply.status, body: reply.body })
    }
}

async fn handle_query(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let span = request_span(&*gateway.tracer, "handle_query", &headers);
    let trace_id: TraceId = span.trace_id();
    // Said when this ends in any way, also when the caller hangs up.
    let _finished = gateway.finished.on_drop(trace_id);
    let answer = gateway.query(client, body).in_span(span).await;
    ([(TRACE_ID_HEADER, trace_id.to_string())], answer).into_response()
}
