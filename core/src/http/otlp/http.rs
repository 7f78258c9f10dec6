//! OTLP over HTTP, in protobuf or JSON.

use ::http::header::CONTENT_TYPE;
use bytes::Bytes;

use super::REQUEST_LIMIT;
use super::response::{PartialSuccess, not_a_response, plain_body};
use crate::config::OtlpProtocol;
use crate::delivery::{Batch, Outcome};
use crate::error::ConfigError;
use crate::http::{HttpSender, HttpTarget, Response};
use crate::otlp::request_to_json;

/// How requests are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    /// The one that `protocol` has over HTTP.
    pub(super) fn of(protocol: OtlpProtocol) -> Option<Self> {
        match protocol {
            OtlpProtocol::Grpc => None,
            OtlpProtocol::HttpProtobuf => Some(Self::Protobuf),
            OtlpProtocol::HttpJson => Some(Self::Json),
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Encoding::Protobuf => "application/x-protobuf",
            Encoding::Json => "application/json",
        }
    }
}

pub(super) struct OtlpHttp {
    sender: HttpSender,
    encoding: Encoding,
}

impl OtlpHttp {
    pub(super) fn new(target: HttpTarget, encoding: Encoding) -> Result<Self, ConfigError> {
        Ok(Self { sender: HttpSender::new(target)?, encoding })
    }

    pub(super) fn sender(&self) -> &HttpSender {
        &self.sender
    }

    pub(super) async fn deliver(&mut self, batch: &Batch) -> Outcome {
        let body = match self.encoding {
            Encoding::Protobuf => {
                let mut buffer = self.sender.buffer();
                let start = batch.write_otlp_request(0, &mut buffer);
                Bytes::from(buffer).slice(start..)
            }
            Encoding::Json => request_to_json(batch.decode()).to_string().into_bytes().into(),
        };
        if body.len() > REQUEST_LIMIT {
            return super::too_large_to_send(&self.sender);
        }
        match self.sender.post(self.encoding.content_type(), body).await {
            Ok(response) => self.read(&response, batch),
            Err(outcome) => outcome,
        }
    }

    fn read(&self, response: &Response, batch: &Batch) -> Outcome {
        let body = match plain_body(response) {
            Ok(body) => body,
            Err(why) => return not_a_response(&self.sender, why),
        };
        let declared =
            response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // Protobuf's answer never begins with a brace, so a JSON answer without its type is known as well.
        let json = declared.starts_with("application/json") || body.starts_with(b"{");
        let partial = if body.is_empty() {
            Some(PartialSuccess::default())
        } else if json {
            PartialSuccess::from_json(&body)
        } else if declared.starts_with("text/") {
            // A few words, such as "Hi", are protobuf by chance.
            None
        } else {
            PartialSuccess::from_protobuf(&body).ok()
        };
        match partial {
            Some(partial) => partial.into_outcome(&self.sender, batch),
            None => not_a_response(&self.sender, "the answer can't be decoded"),
        }
    }
}
