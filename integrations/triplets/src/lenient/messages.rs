//! Messages of today's gen_ai convention and of OpenInference, in the form that trainers know:
//! `[{"role", "content", "tool_calls": [{"id", "name", "arguments"}]}]`.

use crate::json::Json;

/// Messages with parts; what has none stays as it is.
pub(super) fn from_gen_ai(messages: Json) -> Json {
    match messages {
        Json::Array(items) => Json::Array(items.into_iter().map(gen_ai_message).collect()),
        other => other,
    }
}

fn gen_ai_message(message: Json) -> Json {
    let Some(parts) = message.get("parts").and_then(Json::as_array) else { return message };
    let mut role = message.get("role").cloned().unwrap_or_default();
    let mut built = Message::default();
    for part in parts {
        let field = |name| part.get(name).cloned().unwrap_or_default();
        match part.get("type").and_then(Json::as_str) {
            Some("text") => built.text(field("content")),
            Some("reasoning") => built.reasoning.push(field("content")),
            Some("tool_call") => built.tool_call(field("id"), field("name"), field("arguments")),
            Some("tool_call_response") => {
                role = Json::from("tool");
                built.answers = Some(field("id"));
                let answer = part.get("response").or_else(|| part.get("result")).cloned();
                built.text(answer.unwrap_or_default());
            }
            Some("uri") => built.image(field("uri")),
            Some("blob") => {
                let kind = part.get("mime_type").and_then(Json::as_str).unwrap_or("application/octet-stream");
                let content = part.get("content").and_then(Json::as_str).unwrap_or_default();
                built.image(Json::Str(format!("data:{kind};base64,{content}")));
            }
            _ => built.parts.push(part.clone()),
        }
    }
    built.finish(role, message.get("finish_reason").cloned())
}

/// System instructions are a list of parts without a message around them.
pub(super) fn system_instructions(parts: Json) -> Json {
    gen_ai_message(Json::object([("role", Json::from("system")), ("parts", parts)]))
}

/// `[{"message": {...}}]` as OpenInference's attributes put together.
pub(super) fn from_openinference(messages: Json) -> Json {
    let Json::Array(items) = messages else { return messages };
    let items = items.into_iter().map(|item| match item.get("message") {
        Some(message) => openinference_message(message),
        None => item,
    });
    Json::Array(items.collect())
}

fn openinference_message(message: &Json) -> Json {
    let mut built = Message::default();
    if let Some(content) = message.get("content") {
        built.text(content.clone());
    }
    for part in message.get("contents").and_then(Json::as_array).unwrap_or_default() {
        let part = part.get("message_content").unwrap_or(part);
        let url = part.get("image").and_then(|image| image.get("image")?.get("url"));
        match (url, part.get("text")) {
            (Some(url), _) => built.image(url.clone()),
            (None, Some(text)) => built.text(text.clone()),
            (None, None) => built.parts.push(part.clone()),
        }
    }
    for call in message.get("tool_calls").and_then(Json::as_array).unwrap_or_default() {
        let call = call.get("tool_call").unwrap_or(call);
        let function =
            |name| call.get("function").and_then(|function| function.get(name)).cloned().unwrap_or_default();
        built.tool_call(call.get("id").cloned().unwrap_or_default(), function("name"), function("arguments"));
    }
    built.answers = message.get("tool_call_id").cloned();
    built.finish(message.get("role").cloned().unwrap_or_default(), None)
}

#[derive(Default)]
struct Message {
    /// OpenAI's content parts.
    parts: Vec<Json>,
    has_others: bool,
    reasoning: Vec<Json>,
    tool_calls: Vec<Json>,
    /// The tool call that it answers.
    answers: Option<Json>,
}

impl Message {
    fn text(&mut self, text: Json) {
        self.parts.push(Json::object([("type", Json::from("text")), ("text", Json::Str(as_text(&text)))]));
    }

    fn image(&mut self, url: Json) {
        self.has_others = true;
        self.parts.push(Json::object([
            ("type", Json::from("image_url")),
            ("image_url", Json::object([("url", url)])),
        ]));
    }

    fn tool_call(&mut self, id: Json, name: Json, arguments: Json) {
        let arguments = Json::Str(as_text(&arguments));
        self.tool_calls.push(Json::object([("id", id), ("name", name), ("arguments", arguments)]));
    }

    fn finish(self, role: Json, finish_reason: Option<Json>) -> Json {
        let is_text = |part: &Json| part.get("type").and_then(Json::as_str) == Some("text");
        let content = if self.parts.is_empty() {
            Json::Null
        } else if !self.has_others && self.parts.iter().all(is_text) {
            let texts = self.parts.iter().filter_map(|part| part.get("text")?.as_str());
            Json::Str(texts.collect::<Vec<_>>().join("\n"))
        } else {
            // As text, like the package has it.
            Json::Str(as_text(&Json::Array(self.parts)))
        };
        let mut fields = vec![("role".to_owned(), role), ("content".to_owned(), content)];
        let mut put = |name: &str, value: Json| fields.push((name.to_owned(), value));
        if !self.reasoning.is_empty() {
            put(
                "reasoning_content",
                Json::Str(self.reasoning.iter().map(as_text).collect::<Vec<_>>().join("\n")),
            );
        }
        if !self.tool_calls.is_empty() {
            put("tool_calls", Json::Array(self.tool_calls));
        }
        if let Some(id) = self.answers {
            put("tool_call_id", id);
        }
        if let Some(reason) = finish_reason {
            put("finish_reason", reason);
        }
        Json::Object(fields)
    }
}

/// Text as it is, anything else as JSON.
fn as_text(value: &Json) -> String {
    match value {
        Json::Str(text) => text.clone(),
        Json::Null => String::new(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::read;

    fn json(text: &str) -> Json {
        read(text).unwrap().0
    }

    #[test]
    fn parts_become_content_and_tool_calls() {
        let messages = json(
            r#"[{"role":"user","parts":[{"type":"text","content":"a"},{"type":"text","content":"b"}]},
                {"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"f","arguments":{"x":1}}],"finish_reason":"tool_call"},
                {"role":"user","parts":[{"type":"tool_call_response","id":"c1","response":"9"}]},
                {"role":"user","content":"as it is"}]"#,
        );
        let expected = json(
            r#"[{"role":"user","content":"a\nb"},
                {"role":"assistant","content":null,"tool_calls":[{"id":"c1","name":"f","arguments":"{\"x\":1}"}],"finish_reason":"tool_call"},
                {"role":"tool","content":"9","tool_call_id":"c1"},
                {"role":"user","content":"as it is"}]"#,
        );
        assert_eq!(from_gen_ai(messages), expected);
    }

    #[test]
    fn images_make_a_list_of_parts() {
        let messages = json(
            r#"[{"role":"user","parts":[{"type":"text","content":"see"},{"type":"uri","uri":"http://i"}]}]"#,
        );
        let Json::Array(messages) = from_gen_ai(messages) else { panic!("a list") };
        let content = messages[0].get("content").and_then(Json::as_str).unwrap();
        assert_eq!(
            json(content),
            json(r#"[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"http://i"}}]"#)
        );
    }

    #[test]
    fn openinference_is_unwrapped() {
        let messages = json(
            r#"[{"message":{"role":"assistant","content":"hi","tool_calls":[{"tool_call":{"id":"1","function":{"name":"f","arguments":"{}"}}}]}}]"#,
        );
        let expected = json(
            r#"[{"role":"assistant","content":"hi","tool_calls":[{"id":"1","name":"f","arguments":"{}"}]}]"#,
        );
        assert_eq!(from_openinference(messages), expected);
    }
}
