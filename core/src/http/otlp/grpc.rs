//! OTLP over gRPC: one unary method, so the five bytes of framing are written here instead of
//! bringing a gRPC library; connection, TLS and HTTP/2 are those of every other destination.

use ::http::{HeaderValue, Method, Request, StatusCode, Uri};
use bytes::Bytes;

use super::REQUEST_LIMIT;
use super::grpc_status::GrpcStatus;
use super::response::{PartialSuccess, gunzip, not_a_response};
use super::target::method;
use crate::config::Compression;
use crate::delivery::{Batch, Outcome};
use crate::error::ConfigError;
use crate::http::retry_after::capped;
use crate::http::{HttpSender, HttpTarget, Response, client, outcome, request};

/// Compressed flag and length.
const PREFIX: usize = 5;

pub(super) struct OtlpGrpc {
    sender: HttpSender,
    method: Uri,
}

impl OtlpGrpc {
    /// `target` leads to the server; the method's path is added here.
    pub(super) fn new(target: HttpTarget) -> Result<Self, ConfigError> {
        let method = request::uri(target.setting, &method(&target.endpoint))?;
        Ok(Self { sender: HttpSender::http2(target)?, method })
    }

    pub(super) fn sender(&self) -> &HttpSender {
        &self.sender
    }

    pub(super) async fn deliver(&mut self, batch: &Batch) -> Outcome {
        let mut buffer = self.sender.buffer();
        let start = batch.write_otlp_request(PREFIX, &mut buffer);
        if buffer.len() - start > REQUEST_LIMIT {
            return super::too_large_to_send(&self.sender);
        }
        let request = self.request(buffer, start);
        match self.sender.exchange(request).await {
            Ok(response) => self.read(&response, batch),
            Err(failure) => outcome::of_failure(&self.sender, &failure),
        }
    }

    /// For the message that begins at `start` of the buffer, with room for its prefix before.
    fn request(&self, mut buffer: Vec<u8>, start: usize) -> Request<Bytes> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.method.clone();
        *request.version_mut() = ::http::Version::HTTP_2;
        let headers = request.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
        headers.insert("te", HeaderValue::from_static("trailers"));
        if let Some(timeout) = grpc_timeout(self.sender.timeout()) {
            headers.insert("grpc-timeout", timeout);
        }
        let flag = match self.sender.compression() {
            Compression::None => 0,
            Compression::Gzip => {
                headers.insert("grpc-encoding", HeaderValue::from_static("gzip"));
                let packed = client::gzip(buffer.get(start..).unwrap_or_default());
                buffer.truncate(start);
                buffer.extend_from_slice(&packed);
                1
            }
        };
        // REQUEST_LIMIT keeps the length far below 32 bits.
        let [a, b, c, d] = (buffer.len().saturating_sub(start) as u32).to_be_bytes();
        let begin = start.saturating_sub(PREFIX);
        if let Some(prefix) = buffer.get_mut(begin..start) {
            prefix.copy_from_slice(&[flag, a, b, c, d]);
        }
        request.map(|()| Bytes::from(buffer).slice(begin..))
    }

    fn read(&self, response: &Response, batch: &Batch) -> Outcome {
        match GrpcStatus::of(response) {
            Some(status) if status.is_ok() => self.read_message(response, batch),
            Some(status) => self.failed(status),
            // A proxy on the way, which speaks HTTP only.
            None if response.status != StatusCode::OK => outcome::of_status(&self.sender, response),
            None if response.cut => not_a_response(&self.sender, "the answer is larger than 4 MiB"),
            None => not_a_response(
                &self.sender,
                "there is no grpc-status; OTLP over HTTP is usually on port 4318",
            ),
        }
    }

    fn read_message(&self, response: &Response, batch: &Batch) -> Outcome {
        let Some((prefix, message)) = response.body.split_first_chunk::<PREFIX>() else {
            return not_a_response(&self.sender, "there is no message in the answer");
        };
        let [flag, length @ ..] = *prefix;
        if message.len() != u32::from_be_bytes(length) as usize {
            return not_a_response(&self.sender, "the message in the answer is cut off");
        }
        let plain;
        let message = match flag {
            0 => message,
            // Not asked for; a server that compresses all the same means gzip.
            1 => match gunzip(message) {
                Ok(unpacked) => {
                    plain = unpacked;
                    &plain
                }
                Err(why) => return not_a_response(&self.sender, why),
            },
            _ => return not_a_response(&self.sender, "the answer is not a gRPC message"),
        };
        match PartialSuccess::from_protobuf(message) {
            Ok(partial) => partial.into_outcome(&self.sender, batch),
            Err(_) => not_a_response(&self.sender, "the answer can't be decoded"),
        }
    }

    fn failed(&self, status: GrpcStatus) -> Outcome {
        let refuses = matches!(status.code, GrpcStatus::UNAUTHENTICATED | GrpcStatus::PERMISSION_DENIED);
        let hint = match status.code {
            _ if refuses => ": check the credentials among the headers that are sent".to_owned(),
            GrpcStatus::UNIMPLEMENTED => {
                format!(": there is no OTLP trace service at this address; check {}", self.sender.setting)
            }
            _ if status.is_too_large() => outcome::TOO_LARGE_HINT.to_owned(),
            GrpcStatus::RESOURCE_EXHAUSTED if !status.is_retryable() => {
                ": it does not say when to try again, so these spans are not sent again".to_owned()
            }
            _ => String::new(),
        };
        let mut what = format!("answered gRPC status {} {}{hint}", status.code, status.name());
        if !status.message.is_empty() {
            what += &format!(" (it said: {})", self.sender.scrub(&status.message));
        }
        let error = outcome::error(&self.sender, what);
        if status.is_too_large() {
            Outcome::TooLarge(error)
        } else if status.is_retryable() || refuses && self.sender.awaits_credentials() {
            Outcome::Retry { after: status.retry_delay.map(capped), error }
        } else if status.is_of_any_batch() {
            Outcome::Rejected(error.of_any_batch())
        } else {
            Outcome::Rejected(error)
        }
    }
}

/// At most eight digits and a unit.
fn grpc_timeout(timeout: std::time::Duration) -> Option<HeaderValue> {
    let millis = timeout.as_millis();
    let text = if millis < 100_000_000 {
        format!("{millis}m")
    } else {
        format!("{}S", timeout.as_secs().min(99_999_999))
    };
    HeaderValue::try_from(text).ok()
}
