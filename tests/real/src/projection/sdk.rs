//! What the model of opentelemetry_sdk keeps, before any exporter: spans with fewer types of values.
//!
//! | recorded | in the SDK |
//! |---|---|
//! | bytes | text: base64 |
//! | maps, arrays of several types | text: JSON |
//! | no value | empty text |
//! | everything else | the same |
//!
//! As OTLP over `http/json`, opentelemetry-otlp writes `null` for NaN and the infinities, and the Collector refuses
//! the whole request. Ours writes protobuf's words for them.

use tracer_factory::json::{base64, to_json};
use tracer_factory::{AttrValue, SpanData};

/// The spans as the SDK has them.
pub fn of(spans: &[SpanData]) -> Vec<SpanData> {
    let mut spans = spans.to_vec();
    for span in &mut spans {
        let events = span.events.iter_mut().flat_map(|event| &mut event.attributes);
        let links = span.links.iter_mut().flat_map(|link| &mut link.attributes);
        for (_, value) in span.attributes.iter_mut().chain(events).chain(links) {
            narrow(value);
        }
    }
    spans
}

fn narrow(value: &mut AttrValue<'static>) {
    let text = match value {
        AttrValue::Bytes(bytes) => base64(bytes),
        AttrValue::Empty => String::new(),
        AttrValue::Map(_) => to_json(value).to_string(),
        AttrValue::Array(items) => {
            let first = items.first().map(std::mem::discriminant);
            if items.iter().all(|item| Some(std::mem::discriminant(item)) == first) {
                return;
            }
            to_json(value).to_string()
        }
        _ => return,
    };
    *value = text.into();
}
