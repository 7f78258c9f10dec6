//! The reward that a span says, in any form, as long as there is a number.

use tracer_factory_core::value::Value;

use crate::json::{Json, read};
use crate::python::number::{float_of_text, lax_float};
use crate::record::Record;

/// The primary reward: the dimension with the lowest number; older forms where there is none.
pub(crate) fn value(record: &Record<'_>) -> Option<f64> {
    let value = dimension(record)
        .or_else(|| number(record.get("agentlightning.reward")?))
        .or_else(|| {
            ["agentops.task.output", "agentops.entity.output"].into_iter().find_map(|key| output(record, key))
        })
        .or_else(|| (record.name == "agentlightning.annotation").then(|| number(record.get("reward")?))?);
    value.filter(|value| value.is_finite())
}

fn dimension(record: &Record<'_>) -> Option<f64> {
    let dimensions = record.attributes.iter().filter_map(|(name, value)| {
        let place = name.strip_prefix("agentlightning.reward.")?.strip_suffix(".value")?;
        Some((place.parse::<u32>().ok()?, number(value)?))
    });
    dimensions.min_by_key(|(place, _)| *place).map(|(_, value)| value)
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Str(text) => float_of_text(text),
        Value::Array(_) | Value::Map(_) => None,
        _ => lax_float(&Json::from(value)),
    }
}

fn output(record: &Record<'_>, key: &str) -> Option<f64> {
    let output = match record.get(key)? {
        Value::Str(text) => read(text).ok()?.0,
        value => Json::from(value),
    };
    let is_reward = output.get("type").and_then(Json::as_str) == Some("reward");
    output.get("value").filter(|_| is_reward).and_then(lax_float)
}
