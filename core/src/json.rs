//! Values and spans as plain JSON, for backends that know only text and for people.

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

/// Standard base64 with padding.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) as usize & 63;
            text.push(if digit <= chunk.len() { DIGITS[index] as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_vectors() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
        ];
        for (plain, coded) in vectors {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
