//! `ExportTraceServiceResponse`: did everything arrive?

use std::borrow::Cow;
use std::io::Read;

use ::http::header::CONTENT_ENCODING;
use flate2::read::GzDecoder;
use serde_json::Value;

use super::super::client::RESPONSE_LIMIT;
use super::super::{HttpSender, Response, outcome};
use crate::delivery::{Batch, Delivered, Outcome};
use crate::otlp::DecodeError;
use crate::wire::Reader;

/// What the receiver refused of a request that it took.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PartialSuccess {
    rejected_spans: i64,
    message: String,
}

impl PartialSuccess {
    /// From protobuf; nothing at all is a valid message.
    pub(super) fn from_protobuf(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut partial = Self::default();
        let mut response = Reader::new(bytes);
        while let Some((number, field)) = response.field()? {
            if number != 1 {
                continue;
            }
            let mut fields = Reader::new(field.bytes(number)?);
            while let Some((number, field)) = fields.field()? {
                match number {
                    1 => partial.rejected_spans = field.varint(number)?.cast_signed(),
                    2 => partial.message = field.text(number)?.to_owned(),
                    _ => {}
                }
            }
        }
        Ok(partial)
    }

    /// From JSON; 64-bit numbers may be text there.
    pub(super) fn from_json(bytes: &[u8]) -> Option<Self> {
        let Value::Object(response) = serde_json::from_slice(bytes).ok()? else { return None };
        let field = |object: &serde_json::Map<String, Value>, camel: &str, snake: &str| {
            object.get(camel).or_else(|| object.get(snake)).filter(|value| !value.is_null()).cloned()
        };
        let partial = match field(&response, "partialSuccess", "partial_success") {
            None => return Some(Self::default()),
            Some(Value::Object(partial)) => partial,
            Some(_) => return None,
        };
        let rejected_spans = match field(&partial, "rejectedSpans", "rejected_spans") {
            None => 0,
            Some(Value::String(text)) => text.parse().ok()?,
            Some(number) => number.as_i64()?,
        };
        let message = match field(&partial, "errorMessage", "error_message") {
            None => String::new(),
            Some(Value::String(text)) => text,
            Some(_) => return None,
        };
        Some(Self { rejected_spans, message })
    }

    /// The receiver can't have refused more spans than it got.
    pub(super) fn into_outcome(self, sender: &HttpSender, batch: &Batch) -> Outcome {
        let rejected = u64::try_from(self.rejected_spans).unwrap_or(0).min(batch.len() as u64);
        let message = (!self.message.is_empty()).then(|| sender.scrub(&self.message));
        Outcome::Delivered(Delivered { rejected, oversize: 0, message })
    }
}

/// Why no response could be read from a body.
const TOO_LONG: &str = "the answer is larger than 4 MiB";
const COMPRESSED: &str = "the answer is compressed in an unknown way";

/// The body over HTTP as it was before a server or proxy compressed it, which nobody asked for.
pub(super) fn plain_body(response: &Response) -> Result<Cow<'_, [u8]>, &'static str> {
    if response.cut {
        return Err(TOO_LONG);
    }
    match response.headers.get(CONTENT_ENCODING).map(|coding| coding.as_bytes()) {
        None | Some(b"identity") => Ok(Cow::Borrowed(&response.body)),
        Some(b"gzip" | b"x-gzip") => gunzip(&response.body).map(Cow::Owned),
        Some(_) => Err(COMPRESSED),
    }
}

/// Unpacks no more than an answer may have.
pub(super) fn gunzip(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut plain = Vec::new();
    match GzDecoder::new(bytes).take(RESPONSE_LIMIT as u64 + 1).read_to_end(&mut plain) {
        Ok(length) if length > RESPONSE_LIMIT => Err(TOO_LONG),
        Ok(_) => Ok(plain),
        Err(_) => Err(COMPRESSED),
    }
}

/// For a success that is none. Nobody can know whether the batch was taken, and so it never counts as delivered.
///
/// It is not sent again either: a receiver that does store spans and always answers in words of its own would
/// get, and bill, the same batch for ever, and everything behind it would wait. A refusal is the lesser error, as
/// it is reported at once, names the URL, and leaves the batch where refused ones are kept.
pub(super) fn not_a_response(sender: &HttpSender, why: &str) -> Outcome {
    let what =
        format!("answered with success, but not as an OTLP receiver does ({why}); check {}", sender.setting);
    Outcome::Rejected(outcome::error(sender, what).of_any_batch())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial(rejected_spans: i64, message: &str) -> PartialSuccess {
        PartialSuccess { rejected_spans, message: message.to_owned() }
    }

    #[test]
    fn protobuf() {
        assert_eq!(PartialSuccess::from_protobuf(b""), Ok(partial(0, "")));
        let bytes = b"\x0a\x06\x08\x03\x12\x02no";
        assert_eq!(PartialSuccess::from_protobuf(bytes), Ok(partial(3, "no")));
        assert!(PartialSuccess::from_protobuf(&bytes[..5]).is_err(), "cut off");
        assert!(PartialSuccess::from_protobuf(b"<html>").is_err());
        assert!(PartialSuccess::from_protobuf(b"OK").is_err());
    }

    #[test]
    fn json() {
        for (text, expected) in [
            ("{}", Some(partial(0, ""))),
            (r#"{"partialSuccess":null}"#, Some(partial(0, ""))),
            (r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}"#, Some(partial(3, "no"))),
            (r#"{"partial_success":{"rejected_spans":3}}"#, Some(partial(3, ""))),
            (r#"{"partialSuccess":{"rejectedSpans":"x"}}"#, None),
            (r#"{"partialSuccess":[]}"#, None),
            ("[]", None),
            ("", None),
            ("<html>", None),
        ] {
            assert_eq!(PartialSuccess::from_json(text.as_bytes()), expected, "{text}");
        }
    }
}
