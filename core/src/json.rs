//! Values and spans as plain JSON and as text, for backends that know only text and for people.

use std::fmt;

pub use crate::base64::encode as base64;
use crate::span::SpanData;
use crate::value::AttrValue;

/// Plain JSON: what a person would write, without OTLP's type wrappers.
pub fn to_json(value: &AttrValue<'_>) -> serde_json::Value {
    use serde_json::Value;
    match value {
        AttrValue::Empty => Value::Null,
        AttrValue::Str(text) => Value::from(text.as_ref()),
        AttrValue::Bool(value) => Value::from(*value),
        AttrValue::Int(value) => Value::from(*value),
        AttrValue::Double(value) if value.is_finite() => Value::from(*value),
        AttrValue::Double(value) => Value::from(double_text(*value)),
        AttrValue::Bytes(bytes) => Value::from(base64(bytes)),
        AttrValue::Array(items) => items.iter().map(to_json).collect(),
        AttrValue::Map(items) => {
            Value::Object(items.iter().map(|(k, v)| (k.to_string(), to_json(v))).collect())
        }
    }
}

/// As text backends without types show it: text as it is, bytes in base64, arrays and maps as JSON.
impl fmt::Display for AttrValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttrValue::Empty => Ok(()),
            AttrValue::Str(text) => f.write_str(text),
            AttrValue::Bool(value) => write!(f, "{value}"),
            AttrValue::Int(value) => write!(f, "{value}"),
            AttrValue::Double(value) => write!(f, "{value}"),
            AttrValue::Bytes(bytes) => f.write_str(&base64(bytes)),
            other => write!(f, "{}", to_json(other)),
        }
    }
}

/// A span for people and tests: identifiers in hexadecimal, times in nanoseconds, values as they are. Not OTLP's JSON.
pub fn span_to_json(span: &SpanData) -> serde_json::Value {
    let object = |attributes: &[(String, AttrValue<'static>)]| -> serde_json::Value {
        serde_json::Value::Object(
            attributes.iter().map(|(name, value)| (name.clone(), to_json(value))).collect(),
        )
    };
    let events: Vec<_> = span.events.iter().map(|event| {
        serde_json::json!({ "name": event.name, "time_unix_nanos": event.time_unix_nanos, "attributes": object(&event.attributes) })
    }).collect();
    let links: Vec<_> = span
        .links
        .iter()
        .map(|link| {
            serde_json::json!({
                "trace_id": link.context.trace_id.to_string(),
                "span_id": link.context.span_id.to_string(),
                "attributes": object(&link.attributes),
            })
        })
        .collect();
    let (status, ended) = (&span.status, span.end_unix_nanos != 0);
    serde_json::json!({
        "trace_id": span.context.trace_id.to_string(),
        "span_id": span.context.span_id.to_string(),
        "parent_id": span.parent_span_id.map(|id| id.to_string()),
        "name": span.name,
        "kind": span.kind.as_str(),
        "start_unix_nanos": span.start_unix_nanos,
        "end_unix_nanos": ended.then_some(span.end_unix_nanos),
        "duration_nanos": ended.then(|| span.duration_nanos()),
        "status": status.code.as_str(),
        "status_message": (!status.message.is_empty()).then_some(&status.message),
        "attributes": object(&span.attributes),
        "events": events,
        "links": links,
    })
}

/// The words protobuf's JSON mapping has for numbers that JSON lacks.
pub fn double_text(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form() {
        let value = AttrValue::Array(vec!["a".into(), 1.into(), 1.5.into(), true.into()]);
        assert_eq!(value.to_string(), r#"["a",1,1.5,true]"#);
        assert_eq!(AttrValue::from(&b"\x00\xff"[..]).to_string(), "AP8=");
    }
}
