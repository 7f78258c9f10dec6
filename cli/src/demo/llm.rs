//! The LLM service: generates a response with a model.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use serde::Deserialize;
use serde_json::json;
use tracer_factory::{BaseTracer, SpanOptions, TraceFuture};

use super::answer::{Answer, Failure};
use super::model::{self, Completion};
use super::service::{Body, conclude, parse, request_span};

pub(super) const NAME: &str = "llm-service";
pub(super) const PATH: &str = "/generate";
/// The span of a model call, named as the OpenAI client's instrumentation names it.
pub(super) const MODEL_CALL: &str = "openai.chat.completions.create";
const EXAMPLE: &str = r#"{"user_id": "user_123", "prompt": "Explain distributed tracing"}"#;
/// What a real service would ask for; the answer says which model it really was.
const REQUESTED_MODEL: &str = "gpt-3.5-turbo";
const MAX_TOKENS: usize = 60;

pub(super) struct LlmService {
    pub(super) tracer: Arc<dyn BaseTracer>,
}

#[derive(Deserialize)]
struct Request {
    user_id: String,
    prompt: String,
}

impl LlmService {
    pub(super) fn router(self) -> Router {
        Router::new().route(PATH, post(generate_response)).with_state(Arc::new(self))
    }

    fn generate(&self, body: Body) -> Result<Answer, Failure> {
        let tracer = &*self.tracer;
        tracer.add_span_attribute("service", NAME.into());
        let Request { user_id, prompt } = parse(body, EXAMPLE)?;
        tracer.add_span_attribute("user_id", user_id.into());
        tracer.add_span_attribute("prompt_length", prompt.chars().count().into());
        let response = self.call_model(&prompt).text;
        tracer.add_span_attribute("response_length", response.chars().count().into());
        Ok(Answer::ok(json!({ "response": response })))
    }

    /// Internal and not a client's span: the model is in this process.
    fn call_model(&self, prompt: &str) -> Completion {
        let scope = self.tracer.start_scope(&SpanOptions::new(MODEL_CALL));
        scope
            .set_attribute("gen_ai.operation.name", "chat")
            .set_attribute("gen_ai.provider.name", model::PROVIDER)
            .set_attribute("gen_ai.request.model", REQUESTED_MODEL)
            .set_attribute("gen_ai.request.max_tokens", MAX_TOKENS);
        let completion = model::complete(prompt, MAX_TOKENS);
        scope
            .set_attribute("gen_ai.response.model", model::NAME)
            .set_attribute("gen_ai.response.finish_reasons", [completion.finish_reason].as_slice())
            .set_attribute("gen_ai.usage.input_tokens", completion.input_tokens)
            .set_attribute("gen_ai.usage.output_tokens", completion.output_tokens);
        completion
    }
}

async fn generate_response(State(service): State<Arc<LlmService>>, headers: HeaderMap, body: Body) -> Answer {
    let span = request_span(&*service.tracer, "generate_response", &headers);
    async { conclude(&*service.tracer, service.generate(body)) }.in_span(span).await
}
