//! OTLP over gRPC against tonic's server.

use std::sync::Arc;
use std::time::Duration;

use crate::support::*;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tonic::codec::CompressionEncoding;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tracer_factory_core::config::{Compression, OtlpConfig, OtlpProtocol};
use tracer_factory_core::delivery::{Batch, Delivered, Outcome};
use tracer_factory_core::otlp::encode_request;
use tracer_factory_core::span::SpanData;

type Answer = Result<ExportTraceServiceResponse, Status>;

struct Collector<F> {
    respond: F,
    requests: mpsc::UnboundedSender<Request<ExportTraceServiceRequest>>,
}

#[tonic::async_trait]
impl<F: Fn() -> Answer + Send + Sync + 'static> TraceService for Collector<F> {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let _ = self.requests.send(request);
        (self.respond)().map(Response::new)
    }
}

type Requests = mpsc::UnboundedReceiver<Request<ExportTraceServiceRequest>>;

/// A collector that answers so; its URL and what it gets.
async fn collector(respond: impl Fn() -> Answer + Send + Sync + 'static) -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (requests, received) = mpsc::unbounded_channel();
    let service = TraceServiceServer::new(Collector { respond, requests })
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpIncoming::from(listener)),
    );
    (url, received)
}

fn fine() -> Answer {
    Ok(ExportTraceServiceResponse::default())
}

fn grpc(url: String) -> OtlpConfig {
    let mut config = config(url);
    config.protocol = Some(OtlpProtocol::Grpc);
    config
}

async fn outcome_of(respond: impl Fn() -> Answer + Send + Sync + 'static) -> Outcome {
    let (url, _requests) = collector(respond).await;
    deliver_to(url).await
}

#[tokio::test]
async fn spans_and_headers_arrive() {
    let expected = ExportTraceServiceRequest::decode(encode_request(&spans()).as_slice()).unwrap();
    for compression in [Compression::None, Compression::Gzip] {
        let (url, mut requests) = collector(fine).await;
        let mut config = config(url);
        config.compression = compression;
        config.headers.push(("Authorization".to_owned(), "Bearer s3cret".to_owned().into()));
        let mut destination = connect(config).unwrap();
        for _ in 0..2 {
            assert_eq!(destination.deliver(&batch()).await, Outcome::all());
            let got = requests.recv().await.unwrap();
            assert_eq!(got.get_ref(), &expected);
            assert_eq!(got.metadata().get("authorization").unwrap(), "Bearer s3cret");
            assert!(got.metadata().contains_key("grpc-timeout"));
        }
    }
}

#[tokio::test]
async fn partial_success_is_counted() {
    let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "no".to_owned() };
    let outcome =
        outcome_of(move || Ok(ExportTraceServiceResponse { partial_success: Some(partial.clone()) })).await;
    assert_eq!(delivered(outcome), Delivered { rejected: 1, oversize: 0, message: Some("no".to_owned()) });
}

/// A server's own limit, not ours to know.
#[tokio::test]
async fn what_a_server_can_not_take_at_once_is_too_large() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (requests, mut received) = mpsc::unbounded_channel();
    let service =
        TraceServiceServer::new(Collector { respond: fine, requests }).max_decoding_message_size(200);
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpIncoming::from(listener)),
    );
    let mut destination = connect(config(url)).unwrap();
    let outcome = destination.deliver(&batch()).await;
    let Outcome::TooLarge(error) = outcome else { panic!("{outcome:?}") };
    assert!(error.to_string().contains("raise its limit"), "{error}");
    assert!(received.try_recv().is_err());
    let small = Batch::from_spans(&[SpanData { resource: Arc::default(), ..spans().swap_remove(0) }]);
    assert_eq!(destination.deliver(&small).await, Outcome::all());
}

#[tokio::test]
async fn a_server_without_the_service_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let empty = tonic::service::Routes::default();
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_routes(empty)
            .serve_with_incoming(TcpIncoming::from(listener)),
    );
    let error = rejected(deliver_to(url.clone()).await);
    assert!(error.starts_with(&format!("{url}: ")) && error.contains("no OTLP trace service"), "{error}");
}

#[tokio::test]
async fn the_wrong_port_is_recognised_both_ways() {
    let http = Server::start(|| {
        crate::support::Answer::Last(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec())
    })
    .await;
    // HTTP/2's preface has no content-length, so the server answers at once.
    let error = retried(connect(grpc(http.url(""))).unwrap().deliver(&batch()).await).1;
    assert!(error.contains("4318"), "{error}");

    let (url, _requests) = collector(fine).await;
    let error = retried(deliver_to(format!("{url}/v1/traces")).await).1;
    assert!(error.contains("HTTP/1.1"), "{error}");
}

#[tokio::test]
async fn a_silent_server_ends_at_the_limit_and_a_new_connection_is_made() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = grpc(format!("http://{}", listener.local_addr().unwrap()));
    config.timeout = Duration::from_millis(200);
    let connections = Arc::new(tokio::sync::Semaphore::new(0));
    let accepted = Arc::clone(&connections);
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
            accepted.add_permits(1);
        }
    });
    let mut destination = connect(config).unwrap();
    for _ in 0..2 {
        let error = retried(destination.deliver(&batch()).await).1;
        assert!(error.contains("200ms"), "{error}");
    }
    connections.acquire_many(2).await.unwrap().forget();
}

/// A proxy on the way answers in HTTP's terms.
#[tokio::test]
async fn a_success_without_a_grpc_status_is_none() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let plain = tonic::service::Routes::default();
    let router = plain.into_axum_router().fallback(|| async { "hello" });
    let routes = tonic::service::Routes::from(router);
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_routes(routes)
            .serve_with_incoming(TcpIncoming::from(listener)),
    );
    let error = rejected(deliver_to(url).await);
    assert!(error.contains("grpc-status"), "{error}");
}
