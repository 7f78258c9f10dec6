//! The workspace's HTTP client behind the interface that upstream's exporters take.

use std::fmt;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response, ResponseBodyTooLarge};
use tokio::sync::Mutex;
use tracer_factory_core::http::HttpSender;

use crate::adapter::LastOutcome;

/// Sends to one URL: no redirect is followed, and the TLS settings are those of the native backends.
pub(crate) struct SdkHttpClient {
    sender: Mutex<HttpSender>,
    last: LastOutcome,
}

impl SdkHttpClient {
    pub(crate) fn new(sender: HttpSender, last: LastOutcome) -> Self {
        Self { sender: Mutex::new(sender), last }
    }
}

#[async_trait]
impl HttpClient for SdkHttpClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.sender.lock().await.send(request).await;
        let answer = answer.map_err(|outcome| {
            self.last.set(outcome);
            "the request failed"
        })?;
        if answer.cut {
            return Err(Box::new(ResponseBodyTooLarge::new()));
        }
        let mut response = Response::new(Bytes::from(answer.body));
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}

impl fmt::Debug for SdkHttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SdkHttpClient")
    }
}
