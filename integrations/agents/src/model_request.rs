//! What a model is asked.

use serde_json::Value;
use tracer_factory_core::manual::Span;
use tracer_factory_core::value::AttrValue;

use crate::message::{Message, to_json};
use crate::names::{gen_ai, lightning};

/// What a model is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Operation {
    /// To go on with a conversation.
    #[default]
    Chat,
    /// To go on with a text.
    TextCompletion,
    /// To make something of several media.
    GenerateContent,
    /// To turn texts into vectors.
    Embeddings,
}

impl Operation {
    /// The value of `gen_ai.operation.name`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::TextCompletion => "text_completion",
            Self::GenerateContent => "generate_content",
            Self::Embeddings => "embeddings",
        }
    }
}

/// What a model is asked. Only the model is needed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ModelRequest<'a> {
    /// What it is to do.
    pub operation: Operation,
    /// The model.
    pub model: &'a str,
    /// Who runs it, such as `openai`, `anthropic`, `vllm`; empty when unknown.
    pub provider: &'a str,
    /// What goes in.
    pub messages: &'a [Message],
    /// Tools that it may call, as their definitions' JSON.
    pub tools: Option<&'a Value>,
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    pub top_p: Option<f64>,
    /// The most tokens to be made.
    pub max_tokens: Option<u32>,
    /// For the same answer to the same question.
    pub seed: Option<i64>,
    /// How many answers.
    pub choices: Option<u32>,
    /// Texts that end an answer.
    pub stop: &'a [&'a str],
    /// The conversation that it belongs to.
    pub conversation_id: Option<&'a str>,
    /// Its place in a rollout, see [`Session::next_sequence`](crate::Session::next_sequence).
    pub sequence_id: Option<u64>,
    /// The span's name when it is not to be `<operation> <model>`.
    pub span_name: Option<&'a str>,
}

impl<'a> ModelRequest<'a> {
    /// A chat with `model`.
    pub fn chat(model: &'a str, messages: &'a [Message]) -> Self {
        Self { model, messages, ..Self::default() }
    }

    /// Who runs the model.
    #[must_use]
    pub fn provider(mut self, provider: &'a str) -> Self {
        self.provider = provider;
        self
    }

    pub(crate) fn name(&self) -> String {
        match self.span_name {
            Some(name) => name.to_owned(),
            None if self.model.is_empty() => self.operation.as_str().to_owned(),
            None => format!("{} {}", self.operation.as_str(), self.model),
        }
    }

    pub(crate) fn record(&self, span: &mut Span) {
        if !span.is_recording() {
            return;
        }
        span.set_attribute(gen_ai::OPERATION_NAME, self.operation.as_str());
        let texts = [
            (gen_ai::REQUEST_MODEL, Some(self.model)),
            (gen_ai::PROVIDER_NAME, Some(self.provider)),
            (gen_ai::CONVERSATION_ID, self.conversation_id),
        ];
        for (name, text) in texts {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                span.set_attribute(name, text);
            }
        }
        let numbers = [
            (gen_ai::REQUEST_TEMPERATURE, self.temperature.map(AttrValue::from)),
            (gen_ai::REQUEST_TOP_P, self.top_p.map(AttrValue::from)),
            (gen_ai::REQUEST_MAX_TOKENS, self.max_tokens.map(AttrValue::from)),
            (gen_ai::REQUEST_SEED, self.seed.map(AttrValue::from)),
            (gen_ai::REQUEST_CHOICE_COUNT, self.choices.filter(|choices| *choices != 1).map(AttrValue::from)),
            (lightning::SEQUENCE_ID, self.sequence_id.map(AttrValue::from)),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                span.set_attribute(name, number);
            }
        }
        if !self.stop.is_empty() {
            let stop: Vec<_> = self.stop.iter().map(|text| AttrValue::from(*text)).collect();
            span.set_attribute(gen_ai::REQUEST_STOP_SEQUENCES, AttrValue::Array(stop));
        }
        if let Some(tools) = self.tools {
            span.set_attribute(gen_ai::TOOL_DEFINITIONS, tools.to_string());
        }
        if !self.messages.is_empty() {
            span.set_attribute(gen_ai::INPUT_MESSAGES, to_json(self.messages));
        }
    }
}
