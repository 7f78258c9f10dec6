//! Answers that no receiver gave, over HTTP/1.1 and HTTP/2.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;

/// Bytes of gRPC's compressed flag and length.
pub(super) const GRPC_PREFIX: usize = 5;

/// Status, headers, body and trailers of an answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    trailers: HeaderMap,
}

impl Answer {
    /// An answer without a body.
    ///
    /// # Panics
    /// When `status` is not between 100 and 999.
    pub fn http(status: u16) -> Self {
        Self { status: StatusCode::from_u16(status).expect("a status has three digits"), ..Self::default() }
    }

    /// How gRPC's servers fail: the status is in the headers. `code` is text, so that it may be nonsense.
    pub fn grpc(code: &str, message: &str) -> Self {
        let answer = Self::http(200).header("content-type", "application/grpc").header("grpc-status", code);
        if message.is_empty() { answer } else { answer.header("grpc-message", &percent_encoded(message)) }
    }

    /// How gRPC's servers succeed: with a message, and a status behind it.
    pub fn grpc_message(message: &[u8]) -> Self {
        let length = u32::try_from(message.len()).expect("a message of less than 4 GiB");
        let framed = [&[0][..], &length.to_be_bytes(), message].concat();
        Self::http(200).header("content-type", "application/grpc").body(framed).trailer("grpc-status", "0")
    }

    /// With one more header.
    ///
    /// # Panics
    /// When it can't be one.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let (name, value) = pair(name, value);
        self.headers.append(name, value);
        self
    }

    /// With one more trailer.
    ///
    /// # Panics
    /// When it can't be one.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        let (name, value) = pair(name, value);
        self.trailers.append(name, value);
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into().into();
        self
    }

    fn response(&self) -> Response<BoxBody<Bytes, Infallible>> {
        let body = Full::new(self.body.clone());
        // Even an empty map of trailers would turn a body of known length into one of unknown length.
        let body = if self.trailers.is_empty() {
            body.boxed()
        } else {
            let trailers = self.trailers.clone();
            body.with_trailers(async { Some(Ok(trailers)) }).boxed()
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response
    }
}

/// Serves one connection of either HTTP version. `respond` gets whole requests.
pub(super) async fn serve(
    stream: TcpStream,
    respond: impl Fn(Parts, Bytes) -> Answer + Clone + Send + 'static,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let respond = respond.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, hyper::Error>(respond(parts, body).response())
        }
    });
    // An error here is a client that has gone away.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

fn pair(name: &str, value: &str) -> (HeaderName, HeaderValue) {
    let name = name.parse().expect("a header's name");
    (name, HeaderValue::from_bytes(value.as_bytes()).expect("a header's value"))
}

/// As gRPC sends messages.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b' '..=b'~' if byte != b'%' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
