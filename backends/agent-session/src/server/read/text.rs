//! Attributes' values where a format knows texts only, or JSON.

use serde_json::Value as Json;
use tracer_factory_core::value::AttrValue;

/// A text as it is, everything else as JSON.
pub(super) fn value_text(value: &AttrValue<'_>) -> String {
    match value {
        AttrValue::Str(text) => text.to_string(),
        other => value_json(other).to_string(),
    }
}

/// As JSON; bytes in hexadecimal, and what numbers in JSON can't be as text.
pub(super) fn value_json(value: &AttrValue<'_>) -> Json {
    match value {
        AttrValue::Str(text) => text.as_ref().into(),
        AttrValue::Bool(value) => (*value).into(),
        AttrValue::Int(value) => (*value).into(),
        AttrValue::Double(value) if value.is_finite() => (*value).into(),
        AttrValue::Double(value) => value.to_string().into(),
        AttrValue::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
        AttrValue::Array(items) => items.iter().map(value_json).collect(),
        AttrValue::Map(items) => {
            Json::Object(items.iter().map(|(key, value)| (key.to_string(), value_json(value))).collect())
        }
        _ => Json::Null,
    }
}
