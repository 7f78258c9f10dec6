//! What the three services share: a port, the span around a request, and an end.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracer_factory::{BaseTracer, Span, SpanKind, SpanOptions, StatusCode};

use super::DemoError;
use super::answer::{Answer, Failure};

/// A body as axum read it, or why it could not.
pub(super) type Body = Result<Bytes, BytesRejection>;

/// A port that is held and not served yet.
pub(super) struct Held {
    listener: TcpListener,
    pub(super) addr: SocketAddr,
    /// The port that was asked for, when somebody else has it.
    pub(super) instead_of: Option<u16>,
}

impl Held {
    /// Takes `port`, or any free one when it is taken or 0.
    pub(super) async fn take(service: &'static str, port: u16) -> Result<Self, DemoError> {
        let error = |source| DemoError::Bind { service, port, source };
        let (listener, instead_of) = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => (listener, None),
            Err(taken) if taken.kind() == std::io::ErrorKind::AddrInUse => {
                (TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(error)?, Some(port))
            }
            Err(other) => return Err(error(other)),
        };
        let addr = listener.local_addr().map_err(error)?;
        Ok(Self { listener, addr, instead_of })
    }

    /// Serves until the sender of `stop` is gone, then finishes the requests under way.
    pub(super) fn serve(
        self,
        router: Router,
        mut stop: watch::Receiver<()>,
    ) -> JoinHandle<std::io::Result<()>> {
        let app = router.into_make_service_with_connect_info::<SocketAddr>();
        let stopped = async move { while stop.changed().await.is_ok() {} };
        tokio::spawn(axum::serve(self.listener, app).with_graceful_shutdown(stopped).into_future())
    }
}

/// The span of a request, under the caller's when its headers name one.
pub(super) fn request_span(tracer: &dyn BaseTracer, name: &str, headers: &HeaderMap) -> Span {
    let caller = tracer.extract_context(headers);
    tracer.start_span(&SpanOptions::new(name).kind(SpanKind::Server).parent_context(&caller))
}

/// What the body says.
pub(super) fn parse<T: DeserializeOwned>(body: Body, example: &'static str) -> Result<T, Failure> {
    let body = body.map_err(|rejection| Failure::Unreadable { rejection })?;
    serde_json::from_slice(&body).map_err(|source| Failure::Malformed { example, source })
}

/// Puts the outcome on the current span. A request that is itself wrong is no error of the server's span.
pub(super) fn conclude(tracer: &dyn BaseTracer, outcome: Result<Answer, Failure>) -> Answer {
    let answer = match outcome {
        Ok(answer) => {
            if answer.status.is_server_error() {
                tracer.set_span_status(StatusCode::Error, "a service further on failed");
            }
            answer
        }
        Err(failure) => refuse(tracer, &failure),
    };
    tracer.add_span_attribute("http.response.status_code", answer.status.as_u16().into());
    if answer.status.is_server_error() {
        tracer.add_span_attribute("error.type", answer.status.as_str().into());
    }
    answer
}

fn refuse(tracer: &dyn BaseTracer, failure: &Failure) -> Answer {
    let words = failure.to_string();
    let answer = Answer::failure(failure.status(), &words);
    if answer.status.is_server_error() {
        let details = [("exception.type", failure.kind().into()), ("exception.message", (&words).into())];
        tracer.add_span_event("exception", &details);
        tracer.set_span_status(StatusCode::Error, &words);
    } else {
        tracer.add_span_event("request refused", &[("reason", (&words).into())]);
    }
    answer
}
