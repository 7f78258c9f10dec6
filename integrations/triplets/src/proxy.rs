//! agent-lightning 0.3.0's `LlmProxyTraceToTriplet`: the proxy's spans come from several machines, so that only
//! sequence numbers tell what was first. A span without one counts as number 0.

use std::collections::{HashMap, HashSet};

use tracer_factory_core::value::Value;

use crate::error::Error;
use crate::json::Json;
use crate::lenient::reward as tolerant;
use crate::options::Options;
use crate::python::literal::literal;
use crate::python::number::lax_float;
use crate::record::Record;
use crate::strict;
use crate::triplet::{Extraction, Reason, Source, Triplet};
use crate::why::Reasons;

struct Call {
    record: usize,
    sequence: i64,
    triplet: Triplet,
}

pub(crate) fn extract(mut records: Vec<Record<'_>>, options: &Options) -> Result<Extraction, Error> {
    if options.strict {
        strict::take_attributes(&mut records)?;
    }
    let sequence = |record: usize| records[record].sequence.unwrap_or_default();
    let order = order(&records, options.strict)?;
    let mut reasons = Reasons::new(&records, options.why);
    let mut calls: Vec<Call> = Vec::new();
    let mut responses: HashSet<&str> = HashSet::new();
    for &index in &order {
        let record = &records[index];
        let (prompt, response) = match record.name {
            "raw_gen_ai_request" => raw_tokens(record),
            "litellm_request" => (list(record, "prompt_token_ids"), list(record, "response_token_ids")),
            _ => {
                reasons.say_usual(index, Reason::NotProxySpan, None);
                continue;
            }
        };
        if prompt.is_empty() || response.is_empty() {
            reasons.say_usual(index, Reason::NoTokenIds, None);
            continue;
        }
        let id = request_id(record);
        if id.is_some_and(|id| !responses.insert(id)) {
            reasons.say_usual(index, Reason::DuplicateResponseId, id);
            continue;
        }
        reasons.say_usual(index, Reason::Triplet, None);
        let triplet = Triplet {
            prompt: Json::object([("token_ids", Json::Array(prompt))]),
            response: Json::object([("token_ids", Json::Array(response))]),
            reward: Json::Null,
            metadata: Json::object([("response_id", id.map_or(Json::Null, Json::from))]),
            source: Source { trace_id: record.trace_id.to_string(), span_id: record.span_id.to_string() },
        };
        calls.push(Call { record: index, sequence: sequence(index), triplet });
    }
    let mut given: HashMap<&str, Json> = HashMap::new();
    for &index in &order {
        let record = &records[index];
        let value = if options.strict {
            strict::reward::value(record)?
        } else {
            tolerant::value(record).map(Json::Float)
        };
        let Some(value) = value else { continue };
        // The latest call before it that has none yet.
        let before = calls.iter().rev().filter(|call| call.sequence < sequence(index));
        let mut free =
            before.map(|call| &*records[call.record].span_id).filter(|span| !given.contains_key(span));
        match free.next() {
            Some(span) => {
                reasons.say(index, Reason::RewardAssigned, || format!("its reward goes to span {span}"));
                given.insert(span, value);
            }
            None => reasons.say(index, Reason::RewardUnassigned, || {
                "its reward finds no call with a lower sequence number that has none yet".to_owned()
            }),
        }
    }
    let mut triplets = Vec::with_capacity(calls.len());
    for mut call in calls {
        let span = &*records[call.record].span_id;
        if let Some(reward) = given.get(span) {
            // Here the package's model checks it, which it doesn't for a tracer's spans.
            let number = lax_float(reward).ok_or_else(|| Error::Reward {
                span: span.to_owned(),
                reason: "it is no number".to_owned(),
            })?;
            call.triplet.reward = Json::Float(number);
        }
        triplets.push(call.triplet);
    }
    if let (Some(reward), Some(last)) = (options.final_reward, triplets.last_mut()) {
        last.reward = Json::Float(reward);
    }
    Ok(Extraction { triplets, why: reasons.into_why(Reason::NotProxySpan) })
}

/// By sequence number, then start. Python trips over a missing start when it has to compare it.
fn order(records: &[Record<'_>], strict: bool) -> Result<Vec<usize>, Error> {
    let mut order: Vec<usize> = (0..records.len()).collect();
    let key = |index: &usize| {
        let record = &records[*index];
        (record.sequence.unwrap_or_default(), record.start.unwrap_or(f64::NEG_INFINITY))
    };
    order.sort_by(|a, b| {
        let ((a, a_start), (b, b_start)) = (key(a), key(b));
        a.cmp(&b).then(a_start.total_cmp(&b_start))
    });
    for pair in order.windows(2).filter(|_| strict) {
        let [a, b] = [&records[pair[0]], &records[pair[1]]];
        // Those without a start are first among their equals, so that the two kinds meet.
        if a.sequence.unwrap_or_default() == b.sequence.unwrap_or_default()
            && a.start.is_none() != b.start.is_none()
        {
            return Err(Error::MissingTime { span: a.span_id.to_string(), which: "start" });
        }
    }
    Ok(order)
}

fn request_id<'r>(record: &'r Record<'_>) -> Option<&'r str> {
    let first = record.get("gen_ai.response.id").filter(|value| Json::from(*value).is_truthy());
    first.or_else(|| record.get("llm.hosted_vllm.id")).and_then(Value::as_str).filter(|id| !id.is_empty())
}

/// The attribute, or what the Python literal in its text says.
fn value(record: &Record<'_>, name: &str) -> Json {
    match record.get(name) {
        Some(Value::Str(text)) => literal(text).unwrap_or_default(),
        Some(value) => Json::from(value),
        None => Json::Null,
    }
}

fn whole(value: Json) -> Vec<Json> {
    match value {
        Json::Array(items) if items.iter().all(Json::is_python_int) => items,
        _ => Vec::new(),
    }
}

fn list(record: &Record<'_>, name: &str) -> Vec<Json> {
    whole(value(record, name))
}

/// Of prompt and response, as vLLM gives them behind the proxy.
fn raw_tokens(record: &Record<'_>) -> (Vec<Json>, Vec<Json>) {
    let first = |value: Json| value.as_array().and_then(<[Json]>::first).cloned().unwrap_or_default();
    let mut response = whole(first(value(record, "llm.hosted_vllm.response_token_ids")));
    if response.is_empty() {
        let choice = first(value(record, "llm.hosted_vllm.choices"));
        response = choice.get("token_ids").cloned().map(whole).unwrap_or_default();
    }
    (list(record, "llm.hosted_vllm.prompt_token_ids"), response)
}
