//! A model call under way: one span from the request to the last piece of the answer.

use std::error::Error;

use tracer_factory_core::context::Context;
use tracer_factory_core::manual::Span;
use tracer_factory_core::span::{SpanKind, StatusCode};
use tracer_factory_core::tracer::{BaseTracer, SpanOptions};

use crate::event_type::EventType;
use crate::message::{Message, Part};
use crate::model_request::ModelRequest;
use crate::model_response::{ModelResponse, Usage};
use crate::names::{EVENT_TYPE, SPAN_KIND, gen_ai};
use crate::price::Price;

/// A model call under way. Pieces of a streamed answer are put together here and recorded once, at the end: also when the
/// stream is given up, which dropping this says.
#[derive(Debug)]
#[must_use = "the call's span ends when this is dropped"]
pub struct ModelCall {
    span: Span,
    /// What has been streamed so far, by choice.
    streamed: Vec<Streamed>,
    response: ModelResponse,
    price: Option<Price>,
    settled: bool,
}

/// A choice that is being streamed.
#[derive(Debug, Default)]
struct Streamed {
    text: String,
    reasoning: String,
    calls: Vec<StreamedCall>,
    finish_reason: Option<String>,
}

/// A call of a tool that is being streamed.
#[derive(Debug, Default)]
struct StreamedCall {
    id: Option<String>,
    name: String,
    arguments: String,
}

impl ModelCall {
    /// More choices, or calls in one, than any model streams are nonsense of whoever numbers them.
    const MOST: usize = 256;

    /// Begins a call under what is current.
    pub fn start(tracer: &(impl BaseTracer + ?Sized), request: &ModelRequest<'_>) -> Self {
        let name = request.name();
        let mut span = tracer.start_span(&SpanOptions::new(&name).kind(SpanKind::Client));
        span.set_attribute(EVENT_TYPE, EventType::Model.as_str());
        span.set_attribute(SPAN_KIND, EventType::Model.span_kind());
        request.record(&mut span);
        Self { span, streamed: Vec::new(), response: ModelResponse::default(), price: None, settled: false }
    }

    /// Tokens are paid for like this: `gen_ai.usage.cost` is recorded once their number is known.
    pub fn set_price(&mut self, price: Price) {
        self.price = Some(price);
    }

    /// The span.
    pub fn span(&mut self) -> &mut Span {
        &mut self.span
    }

    /// As a parent for what is done meanwhile, such as the HTTP request.
    pub fn context(&self) -> Context {
        self.span.context()
    }

    /// A piece of a choice's text.
    pub fn on_text(&mut self, choice: usize, piece: &str) {
        if let Some(streamed) = self.streamed(choice) {
            streamed.text.push_str(piece);
        }
    }

    /// A piece of what a model thinks.
    pub fn on_reasoning(&mut self, choice: usize, piece: &str) {
        if let Some(streamed) = self.streamed(choice) {
            streamed.reasoning.push_str(piece);
        }
    }

    /// A piece of a call of a tool: identifier and name come once, arguments in pieces.
    pub fn on_tool_call(
        &mut self,
        choice: usize,
        call: usize,
        id: Option<&str>,
        name: Option<&str>,
        arguments: Option<&str>,
    ) {
        let Some(streamed) = self.streamed(choice) else { return };
        if call >= Self::MOST {
            return;
        }
        if streamed.calls.len() <= call {
            streamed.calls.resize_with(call + 1, StreamedCall::default);
        }
        let Some(call) = streamed.calls.get_mut(call) else { return };
        call.id = id.map(str::to_owned).or(call.id.take());
        call.name.push_str(name.unwrap_or_default());
        call.arguments.push_str(arguments.unwrap_or_default());
    }

    /// Why a choice ended.
    pub fn on_finish_reason(&mut self, choice: usize, reason: &str) {
        if let Some(streamed) = self.streamed(choice) {
            streamed.finish_reason = Some(reason.to_owned());
        }
    }

    /// The answer's identifier and model, as each piece says them.
    pub fn on_identity(&mut self, id: Option<&str>, model: Option<&str>) {
        let of = |new: Option<&str>| new.filter(|text| !text.is_empty()).map(str::to_owned);
        self.response.id = of(id).or(self.response.id.take());
        self.response.model = of(model).or(self.response.model.take());
    }

    /// What it took.
    pub fn on_usage(&mut self, usage: Usage) {
        self.response.usage = Some(usage);
    }

    fn streamed(&mut self, choice: usize) -> Option<&mut Streamed> {
        if choice >= Self::MOST || !self.span.is_recording() {
            return None;
        }
        if self.streamed.is_empty() {
            self.span.add_event("gen_ai.first_token");
        }
        if self.streamed.len() <= choice {
            self.streamed.resize_with(choice + 1, Streamed::default);
        }
        self.streamed.get_mut(choice)
    }

    /// The whole answer has come at once.
    pub fn finish_with(mut self, response: ModelResponse) {
        self.response = response;
        self.finish();
    }

    /// The stream has ended.
    pub fn finish(mut self) {
        self.settle();
        self.span.set_status(StatusCode::Ok, "");
    }

    /// It went wrong. What was streamed until then is recorded.
    pub fn fail(mut self, error: &(dyn Error + 'static)) {
        self.settle();
        self.span.record_error(error);
    }

    /// The same for an error that is only words.
    pub fn fail_with(mut self, message: &str) {
        self.settle();
        self.span.record_error_message(message);
    }

    fn settle(&mut self) {
        if std::mem::replace(&mut self.settled, true) || !self.span.is_recording() {
            return;
        }
        self.response.messages.extend(self.streamed.drain(..).map(Streamed::into_message));
        self.response.record(&mut self.span);
        if let (Some(price), Some(usage)) = (self.price, self.response.usage) {
            self.span.set_attribute(gen_ai::COST, price.of(&usage));
        }
    }
}

impl Drop for ModelCall {
    fn drop(&mut self) {
        self.settle();
    }
}

impl Streamed {
    fn into_message(self) -> Message {
        let mut parts = Vec::new();
        if !self.reasoning.is_empty() {
            parts.push(Part::Reasoning { content: self.reasoning });
        }
        if !self.text.is_empty() {
            parts.push(Part::Text { content: self.text });
        }
        let calls = self.calls.into_iter();
        parts.extend(calls.map(|call| Part::tool_call(call.id.as_deref(), &call.name, &call.arguments)));
        Message { role: "assistant".to_owned(), parts, finish_reason: self.finish_reason }
    }
}
