//! OTLP's JSON encoding to decoded spans: strict about what it knows, silent about what it doesn't.
//!
//! Memory stays within a multiple of the input: every element of a list is paid for before the next is read.

mod messages;
mod scalar;
mod seed;

use std::sync::Arc;

use serde::de::{self, DeserializeSeed};

use self::messages::Request;
use self::seed::Context;
use super::budget::Budget;
use crate::span::SpanData;

/// A body that is not an OTLP trace request in JSON: what is wrong, and the line and column.
#[derive(Debug, thiserror::Error)]
#[error("not an OTLP trace request in JSON: {0}")]
pub struct JsonDecodeError(#[from] serde_json::Error);

/// Every span of an `ExportTraceServiceRequest` in JSON, with its resource and scope.
///
/// Identifiers are hexadecimal; 64-bit integers are text or numbers; enums are numbers or names; absent or
/// empty identifiers are invalid ones, not errors. Unknown fields are passed over.
pub fn decode_json_request(json: &[u8]) -> Result<Vec<SpanData>, JsonDecodeError> {
    let budget = Budget::new(json, Budget::PER_JSON_BYTE);
    // Checked here because the parser does not look into the strings it passes over.
    let json = std::str::from_utf8(json).map_err(<serde_json::Error as de::Error>::custom)?;
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let request: Request = Context::new(&budget).message().deserialize(&mut deserializer)?;
    deserializer.end()?;
    let mut spans = Vec::new();
    for group in request.resources {
        let resource = Arc::new(group.resource);
        for group in group.scopes {
            let scope = Arc::new(group.scope);
            spans.extend(group.spans.into_iter().map(|mut span| {
                span.resource = Arc::clone(&resource);
                span.scope = Arc::clone(&scope);
                span
            }));
        }
    }
    Ok(spans)
}

#[cfg(test)]
mod tests;
