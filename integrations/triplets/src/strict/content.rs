//! What a call's triplet is made of.

use tracer_factory_core::value::Value;

use super::calls::Label;
use crate::error::Error;
use crate::json::{Json, ReadError, read};
use crate::python::digits::{int_of_digits, is_digits};
use crate::python::unflatten::{UnflattenError, unflatten};
use crate::record::Record;
use crate::triplet::{Source, Triplet};

pub(crate) const PROMPT_TOKENS: [&str; 2] =
    ["prompt_token_ids", "agentlightning.operation.output.prompt_token_ids"];
pub(crate) const RESPONSE_TOKENS: [&str; 4] = [
    "response_token_ids",
    "agentlightning.operation.output.response_token_ids.0",
    "agentlightning.operation.output.choices.0.token_ids",
    "agentlightning.operation.output.choices.0.provider_specific_fields.token_ids",
];
const REQUEST: [&str; 2] = ["gen_ai.request", "agentlightning.operation.input"];
const RESPONSE: [&str; 2] = ["gen_ai.response", "agentlightning.operation.output"];
const PROMPT: [&str; 2] = ["gen_ai.prompt", "agentlightning.operation.input.messages"];
const COMPLETION: [&str; 2] = ["gen_ai.completion", "agentlightning.operation.output.choices"];

/// The identifier that tells a response seen twice.
pub(crate) fn response_id<'r>(record: &'r Record<'_>) -> Option<&'r str> {
    ["gen_ai.response.id", "agentlightning.operation.output.id"]
        .into_iter()
        .find_map(|name| record.text(name))
}

pub(crate) fn triplet(record: &Record<'_>, label: Label<'_>) -> Result<Triplet, Error> {
    let wrong = |reason: String| Error::Content { span: record.span_id.to_string(), reason };
    let below = |prefixes: [&str; 2]| first_below(record, prefixes).map_err(|error| wrong(error.to_string()));
    let request = without(below(REQUEST)?, &["messages"]);
    let response = without(below(RESPONSE)?, &["choices", "prompt_token_ids", "response_token_ids"]);
    let prompt_content = below(PROMPT)?;
    let completion = below(COMPLETION)?;
    let images = image_urls(&prompt_content).map_err(&wrong)?;
    let mut answer = vec![
        ("token_ids".to_owned(), tokens(record, &RESPONSE_TOKENS)),
        ("raw_content".to_owned(), completion),
    ];
    if let Some(text) = record.text("logprobs.content") {
        let (logprobs, replaced) = read(text).map_err(|error| wrong(format!("logprobs.content: {error}")))?;
        if replaced {
            return Err(wrong("logprobs.content: half of a surrogate pair is no text".to_owned()));
        }
        answer.push(("logprobs".to_owned(), logprobs));
    }
    Ok(Triplet {
        prompt: Json::object([
            ("token_ids", tokens(record, &PROMPT_TOKENS)),
            ("raw_content", prompt_content),
            ("image_urls", Json::Array(images)),
        ]),
        response: Json::Object(answer),
        reward: Json::Null,
        metadata: Json::object([
            ("request", request),
            ("response", response),
            ("response_id", response_id(record).map_or(Json::Null, Json::from)),
            (
                "agent_name",
                match label {
                    Label::Any => Json::from("*"),
                    Label::Name(name) => Json::from(name),
                },
            ),
        ]),
        source: Source::default(),
    })
}

/// The first list of whole numbers, else an empty one.
fn tokens(record: &Record<'_>, names: &[&str]) -> Json {
    let whole = |item: &Value| matches!(item, Value::Int(_) | Value::Bool(_));
    let lists = names.iter().filter_map(|name| record.get(name));
    let mut fit = lists.filter(|value| matches!(value, Value::Array(items) if items.iter().all(whole)));
    fit.next().map_or(Json::Array(Vec::new()), Json::from)
}

/// What is below the first prefix that has something below it; null when there is none.
fn first_below(record: &Record<'_>, prefixes: [&str; 2]) -> Result<Json, UnflattenError> {
    for prefix in prefixes {
        let found = unflatten(record, prefix)?;
        if found.is_truthy() {
            return Ok(found);
        }
    }
    Ok(Json::Null)
}

fn without(mut value: Json, names: &[&str]) -> Json {
    if let Json::Object(fields) = &mut value {
        fields.retain(|(name, _)| !names.contains(&name.as_str()));
    }
    value
}

/// The URLs of images in messages whose content is a list of parts, or JSON of one.
pub(crate) fn image_urls(content: &Json) -> Result<Vec<Json>, String> {
    let mut urls = Vec::new();
    for message in messages(content)? {
        let parsed;
        let (parts, replaced) = match message.get("content") {
            Some(Json::Str(text)) => match read(text) {
                Ok((value, replaced)) => {
                    parsed = value;
                    (&parsed, replaced)
                }
                Err(ReadError::Syntax(_)) => continue,
                Err(error) => return Err(format!("a message's content: {error}")),
            },
            Some(parts) => (parts, false),
            None => continue,
        };
        for part in parts.as_array().unwrap_or_default() {
            if part.get("type").and_then(Json::as_str) != Some("image_url") {
                continue;
            }
            let Some(url) = part.get("image_url").and_then(|image| image.get("url")) else { continue };
            if replaced && url.as_str().is_none_or(|url| url.contains(char::REPLACEMENT_CHARACTER)) {
                return Err("an image's URL: half of a surrogate pair is no text".to_owned());
            }
            urls.push(url.clone());
        }
    }
    Ok(urls)
}

/// A list's items; an object's fields with numbers as names in their order, or the object itself.
fn messages(content: &Json) -> Result<Vec<&Json>, String> {
    let Json::Object(fields) = content else {
        return Ok(content.as_array().unwrap_or_default().iter().collect());
    };
    let mut numbered = Vec::new();
    for (name, message) in fields.iter().filter(|(name, _)| is_digits(name)) {
        let number = int_of_digits(name).ok_or_else(|| format!("the message's number {name:?} is none"))?;
        numbered.push(((number.len(), number), message));
    }
    if numbered.is_empty() {
        return Ok(vec![content]);
    }
    numbered.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(numbered.into_iter().map(|(_, message)| message).collect())
}
