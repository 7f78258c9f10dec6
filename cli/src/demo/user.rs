//! The user service: validates the user and asks the LLM service.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use serde::Deserialize;
use serde_json::json;
use tracer_factory::{BaseTracer, Context, TraceFuture};

use super::answer::{Answer, Failure};
use super::client::JsonClient;
use super::service::{Body, conclude, parse, request_span};

pub(super) const NAME: &str = "user-service";
pub(super) const PATH: &str = "/process";
const EXAMPLE: &str = r#"{"user_id": "user_123", "query": "Explain distributed tracing"}"#;

pub(super) struct UserService {
    pub(super) tracer: Arc<dyn BaseTracer>,
    pub(super) client: JsonClient,
    /// `/generate` of the LLM service.
    pub(super) llm_service: String,
}

#[derive(Deserialize)]
struct Query {
    user_id: String,
    query: String,
}

impl UserService {
    pub(super) fn router(self) -> Router {
        Router::new().route(PATH, post(process_user_request)).with_state(Arc::new(self))
    }

    async fn process(&self, body: Body) -> Answer {
        let outcome = self.answer(body).await;
        conclude(&*self.tracer, outcome)
    }

    async fn answer(&self, body: Body) -> Result<Answer, Failure> {
        let tracer = &*self.tracer;
        tracer.add_span_attribute("service", NAME.into());
        tracer.add_span_attribute("operation", "process_request".into());
        let Query { user_id, query } = parse(body, EXAMPLE)?;
        tracer.add_span_attribute("user_id", (&user_id).into());

        if !self.validate_user(&user_id) {
            tracer.add_span_attribute("validation", "failed".into());
            return Ok(Answer::ok(json!({ "error": "Invalid user" })));
        }
        tracer.add_span_attribute("validation", "passed".into());

        let mut headers = HeaderMap::new();
        tracer.inject_context(&Context::current(), &mut headers);
        let request = json!({ "user_id": user_id, "prompt": query });
        let reply = self.client.post(&self.llm_service, headers, &request).await;
        let reply = reply.map_err(|source| Failure::Downstream { service: super::llm::NAME, source })?;
        tracer.add_span_attribute("downstream_status", reply.status.as_u16().into());
        Ok(Answer { status: reply.status, body: reply.body })
    }

    fn validate_user(&self, user_id: &str) -> bool {
        let scope = self.tracer.trace_context("validate_user");
        scope.set_attribute("operation", "validate_user").set_attribute("user_id", user_id);
        let valid = user_id.starts_with("user_");
        scope.set_attribute("is_valid", valid);
        valid
    }
}

async fn process_user_request(
    State(service): State<Arc<UserService>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let span = request_span(&*service.tracer, "process_user_request", &headers);
    service.process(body).in_span(span).await
}
