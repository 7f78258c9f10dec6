//! The reward that a span says, in each of the forms that the package has had.

use tracer_factory_core::value::Value;

use super::tree::Tree;
use crate::error::Error;
use crate::json::{Json, ReadError, read};
use crate::python::number::lax_float;
use crate::python::unflatten::unflatten;
use crate::record::Record;

/// What a node says of rewards.
#[derive(Default)]
pub(crate) struct Reading {
    /// The primary reward. In the old forms it may be any value.
    pub(crate) value: Option<Json>,
    /// Whether calls below it were made to judge.
    pub(crate) is_reward: bool,
}

/// Of each node that can be reached, because the package asks each of them.
pub(super) fn read_all(tree: &Tree<'_>) -> Result<Vec<Reading>, Error> {
    let mut readings: Vec<Reading> = Vec::new();
    readings.resize_with(tree.node_count(), Reading::default);
    for index in tree.preorder(tree.root) {
        let record = tree.record_of(tree.node(index));
        let value = value(record)?;
        let is_reward = value.is_some() || is_operation(record);
        readings[index] = Reading { value, is_reward };
    }
    Ok(readings)
}

/// An operation that is named a reward.
pub(crate) fn is_operation(record: &Record<'_>) -> bool {
    record.name == "agentlightning.operation"
        && record.text("agentlightning.operation.name") == Some("agentlightning.reward")
}

pub(crate) fn value(record: &Record<'_>) -> Result<Option<Json>, Error> {
    let wrong = |reason: String| Error::Reward { span: record.span_id.to_string(), reason };
    // Without a dot: `agentlightning.reward_model` counts too, and is then found to be no list.
    if record.attributes.iter().any(|(name, _)| name.starts_with("agentlightning.reward")) {
        let list = unflatten(record, "agentlightning.reward").map_err(|error| wrong(error.to_string()))?;
        return dimensions(&list).map(Some).map_err(|reason| wrong(reason.to_owned()));
    }
    for key in ["agentops.task.output", "agentops.entity.output"] {
        let Some(Value::Str(output)) = record.get(key) else { continue };
        let output = match read(output) {
            Ok((output, _)) => output,
            Err(ReadError::Syntax(_)) => continue,
            Err(error) => return Err(wrong(format!("{key}: {error}"))),
        };
        if !output.is_truthy() {
            continue;
        }
        if output.as_object().is_none() {
            return Err(wrong(format!("{key} is JSON, but no object")));
        }
        if output.get("type").and_then(Json::as_str) == Some("reward") {
            return Ok(output.get("value").filter(|value| !value.is_null()).cloned());
        }
    }
    let annotation = record.name == "agentlightning.annotation";
    Ok(record.get("reward").filter(|_| annotation).map(Json::from))
}

/// The first dimension of a list in which each has a name and a number.
fn dimensions(list: &Json) -> Result<Json, &'static str> {
    let list = list.as_array().ok_or("its dimensions are not numbered from 0 without gaps")?;
    let mut primary = None;
    for dimension in list {
        if dimension.get("name").and_then(Json::as_str).is_none() {
            return Err("a dimension has no name");
        }
        let value =
            dimension.get("value").and_then(lax_float).ok_or("a dimension has no number as its value")?;
        primary.get_or_insert(value);
    }
    primary.map(Json::Float).ok_or("it has no dimensions")
}
