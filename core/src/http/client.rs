//! One receiver, one connection that is kept: requests go out, bounded answers come back.

use std::fmt;
use std::io::Write;
use std::time::Duration;

use ::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use ::http::request::Parts;
use ::http::{Method, Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};

use super::joined_writes::Joining;
use super::outcome::{self, SendError};
use super::rotation::{Look, Rotation};
use super::{HttpTarget, TlsVariables, request, tls, words};
use crate::config::{Compression, Endpoint};
use crate::delivery::Outcome;
use crate::error::ConfigError;

/// The most that is read of an answer.
pub(super) const RESPONSE_LIMIT: usize = 4 << 20;
/// The most memory that is kept for the next body.
const SPARE_LIMIT: usize = 4 << 20;
/// How long an unused connection is kept; most servers keep theirs for a minute or more.
const IDLE: Duration = Duration::from_secs(30);

/// Sends to one URL. Redirects are not followed and no proxy is used.
pub struct HttpSender {
    pub(super) endpoint: Endpoint,
    pub(super) setting: &'static str,
    pub(super) usual_path: &'static str,
    pub(super) tls_variables: TlsVariables,
    pub(super) also_retried: &'static [u16],
    pub(super) headers: HeaderMap,
    pub(super) http2: bool,
    /// Whether there was ever an answer; without one, the receiver may speak another protocol.
    pub(super) answered: bool,
    /// Whether a request with these credentials, or those that they replaced, was ever taken.
    accepted: bool,
    rotation: Rotation,
    uri: Uri,
    compression: Compression,
    timeout: Duration,
    connector: Connector,
    client: HttpClient,
    /// Memory of a body that was sent.
    spare: Vec<u8>,
}

type Connector = Joining<HttpsConnector<HttpConnector>>;
type HttpClient = Client<Connector, Full<Bytes>>;

/// An answer, whatever its status.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// At most 4 MiB of the body.
    pub body: Vec<u8>,
    /// Whether there was more of the body than was read.
    pub cut: bool,
    /// What came behind the body; gRPC has its status there.
    pub trailers: HeaderMap,
}

impl HttpSender {
    /// Over HTTP/1.1. Reads certificate files when the URL is `https`; opens no connection yet.
    pub fn new(target: HttpTarget) -> Result<Self, ConfigError> {
        Self::with_version(target, false)
    }

    /// Over HTTP/2, also without TLS, as gRPC is spoken.
    pub(super) fn http2(target: HttpTarget) -> Result<Self, ConfigError> {
        Self::with_version(target, true)
    }

    fn with_version(target: HttpTarget, http2: bool) -> Result<Self, ConfigError> {
        let endpoint = target.endpoint.clone();
        let uri = request::uri(target.setting, &endpoint)?;
        // Before they are read: what is replaced meanwhile counts as changed.
        let (rotation, headers) = Rotation::new(&target)?;
        let tls = if endpoint.is_tls() {
            tls::client_config(&target.tls, target.tls_variables)?
        } else {
            tls::unused()?
        };
        let connector = connector(tls, http2);
        Ok(Self {
            client: client(&connector, http2),
            connector,
            endpoint,
            setting: target.setting,
            usual_path: target.usual_path,
            tls_variables: target.tls_variables,
            also_retried: target.also_retried,
            uri,
            headers,
            http2,
            answered: false,
            accepted: false,
            rotation,
            compression: target.compression,
            timeout: target.timeout,
            spare: Vec::new(),
        })
    }

    /// Where it sends.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// An empty buffer for the next body: with the memory of one before, where that is free again. The system takes
    /// memory of this size back at once, and asks for it page by page.
    pub fn buffer(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.spare)
    }

    /// Posts `body`. A success status is `Ok`, anything else is what has become of the batch.
    pub async fn post(
        &mut self,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Result<Response, Outcome> {
        let body = body.into();
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let body = match self.compression {
            Compression::None => body,
            Compression::Gzip => {
                request.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                let packed = gzip(&body);
                self.keep(body);
                packed.into()
            }
        };
        self.send(request.map(|()| body)).await
    }

    /// Sends a request that another library made: with this target's headers and to its URL, not the
    /// request's own. A success status is `Ok`, anything else is what has become of the batch.
    pub async fn send(&mut self, mut request: Request<Bytes>) -> Result<Response, Outcome> {
        *request.uri_mut() = self.uri.clone();
        let answer = self.exchange(request).await;
        outcome::of_answer(self, answer)
    }

    /// An answer of any status, or why there is none.
    pub(super) async fn exchange(&mut self, request: Request<Bytes>) -> Result<Response, SendError> {
        let deadline = Instant::now() + self.timeout;
        let (parts, body) = request.into_parts();
        self.renew(Look::WhenDue);
        let mut answer = self.attempt(parts.clone(), body.clone(), deadline).await;
        let is_refused = match &answer {
            Ok(response) => refuses_credentials(response),
            Err(SendError::Timeout) => false,
            Err(SendError::Client(_) | SendError::Body(_)) => self.endpoint.is_tls(),
        };
        if is_refused && self.renew(Look::AtOnce) {
            answer = self.attempt(parts, body.clone(), deadline).await;
        }
        self.keep(body);
        self.answered |= answer.is_ok();
        self.accepted |= answer
            .as_ref()
            .is_ok_and(|response| response.status.is_success() && !refuses_credentials(response));
        answer
    }

    async fn attempt(
        &mut self,
        mut parts: Parts,
        body: Bytes,
        deadline: Instant,
    ) -> Result<Response, SendError> {
        for (name, value) in &self.headers {
            parts.headers.insert(name.clone(), value.clone());
        }
        let request = Request::from_parts(parts, Full::new(body));
        let answer = match timeout_at(deadline, self.client.request(request)).await {
            Ok(Ok(response)) => read(response, deadline).await,
            Ok(Err(error)) => Err(SendError::Client(error)),
            Err(_) => Err(SendError::Timeout),
        };
        if self.http2 && answer.is_err() {
            // A multiplexed connection outlives its requests: one that answers nothing, because the
            // peer vanished without a word, would take every later request as well.
            self.client = client(&self.connector, true);
        }
        answer
    }

    /// Takes what has replaced the files of credentials. These files are small and this is the delivery thread,
    /// so it may wait for them.
    fn renew(&mut self, look: Look) -> bool {
        let renewed = self.rotation.look(look, &self.headers);
        let is_new = renewed.headers.is_some() || renewed.tls.is_some();
        if let Some(headers) = renewed.headers {
            self.headers = headers;
        }
        if let Some(tls) = renewed.tls {
            // Connections that were made with the old certificates end with the old client.
            self.connector = connector(tls, self.http2);
            self.client = client(&self.connector, self.http2);
        }
        is_new
    }

    /// Whether a refusal of the credentials may pass: they were good, and their file can be replaced.
    pub(super) fn awaits_credentials(&self) -> bool {
        self.accepted && self.rotation.has_header_file()
    }

    /// Keeps the memory of a body, unless somebody still has it, or it is unusually large, or there is more of it.
    fn keep(&mut self, body: Bytes) {
        if let Ok(mut body) = body.try_into_mut() {
            // What is in it would be moved to the front.
            body.clear();
            let body = Vec::from(body);
            if (self.spare.capacity()..=SPARE_LIMIT).contains(&body.capacity()) {
                self.spare = body;
            }
        }
    }

    /// What the receiver said, fit for an error.
    pub(super) fn scrub(&self, text: &str) -> String {
        words::scrub(text, &self.headers)
    }

    /// The limit of one request.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Compression of the bodies.
    pub(super) fn compression(&self) -> Compression {
        self.compression
    }
}

impl fmt::Debug for HttpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSender")
            .field("endpoint", &self.endpoint)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// By status, or by gRPC's code, which stands in the trailers, or in the headers of an answer without a message.
fn refuses_credentials(response: &Response) -> bool {
    const UNAUTHENTICATED: &[u8] = b"16";
    const PERMISSION_DENIED: &[u8] = b"7";
    let code = response.trailers.get("grpc-status").or_else(|| response.headers.get("grpc-status"));
    matches!(response.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        || code.is_some_and(|code| matches!(code.as_bytes(), UNAUTHENTICATED | PERMISSION_DENIED))
}

fn connector(tls: rustls::ClientConfig, http2: bool) -> Connector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(IDLE));
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    let connector = if http2 {
        builder.enable_http2().wrap_connector(tcp)
    } else {
        builder.enable_http1().wrap_connector(tcp)
    };
    // HTTP/1 writes a body in one go anyway.
    Joining { connector, joins: http2 }
}

fn client(connector: &Connector, http2: bool) -> HttpClient {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(1)
        .http2_only(http2)
        .build(connector.clone())
}

async fn read(response: ::http::Response<Incoming>, deadline: Instant) -> Result<Response, SendError> {
    let (parts, mut body) = response.into_parts();
    let mut read = Response {
        status: parts.status,
        headers: parts.headers,
        body: Vec::new(),
        cut: false,
        trailers: HeaderMap::new(),
    };
    loop {
        let failure = match timeout_at(deadline, body.frame()).await {
            Ok(None) => return Ok(read),
            Ok(Some(Ok(frame))) => {
                match frame.into_data() {
                    Ok(data) => {
                        let room = RESPONSE_LIMIT - read.body.len();
                        read.body.extend_from_slice(&data[..data.len().min(room)]);
                        if data.len() > room {
                            read.cut = true;
                            return Ok(read);
                        }
                    }
                    Err(frame) => read.trailers.extend(frame.into_trailers().unwrap_or_default()),
                }
                continue;
            }
            Ok(Some(Err(error))) => SendError::Body(error),
            Err(_) => SendError::Timeout,
        };
        if read.status.is_success() {
            return Err(failure);
        }
        // The status has said what matters; the rest were only words.
        read.cut = true;
        return Ok(read);
    }
}

/// Fast rather than small: this competes with the program's own work.
pub(super) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder =
        flate2::write::GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::fast());
    // Writing into memory does not fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests;
