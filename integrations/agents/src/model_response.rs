//! What a model answered.

use tracer_factory_core::manual::Span;
use tracer_factory_core::value::AttrValue;

use crate::message::{Message, to_json};
use crate::names::gen_ai;

/// Tokens that a call took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Usage {
    /// Those that went in.
    pub input_tokens: u64,
    /// Of these, those that came from a cache.
    pub cached_tokens: u64,
    /// Those that came out.
    pub output_tokens: u64,
}

/// What a model answered.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ModelResponse {
    /// The answer's identifier.
    pub id: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// What it said, one message a choice.
    pub messages: Vec<Message>,
    /// What it took.
    pub usage: Option<Usage>,
}

impl ModelResponse {
    /// An answer of one message.
    pub fn of(message: Message) -> Self {
        Self { messages: vec![message], ..Self::default() }
    }

    /// The answer's identifier.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The model that answered.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// What it took.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    pub(crate) fn record(&self, span: &mut Span) {
        if !span.is_recording() {
            return;
        }
        for (name, text) in [(gen_ai::RESPONSE_ID, &self.id), (gen_ai::RESPONSE_MODEL, &self.model)] {
            if let Some(text) = text {
                span.set_attribute(name, text);
            }
        }
        if !self.messages.is_empty() {
            span.set_attribute(gen_ai::OUTPUT_MESSAGES, to_json(&self.messages));
        }
        let reasons: Vec<_> =
            self.messages.iter().filter_map(|message| message.finish_reason.as_deref()).collect();
        if !reasons.is_empty() {
            let reasons = reasons.into_iter().map(AttrValue::from).collect();
            span.set_attribute(gen_ai::RESPONSE_FINISH_REASONS, AttrValue::Array(reasons));
        }
        if let Some(usage) = self.usage {
            span.set_attribute(gen_ai::INPUT_TOKENS, usage.input_tokens);
            span.set_attribute(gen_ai::OUTPUT_TOKENS, usage.output_tokens);
            if usage.cached_tokens > 0 {
                span.set_attribute(gen_ai::CACHED_TOKENS, usage.cached_tokens);
            }
        }
    }
}
