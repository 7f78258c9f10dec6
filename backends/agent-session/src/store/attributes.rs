//! The attributes that say what a span is, picked out of a span or resource while its bytes are checked.

use std::borrow::Cow;

use tracer_factory_core::otlp::Reader;

use super::kind::Kind;

/// A name that means something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    AgentopsKind,
    OpeninferenceKind,
    Operation,
    EventType,
    SessionId,
    ConversationId,
    AgentopsSessionId,
    RolloutId,
    AttemptId,
    OpeninferenceProject,
    AgentopsProject,
    ServiceNamespace,
    ServiceName,
    AgentopsTags,
    Tags,
    Tag,
    EndState,
    ResponseModel,
    RequestModel,
    LlmModel,
    InputTokens,
    PromptTokens,
    LlmPromptTokens,
    OutputTokens,
    CompletionTokens,
    LlmCompletionTokens,
    UsageCost,
    LlmCost,
    RewardName(u32),
    RewardValue(u32),
    Reward,
    TaskOutput,
    EntityOutput,
}

impl Key {
    /// What `name` means. Most names mean nothing, and most of those are told by their first letter.
    pub(super) fn named(name: &str) -> Option<Self> {
        let known = match name.as_bytes().first()? {
            b'a' => match name.strip_prefix("agentlightning.") {
                Some("rollout_id") => Key::RolloutId,
                Some("attempt_id") => Key::AttemptId,
                Some(rest) => return Self::numbered(rest),
                None => match name.strip_prefix("agentops.")? {
                    "span.kind" => Key::AgentopsKind,
                    "session.id" => Key::AgentopsSessionId,
                    "session.end_state" => Key::EndState,
                    "project.name" => Key::AgentopsProject,
                    "tags" => Key::AgentopsTags,
                    "task.output" => Key::TaskOutput,
                    "entity.output" => Key::EntityOutput,
                    _ => return None,
                },
            },
            b'g' => match name.strip_prefix("gen_ai.")? {
                "operation.name" => Key::Operation,
                "conversation.id" => Key::ConversationId,
                "response.model" => Key::ResponseModel,
                "request.model" => Key::RequestModel,
                "usage.input_tokens" => Key::InputTokens,
                "usage.prompt_tokens" => Key::PromptTokens,
                "usage.output_tokens" => Key::OutputTokens,
                "usage.completion_tokens" => Key::CompletionTokens,
                "usage.cost" => Key::UsageCost,
                _ => return None,
            },
            b'l' => match name.strip_prefix("llm.")? {
                "model_name" => Key::LlmModel,
                "token_count.prompt" => Key::LlmPromptTokens,
                "token_count.completion" => Key::LlmCompletionTokens,
                "cost.total" => Key::LlmCost,
                _ => return None,
            },
            b's' => match name {
                "session.id" => Key::SessionId,
                "service.name" => Key::ServiceName,
                "service.namespace" => Key::ServiceNamespace,
                _ => return None,
            },
            b'o' => match name {
                "openinference.span.kind" => Key::OpeninferenceKind,
                "openinference.project.name" => Key::OpeninferenceProject,
                _ => return None,
            },
            b'e' if name == "event_type" => Key::EventType,
            b't' if name == "tag.tags" => Key::Tags,
            b'r' if name == "reward" => Key::Reward,
            _ => return None,
        };
        Some(known)
    }

    /// `tag.N`, `reward.N.name` or `reward.N.value`.
    fn numbered(name: &str) -> Option<Self> {
        if let Some(number) = name.strip_prefix("tag.") {
            return number.parse::<u32>().ok().map(|_| Key::Tag);
        }
        let (number, what) = name.strip_prefix("reward.")?.split_once('.')?;
        let number = number.parse().ok()?;
        match what {
            "name" => Some(Key::RewardName(number)),
            "value" => Some(Key::RewardValue(number)),
            _ => None,
        }
    }
}

/// What was found in one span or resource.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes<'a> {
    found: Vec<(Key, &'a [u8])>,
}

/// An `AnyValue`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value<'a> {
    Text(&'a str),
    Bool,
    Int(i64),
    Double(f64),
    Array(&'a [u8]),
    Other,
}

impl<'a> Attributes<'a> {
    pub(super) fn clear(&mut self) {
        self.found.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Remembers a checked `AnyValue` by its name.
    pub(super) fn push(&mut self, key: Key, value: &'a [u8]) {
        self.found.push((key, value));
    }

    fn get(&self, key: Key) -> Option<Value<'a>> {
        // The last one wins, as everywhere.
        self.found.iter().rev().find(|(known, _)| *known == key).map(|(_, value)| Value::read(value))
    }

    /// The first of `keys` that is a text with something in it.
    pub(super) fn text(&self, keys: &[Key]) -> Option<Cow<'a, str>> {
        if self.found.is_empty() {
            return None;
        }
        keys.iter().find_map(|key| self.get(*key)?.text())
    }

    /// The first of `keys` that is a number.
    fn number(&self, keys: &[Key]) -> Option<f64> {
        keys.iter().find_map(|key| self.get(*key)?.number())
    }

    pub(super) fn count(&self, keys: &[Key]) -> u64 {
        // Saturates, and what is negative or not a number counts nothing.
        self.number(keys).unwrap_or(0.0) as u64
    }

    pub(super) fn cost(&self) -> Option<f64> {
        self.number(&[Key::UsageCost, Key::LlmCost]).filter(|cost| cost.is_finite())
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        if let Some(word) = self.text(&[Key::AgentopsKind, Key::OpeninferenceKind]) {
            return Some(Kind::named(&word));
        }
        let by_operation = self.text(&[Key::Operation]).and_then(|operation| Kind::of_operation(&operation));
        by_operation.or_else(|| self.text(&[Key::EventType]).map(|event| Kind::of_event_type(&event)))
    }

    pub(super) fn tags(&self, mut add: impl FnMut(&str)) {
        for (key, value) in &self.found {
            match (key, Value::read(value)) {
                (Key::Tag, Value::Text(tag)) => add(tag),
                (Key::AgentopsTags | Key::Tags, Value::Array(items)) => {
                    each_item(items, |item| {
                        if let Value::Text(tag) = item {
                            add(tag);
                        }
                    });
                }
                (Key::AgentopsTags | Key::Tags, Value::Text(text)) => {
                    match serde_json::from_str::<Vec<String>>(text) {
                        Ok(tags) => tags.iter().for_each(|tag| add(tag)),
                        Err(_) => add(text),
                    }
                }
                _ => {}
            }
        }
    }

    /// The primary reward of a span with this name.
    pub(super) fn reward(&self, span_name: &str) -> Option<f64> {
        if self.found.is_empty() {
            return None;
        }
        let primary = self.found.iter().find_map(|(key, value)| match key {
            Key::RewardName(number) if Value::read(value) == Value::Text("primary") => Some(*number),
            _ => None,
        });
        let by_number = |number| self.get(Key::RewardValue(number))?.number();
        // Without a name for any, the first one is what is meant.
        let reward = primary.or(Some(0)).and_then(by_number).or_else(|| self.older_reward(span_name));
        reward.filter(|reward| reward.is_finite())
    }

    /// `{"type":"reward","value":…}` as an output, or `reward` of an annotation.
    fn older_reward(&self, span_name: &str) -> Option<f64> {
        #[derive(serde::Deserialize)]
        struct Output {
            r#type: String,
            value: Option<f64>,
        }
        /// Longer outputs are something else.
        const LONGEST: usize = 4096;
        for key in [Key::TaskOutput, Key::EntityOutput] {
            if let Some(Value::Text(text)) = self.get(key)
                && text.len() <= LONGEST
                && text.contains("reward")
                && let Ok(output) = serde_json::from_str::<Output>(text)
                && output.r#type == "reward"
            {
                return output.value;
            }
        }
        if span_name == "agentlightning.annotation" { self.get(Key::Reward)?.number() } else { None }
    }
}

impl<'a> Value<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        let mut value = Value::Other;
        let mut reader = Reader::new(bytes);
        // The bytes are checked, so an error can't be.
        while let Ok(Some((number, field))) = reader.field() {
            value = match number {
                1 => field.text(number).map_or(value, Value::Text),
                2 => Value::Bool,
                3 => field.varint(number).map_or(value, |bits| Value::Int(bits as i64)),
                4 => field.fixed64(number).map_or(value, |bits| Value::Double(f64::from_bits(bits))),
                5 => field.bytes(number).map_or(value, Value::Array),
                6 | 7 => Value::Other,
                _ => value,
            };
        }
        value
    }

    fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Value::Text("") => None,
            Value::Text(text) => Some(Cow::Borrowed(text)),
            Value::Int(number) => Some(Cow::Owned(number.to_string())),
            _ => None,
        }
    }

    fn number(self) -> Option<f64> {
        match self {
            Value::Int(number) => Some(number as f64),
            Value::Double(number) => Some(number),
            Value::Text(text) => text.trim().parse().ok(),
            Value::Bool | Value::Array(_) | Value::Other => None,
        }
    }
}

fn each_item<'a>(array: &'a [u8], mut visit: impl FnMut(Value<'a>)) {
    let mut reader = Reader::new(array);
    while let Ok(Some((1, field))) = reader.field() {
        if let Ok(item) = field.bytes(1) {
            visit(Value::read(item));
        }
    }
}
