//! Messages to and from a model, in the JSON shape of OpenTelemetry's gen_ai conventions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: String,
    /// What it is made of.
    pub parts: Vec<Part>,
    /// Of a model's message: why it ended, such as `stop` or `tool_call`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// Text.
    Text {
        /// The text.
        content: String,
    },
    /// What a model thinks before it answers.
    Reasoning {
        /// The text.
        content: String,
    },
    /// A model wants a tool called.
    ToolCall {
        /// The call's identifier.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The tool.
        name: String,
        /// Its arguments; text that is JSON is better given as JSON.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        arguments: Value,
    },
    /// What a tool answered.
    ToolCallResponse {
        /// The call's identifier.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The answer.
        response: Value,
    },
    /// Anything else that is somewhere, such as a picture.
    Uri {
        /// `image`, `audio`, `video`.
        modality: String,
        /// Where.
        uri: String,
    },
}

impl Message {
    /// Text of some role.
    pub fn text(role: &str, content: impl Into<String>) -> Self {
        Self {
            role: role.to_owned(),
            parts: vec![Part::Text { content: content.into() }],
            finish_reason: None,
        }
    }

    /// What the program tells the model to be.
    pub fn system(content: impl Into<String>) -> Self {
        Self::text("system", content)
    }

    /// What a person says.
    pub fn user(content: impl Into<String>) -> Self {
        Self::text("user", content)
    }

    /// What a model says.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::text("assistant", content)
    }

    /// What a tool answered to a call.
    pub fn tool(id: impl Into<String>, response: Value) -> Self {
        let parts = vec![Part::ToolCallResponse { id: Some(id.into()), response }];
        Self { role: "tool".to_owned(), parts, finish_reason: None }
    }

    /// One more piece.
    #[must_use]
    pub fn part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }
}

impl Part {
    /// A call that a model wants. `arguments` is the text that models send: JSON when it is JSON, else that text.
    pub fn tool_call(id: Option<&str>, name: &str, arguments: &str) -> Self {
        let arguments = match arguments {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
        };
        Self::ToolCall { id: id.map(str::to_owned), name: name.to_owned(), arguments }
    }
}

/// As an attribute has them. Messages have no maps with other keys than texts, so this does not fail.
pub(crate) fn to_json(messages: &[Message]) -> String {
    serde_json::to_string(messages).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_conventions_shape() {
        let mut answer = Message::assistant("let me see")
            .part(Part::tool_call(Some("c1"), "weather", r#"{"city":"Paris"}"#))
            .part(Part::tool_call(None, "odd", "not json"));
        answer.finish_reason = Some("tool_call".to_owned());
        let json: Value = serde_json::from_str(&to_json(&[Message::user("hi"), answer.clone()])).unwrap();
        assert_eq!(
            json,
            serde_json::json!([
                {"role": "user", "parts": [{"type": "text", "content": "hi"}]},
                {"role": "assistant", "finish_reason": "tool_call", "parts": [
                    {"type": "text", "content": "let me see"},
                    {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Paris"}},
                    {"type": "tool_call", "name": "odd", "arguments": "not json"},
                ]},
            ])
        );
        assert_eq!(serde_json::from_value::<Vec<Message>>(json).unwrap()[1], answer);
    }
}
