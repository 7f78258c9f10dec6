//! How a gRPC call ended, as its headers or trailers tell it.

use std::time::Duration;

use ::http::header::HeaderMap;

use crate::base64;
use crate::http::Response;
use crate::http::percent;
use crate::otlp::DecodeError;
use crate::wire::Reader;

/// Status code, words, and what the server asks of a retry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GrpcStatus {
    pub(super) code: u32,
    pub(super) message: String,
    pub(super) retry_delay: Option<Duration>,
}

const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl GrpcStatus {
    pub(super) const PERMISSION_DENIED: u32 = 7;
    pub(super) const RESOURCE_EXHAUSTED: u32 = 8;
    pub(super) const UNIMPLEMENTED: u32 = 12;
    pub(super) const UNAUTHENTICATED: u32 = 16;

    /// From the trailers, or from the headers of an answer that has nothing else; `None` when neither tells.
    pub(super) fn of(response: &Response) -> Option<Self> {
        let map = [&response.trailers, &response.headers]
            .into_iter()
            .find(|map| map.contains_key("grpc-status"))?;
        let text = |name| map.get(name).and_then(|value| value.to_str().ok());
        // A number that is none is an unknown error, as the specification has it.
        let code = text("grpc-status").and_then(|code| code.parse().ok()).unwrap_or(2);
        let message =
            String::from_utf8_lossy(&percent::decode(text("grpc-message").unwrap_or_default())).into_owned();
        Some(Self { code, message, retry_delay: retry_delay(map) })
    }

    pub(super) fn is_ok(&self) -> bool {
        self.code == 0
    }

    /// OTLP's table: CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE and DATA_LOSS
    /// are tried again; RESOURCE_EXHAUSTED only when the server says when.
    pub(super) fn is_retryable(&self) -> bool {
        matches!(self.code, 1 | 4 | 10 | 11 | 14 | 15)
            || (self.code == Self::RESOURCE_EXHAUSTED && self.retry_delay.is_some())
    }

    /// Whether it is about who sends, where to or how much in all, and not about what is in the batch.
    pub(super) fn is_of_any_batch(&self) -> bool {
        matches!(
            self.code,
            Self::PERMISSION_DENIED | Self::RESOURCE_EXHAUSTED | Self::UNIMPLEMENTED | Self::UNAUTHENTICATED
        )
    }

    /// Whether the server could not take a message of this size. There is no code for that: grpc-go, grpc-java
    /// and .NET say RESOURCE_EXHAUSTED, tonic OUT_OF_RANGE, proxies others, so the words decide. Sending the
    /// same again is of no use, whatever the code.
    pub(super) fn is_too_large(&self) -> bool {
        const WORDS: [&str; 6] = [
            // grpc-go, C core and what is built on it, JavaScript.
            "message larger than max",
            "message after decompression larger than max",
            // tonic.
            "message length too large",
            // grpc-java, .NET.
            "message exceeds maximum size",
            "message exceeds the maximum configured message size",
            // Go's HTTP server in front of a gRPC handler.
            "request body too large",
        ];
        let message = self.message.to_ascii_lowercase();
        !self.is_ok() && WORDS.iter().any(|words| message.contains(words))
    }

    pub(super) fn name(&self) -> &'static str {
        usize::try_from(self.code).ok().and_then(|code| NAMES.get(code)).unwrap_or(&"UNKNOWN")
    }
}

/// `google.rpc.RetryInfo` among the details.
fn retry_delay(map: &HeaderMap) -> Option<Duration> {
    let details = base64::decode(map.get("grpc-status-details-bin")?.to_str().ok()?.trim_ascii())?;
    read_retry_info(&details).ok().flatten()
}

fn read_retry_info(status: &[u8]) -> Result<Option<Duration>, DecodeError> {
    let mut status = Reader::new(status);
    while let Some((number, field)) = status.field()? {
        if number != 3 {
            continue;
        }
        let (mut type_url, mut value) = ("", &[][..]);
        let mut any = Reader::new(field.bytes(number)?);
        while let Some((number, field)) = any.field()? {
            match number {
                1 => type_url = field.text(number)?,
                2 => value = field.bytes(number)?,
                _ => {}
            }
        }
        if type_url.ends_with("/google.rpc.RetryInfo") {
            let mut info = Reader::new(value);
            while let Some((number, field)) = info.field()? {
                if number == 1 {
                    return read_duration(field.bytes(number)?).map(Some);
                }
            }
            return Ok(Some(Duration::ZERO));
        }
    }
    Ok(None)
}

fn read_duration(bytes: &[u8]) -> Result<Duration, DecodeError> {
    let (mut seconds, mut nanos) = (0i64, 0i64);
    let mut fields = Reader::new(bytes);
    while let Some((number, field)) = fields.field()? {
        match number {
            1 => seconds = field.varint(number)?.cast_signed(),
            2 => nanos = field.varint(number)?.cast_signed(),
            _ => {}
        }
    }
    let nanos = u32::try_from(nanos.clamp(0, 999_999_999)).unwrap_or_default();
    Ok(u64::try_from(seconds).map_or(Duration::ZERO, |seconds| Duration::new(seconds, nanos)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(trailers: &[(&'static str, &str)]) -> Response {
        Response {
            status: ::http::StatusCode::OK,
            headers: HeaderMap::new(),
            body: Vec::new(),
            cut: false,
            trailers: trailers.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect(),
        }
    }

    /// A `google.rpc.Status` whose one detail is a `RetryInfo` of `duration`.
    fn details(duration: &[u8]) -> String {
        let length_delimited = |key: u8, bytes: &[u8]| [&[key, bytes.len() as u8], bytes].concat();
        let info = length_delimited(0x0a, duration);
        let any = [
            length_delimited(0x0a, b"type.googleapis.com/google.rpc.RetryInfo"),
            length_delimited(0x12, &info),
        ];
        base64::encode(&[b"\x08\x08".to_vec(), length_delimited(0x1a, &any.concat())].concat())
    }

    fn delay(duration: &[u8]) -> Option<Duration> {
        let text = details(duration);
        GrpcStatus::of(&response(&[("grpc-status", "8"), ("grpc-status-details-bin", &text)]))
            .unwrap()
            .retry_delay
    }

    #[test]
    fn retry_info() {
        assert_eq!(delay(b"\x08\x0f\x10\x80\xca\xb5\xee\x01"), Some(Duration::from_millis(15_500)));
        assert_eq!(delay(b""), Some(Duration::ZERO));
        let negative = [&b"\x08"[..], &[0xff; 9], b"\x01"].concat();
        assert_eq!(delay(&negative), Some(Duration::ZERO));
        let garbage = response(&[("grpc-status", "8"), ("grpc-status-details-bin", "!!")]);
        assert!(!GrpcStatus::of(&garbage).unwrap().is_retryable());
    }

    #[test]
    fn the_table() {
        let retried: Vec<u32> = (0..=17)
            .filter(|code| {
                GrpcStatus { code: *code, message: String::new(), retry_delay: None }.is_retryable()
            })
            .collect();
        assert_eq!(retried, [1, 4, 10, 11, 14, 15]);
        assert!(
            GrpcStatus { code: 8, message: String::new(), retry_delay: Some(Duration::ZERO) }.is_retryable()
        );
    }

    #[test]
    fn a_message_that_is_too_large_is_known_by_its_words() {
        let status =
            |code, message: &str| GrpcStatus { code, message: message.to_owned(), retry_delay: None };
        for (code, message) in [
            (8, "grpc: received message larger than max (5000000 vs. 4194304)"),
            (8, "grpc: received message after decompression larger than max 4194304"),
            (8, "SERVER: Received message larger than max (5000000 vs. 4194304)"),
            (11, "Error, decoded message length too large: found 5000000 bytes, the limit is: 4194304 bytes"),
            (8, "gRPC message exceeds maximum size 4194304: 5000000"),
            (8, "Received message exceeds the maximum configured message size."),
        ] {
            assert!(status(code, message).is_too_large(), "{message}");
        }
        assert!(!status(8, "quota of 5000000 spans exceeded").is_too_large());
        assert!(!status(0, "message larger than max").is_too_large());
    }

    #[test]
    fn words_and_absence() {
        let status =
            GrpcStatus::of(&response(&[("grpc-status", "16"), ("grpc-message", "no%20way%21 %zz")])).unwrap();
        assert_eq!((status.name(), status.message.as_str()), ("UNAUTHENTICATED", "no way! %zz"));
        assert_eq!(GrpcStatus::of(&response(&[])), None);
        assert_eq!(GrpcStatus::of(&response(&[("grpc-status", "many")])).unwrap().code, 2);
    }
}
