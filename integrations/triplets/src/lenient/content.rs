//! What a call's triplet is made of, by the first convention that has it.

use std::borrow::Cow;

use tracer_factory_core::value::Value;

use super::messages::{from_gen_ai, from_openinference, system_instructions};
use crate::json::{Json, read};
use crate::python::literal::literal;
use crate::python::unflatten::unflatten_anyway;
use crate::record::Record;
use crate::strict::content::{PROMPT_TOKENS, RESPONSE_TOKENS, image_urls, response_id};
use crate::triplet::{Source, Triplet};

pub(super) fn triplet(record: &Record<'_>, agent: Option<&str>) -> Triplet {
    let prompt = prompt(record);
    let images = image_urls(&prompt).unwrap_or_default();
    let mut answer = vec![
        ("token_ids".to_owned(), tokens(record, &RESPONSE_TOKENS)),
        ("raw_content".to_owned(), completion(record)),
    ];
    let logprobs = json(record, "logprobs.content").filter(|value| !matches!(value, Json::Str(_)));
    answer.extend(logprobs.map(|logprobs| ("logprobs".to_owned(), logprobs)));
    Triplet {
        prompt: Json::object([
            ("token_ids", tokens(record, &PROMPT_TOKENS)),
            ("raw_content", prompt),
            ("image_urls", Json::Array(images)),
        ]),
        response: Json::Object(answer),
        reward: Json::Null,
        metadata: Json::object([
            ("request", request(record)),
            ("response", response(record)),
            ("response_id", response_id(record).map_or(Json::Null, Json::from)),
            ("agent_name", Json::from(agent.unwrap_or("*"))),
        ]),
        source: Source::default(),
    }
}

/// A list of whole numbers, or the text of one.
fn tokens(record: &Record<'_>, names: &[&str]) -> Json {
    let lists = names.iter().filter_map(|name| match record.get(name)? {
        Value::Str(text) => literal(text),
        value => Some(Json::from(value)),
    });
    let whole = |list: &Json| list.as_array().is_some_and(|items| items.iter().all(Json::is_python_int));
    lists.into_iter().find(whole).unwrap_or(Json::Array(Vec::new()))
}

fn prompt(record: &Record<'_>) -> Json {
    let Some(messages) = below(record, &["gen_ai.prompt", "agentlightning.operation.input.messages"])
        .or_else(|| json(record, "gen_ai.input.messages").map(from_gen_ai))
        .or_else(|| below(record, &["llm.input_messages"]).map(from_openinference))
        .or_else(|| {
            first(record, &["gen_ai.prompt", "agentops.llm.input", "agentops.entity.input", "input.value"])
        })
    else {
        return Json::Null;
    };
    match (json(record, "gen_ai.system_instructions"), messages) {
        (Some(parts), Json::Array(messages)) => {
            Json::Array(std::iter::once(system_instructions(parts)).chain(messages).collect())
        }
        (_, messages) => messages,
    }
}

fn completion(record: &Record<'_>) -> Json {
    below(record, &["gen_ai.completion", "agentlightning.operation.output.choices"])
        .or_else(|| json(record, "gen_ai.output.messages").map(from_gen_ai))
        .or_else(|| below(record, &["llm.output_messages"]).map(from_openinference))
        .or_else(|| {
            first(
                record,
                &["gen_ai.completion", "agentops.llm.output", "agentops.entity.output", "output.value"],
            )
        })
        .unwrap_or_default()
}

fn request(record: &Record<'_>) -> Json {
    if let Some(known) = below(record, &["gen_ai.request", "agentlightning.operation.input"]) {
        return without(known, &["messages"]);
    }
    let mut fields: Vec<(String, Json)> = model(record).into_iter().collect();
    if let Some(Json::Object(parameters)) = json(record, "llm.invocation_parameters") {
        let unknown = |name: &str| fields.iter().all(|(known, _)| known != name);
        let more: Vec<_> = parameters.into_iter().filter(|(name, _)| unknown(name)).collect();
        fields.extend(more);
    }
    if fields.is_empty() { Json::Null } else { Json::Object(fields) }
}

fn response(record: &Record<'_>) -> Json {
    match below(record, &["gen_ai.response", "agentlightning.operation.output"]) {
        Some(known) => without(known, &["choices", "prompt_token_ids", "response_token_ids"]),
        None => model(record).map_or(Json::Null, |model| Json::Object(vec![model])),
    }
}

fn model(record: &Record<'_>) -> Option<(String, Json)> {
    record.get("llm.model_name").map(|model| ("model".to_owned(), Json::from(model)))
}

fn without(mut value: Json, names: &[&str]) -> Json {
    if let Json::Object(fields) = &mut value {
        fields.retain(|(name, _)| !names.contains(&name.as_str()));
    }
    value
}

fn below(record: &Record<'_>, prefixes: &[&str]) -> Option<Json> {
    prefixes.iter().map(|prefix| unflatten_anyway(record, prefix)).find(Json::is_truthy)
}

fn first(record: &Record<'_>, names: &[&str]) -> Option<Json> {
    names.iter().find_map(|name| json(record, name))
}

/// The attribute of the span, else of one of its events; text that is JSON as what it says.
fn json(record: &Record<'_>, name: &str) -> Option<Json> {
    let in_events = || {
        let mut attributes = record.events.iter().flat_map(|event| &event.attributes);
        attributes.find(|(key, _)| key == name).map(|(_, value)| Cow::Borrowed(value))
    };
    let value = record.get(name).map(Cow::Borrowed).or_else(in_events)?;
    Some(match &*value {
        // A bare word or number is what was said, not JSON.
        Value::Str(text) => match read(text) {
            Ok((value @ (Json::Array(_) | Json::Object(_)), _)) => value,
            _ => Json::Str(text.to_string()),
        },
        value => Json::from(value),
    })
}
